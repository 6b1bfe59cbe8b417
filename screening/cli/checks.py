"""Subcommands that judge: models against new labels, speed, settings, stores, this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from screening.cli.shown import settings
from screening.commands.flags import ConfigFile, Crystals, IdColumn, OutHere, RunAt, Seed, TargetColumn, Workers
from screening.commands.terminal import ERR, say
from screening.locations import location, require


def freeze(
    run_dir: Annotated[Path, typer.Argument(metavar="RUN", help="folder of a finished run")],
    out_file: OutHere,
    date: Annotated[str | None, typer.Option(help="as it is to stand in the file; today if not given")] = None,
) -> None:
    """Freeze the predictions of a RUN in one .zip with one SHA-256, to be published before anything is measured."""
    require(run_dir)
    from datetime import UTC, datetime

    from screening.commands import write_frozen

    digest = write_frozen(run_dir, out_file, date=date or datetime.now(UTC).date().isoformat())
    typer.echo(f"SHA-256 {digest}; {out_file}")


def score(
    frozen: Annotated[Path, typer.Argument(help="file of `screening freeze`")],
    measured: Annotated[Path, typer.Argument(help="CSV table of what was measured since")],
    id_column: IdColumn = None,
    target_column: TargetColumn = None,
) -> None:
    """Score frozen predictions against what was measured since, beside mean, nearest neighbour and composition."""
    require(frozen, measured)
    from screening.commands import read_frozen, score_frozen, score_words
    from screening.learn import read_labels

    labels = read_labels(measured, id_column=id_column, target_column=target_column)
    typer.echo("\n".join(score_words(score_frozen(read_frozen(frozen), labels))))


def bench(
    crystals: Crystals,
    n: Annotated[int, typer.Option("-n", help="how many crystals to draw for the trial", min=1)] = 200,
    config: ConfigFile = None,
    workers: Workers = None,
    seed: Seed = None,
) -> None:
    """Measure which engine and device featurizes your crystals fastest here; print the config lines to use."""
    require(*crystals, config)
    from rich.console import Console
    from rich.table import Table

    from screening import commands as trial

    chosen = settings(config, cluster__workers=workers, seed=seed)
    items = trial.sample(crystals, n=n, config=chosen, seed=chosen.seed)
    measured = trial.measure(items, chosen, tell=say)
    table = Table(title=f"{len(items)} crystals, CIF to store")
    for title in ("engine", "device", "crystals/s", "watts of GPUs", "note"):
        table.add_column(title, justify="right" if title.startswith(("crystals", "watts")) else "left", overflow="fold")
    for one in measured:
        rate = "-" if one.rate is None else f"{one.rate:.1f}"
        watts = "-" if one.watts is None else f"{one.watts:.0f}"
        table.add_row(one.engine, one.device, rate, watts, one.note)
    Console(width=max(ERR.width, 100)).print(table)
    typer.echo("# fastest here; supercell engines give other features than periodic, and a model of their own")
    typer.echo(trial.config_lines(measured[0]), nl=False)


def show_config(config: ConfigFile = None) -> None:
    """Print the effective settings as TOML, each with its meaning."""
    from screening.config import as_toml

    typer.echo(as_toml(settings(config)), nl=False)


def verify(
    path: Annotated[Any, typer.Argument(metavar="RUN", parser=location, help="RUN folder or feature store")],
    repair: Annotated[
        bool, typer.Option("--repair", help="Put a damaged store right: metadata from its ledger, then the ledger.")
    ] = False,
) -> None:
    """Prove that a RUN or feature store is complete and unchanged; exit code 1 and what is wrong if not."""
    require(path)
    from screening.runs import metadata_covered, repaired
    from screening.runs import verify as faults_of

    if repair:
        lines, lost = repaired(path)
        for line in lines:
            typer.echo(line)
        raise typer.Exit(1 if lost else 0)
    faults = faults_of(path)
    for fault in faults:
        typer.echo(fault)
    if faults:
        raise typer.Exit(1)
    covered = "" if metadata_covered(path) else " (metadata not covered: the store was made by an earlier version)"
    typer.echo(f"{path}: complete and unchanged{covered}")


def status(run_dir: RunAt) -> None:
    """Show how far a RUN is: while it runs, after it finished or was killed."""
    require(run_dir)
    from screening.runs import status as status_of

    found = status_of(run_dir)
    typer.echo(f"{found.state}: {found.stage} ({found.time})")
    total = f"{found.found}" if found.listed else f"{found.found}+"
    typer.echo(f"{found.done} of {total} crystals done, {found.rejected} rejected")
    for code, count in found.codes.items():
        typer.echo(f"  {code} {count}")
    if found.state == "running" and found.stage == "featurize":
        left = found.seconds_left
        ending = "" if left is None else f", {left / 60:.0f} min left"
        typer.echo(f"{found.rate:.0f} crystals/s, {found.workers} workers{ending}")
    if found.state == "stopped":
        typer.echo("the same `screening run` command goes on from here")


def doctor(
    trials: Annotated[
        bool, typer.Option("--trials", help="try LightGBM's GPU learners too (may take minutes)")
    ] = False,
) -> None:
    """Show versions, devices and engines: what is available here, what is not, and how to get it."""
    from screening.commands import LEGEND, findings

    for finding in findings(trials=trials):
        typer.echo(finding.line())
    typer.echo(LEGEND)
