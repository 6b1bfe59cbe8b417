"""Subcommands that bring or make crystals: from databases, by rule, from labels, as series."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from screening.cli.shown import AGAIN, model_at, settings
from screening.commands.flags import ConfigFile, Ion, MaybeModel, Out, OutHere, Quiet, Seed, Threads
from screening.commands.terminal import say, shown_progress
from screening.errors import InputError
from screening.locations import delivered, location, require


def fetch_optimade(
    url: Annotated[str, typer.Argument(metavar="URL", help="base URL of an OPTIMADE server")],
    out_path: OutHere,
    filter: Annotated[str, typer.Option("--filter", help="such as 'elements HAS \"Li\" AND nelements>=3'")] = "",
    field: Annotated[
        list[str] | None, typer.Option(help="further property to ask for, such as _mp_stability; repeatable")
    ] = None,
    pause: Annotated[float, typer.Option(help="least time between two requests, s", min=0)] = 0.5,
) -> None:
    """Fetch structures of an OPTIMADE server into one .jsonl.gz that every command reads; stopped, it goes on."""
    from screening.commands import Query
    from screening.commands import fetch_optimade as fetch_all

    count = fetch_all(Query(url, filter, tuple(field or ())), out_path, say=say, pause=pause)
    typer.echo(f"{count} structures; {out_path}")


def fetch_cod(
    mirror: Annotated[Path, typer.Argument(metavar="MIRROR", help="local mirror of the COD (rsync)")],
    out_path: OutHere,
    ids: Annotated[str, typer.Option(help="range of numbers, both included: 1000000-1999999")] = "1000000-9999999",
) -> None:
    """List the files of a range of numbers of a local COD mirror, to be read as @LIST."""
    require(mirror)
    import re

    from screening.commands import list_cod

    found = re.fullmatch(r"(\d{7})-(\d{7})", ids)
    if found is None:
        raise InputError(f"--ids {ids!r:.60} is no range such as 1000000-1999999")
    count = list_cod(mirror, out_path, first=int(found[1]), last=int(found[2]))
    typer.echo(f"{count} files; read them as @{out_path}")


def generate(
    out_path: OutHere,
    n: Annotated[int, typer.Option("-n", help="how many candidates", min=1)] = 2000,
    seed: Seed = None,
    ion: Ion = None,
    seeds_from: Annotated[
        list[str] | None, typer.Option("--from", help="substitute into these crystals, not the embedded ones")
    ] = None,
) -> None:
    """Make candidate crystals by charge-balanced substitution, as a folder or a .zip/.tar.gz of CIF files."""
    from screening.generation import write_candidates

    written = write_candidates(out_path, n=n, seed=seed or 0, ion=ion or "Li", seeds_from=seeds_from)
    typer.echo(f"{written} candidates; {out_path}")


def known(
    out_dir: OutHere,
    measured: Annotated[
        bool,
        typer.Option("--measured", help="those that train where no labels are given: crystals and compounds"),
    ] = False,
) -> None:
    """Write the embedded table of well-known lithium crystals as CIF files and labels.csv."""
    from screening.data import write_known, write_measured

    typer.echo(f"{write_measured(out_dir) if measured else write_known(out_dir)} crystals; {out_dir}")


def isotypes(
    labels: Annotated[Path, typer.Argument(help="CSV table of conductivities with composition, space group and cell")],
    templates: Annotated[
        list[str], typer.Option("--templates", help="crystals that structures are made on; repeatable")
    ],
    out_dir: OutHere,
    config: ConfigFile = None,
) -> None:
    """Make structures for compounds without one, each on the nearest crystal of its space group."""
    require(labels, *templates, config)
    from screening.commands import write_isotypes_of

    count, refused = write_isotypes_of(labels, templates, out_dir, config=settings(config), say=say)
    typer.echo(f"{count} structures made, {refused} compounds refused; {out_dir}")


def series(
    target: Annotated[
        Any, typer.Argument(metavar="CRYSTAL|RUN", parser=location, help="one crystal, or folder of `screening run`")
    ],
    out_file: Out,
    id: Annotated[str | None, typer.Option("--id", help="id of the crystal; needed of a RUN")] = None,
    dopants: Annotated[
        list[str] | None,
        typer.Option("--with", help="element put in, also Al,Mg,Cl; those nearest in charge and radius if not given"),
    ] = None,
    sites: Annotated[list[str] | None, typer.Option("--site", help="only on sites of this element; also Zr,La")] = None,
    step: Annotated[float, typer.Option(help="of x, per formula unit")] = 0.05,
    most: Annotated[float, typer.Option(help="largest x, per formula unit")] = 0.25,
    model: MaybeModel = None,
    config: ConfigFile = None,
    threads: Threads = None,
    quiet: Quiet = False,
) -> None:
    """Make series of doped, charge-balanced variants of a crystal, each predicted beside it, as a .zip of CIF files."""
    require(target, model, config)
    from screening.commands import SeriesOptions, best_lines, make_series
    from screening.host import cores

    options = SeriesOptions(
        target=target,
        id=id,
        dopants=_split(dopants),
        sites=_split(sites),
        step=step,
        most=most,
        model=model,
    )
    chosen = settings(config)
    with shown_progress(quiet=quiet, again=AGAIN) as progress, delivered(out_file) as file:
        made, told, count = make_series(
            options,
            file,
            config=chosen,
            shipped=lambda: model_at(None),
            threads=threads or cores(),
            say=progress.say,
        )
    for note in (*made.notes, *told.lines()):
        say(note)
    for line in best_lines(told.table):
        typer.echo(line)
    typer.echo(f"{count - 1} variants and their parent; {out_file}")


def _split(values: list[str] | None) -> tuple[str, ...]:
    return tuple(part.strip() for value in values or () for part in value.split(",") if part.strip())
