"""Subcommands that look at crystals and at the results of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from screening.cli.shown import model_at, settings
from screening.commands.flags import (
    ConfigFile,
    Crystals,
    Engine,
    Grid,
    Ion,
    MaybeModel,
    Out,
    OutHere,
    Quiet,
    RunAt,
    Target,
    Threads,
    Workers,
)
from screening.commands.terminal import say, shown_progress
from screening.errors import InputError
from screening.locations import delivered, location, require


def bvse(
    run_dir: RunAt,
    top: Annotated[int, typer.Option(help="candidates, the first of the ranking", min=1)] = 1000,
    grid: Grid = None,
    workers: Workers = None,
    quiet: Quiet = False,
) -> None:
    """Compute bond-valence barriers of the first candidates of a RUN; stopped, the same command goes on."""
    require(run_dir)
    from screening.pipeline import second_stage

    with shown_progress(quiet=quiet) as progress:
        counts = second_stage(run_dir, top=top, grid=grid, workers=workers, progress=progress)
    typer.echo(counts.sentence())
    typer.echo(f"barriers: {run_dir / 'bvse.csv'}; `screening report` and `screening export` show them")


def serve(
    run_dir: Annotated[Path, typer.Argument(metavar="RUN", help="folder of `screening run`")],
    host: Annotated[str, typer.Option(help="address to listen on; any but loopback asks for a token")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes a free one", min=0, max=65535)] = 8730,
) -> None:
    """Serve the page of a run with its whole ranking, searched and sorted here; open the printed address."""
    require(run_dir)
    from screening.serve import serve as run_server

    run_server(run_dir, host=host, port=port, say=typer.echo)


def export(
    store: Annotated[
        Any, typer.Argument(metavar="RUN|F.zarr", parser=location, help="folder of a run, or feature store")
    ],
    out_file: Out,
    top: Annotated[int | None, typer.Option(help="only the first so many candidates of a RUN", min=1)] = None,
    ids: Annotated[
        Path | None, typer.Option(help="only candidates named in this file: the page's CSV, or an id a line")
    ] = None,
) -> None:
    """Write candidates of a RUN (.csv .parquet .xlsx .md .bib .ipynb, .zip of CIFs) or features (.parquet .csv)."""
    require(store, ids)
    from screening.runs import RECORD, run_folder

    if (store / RECORD).is_file():
        from screening.report import export_candidates, read_ids

        with run_folder(store, filled=True) as paths, delivered(out_file) as file:
            chosen = read_ids(ids) if ids else None
            address = None if isinstance(store, Path) else str(store)
            exported = export_candidates(paths.root, file, top=top, ids=chosen, address=address)
        typer.echo(f"{exported.rows} candidates; {out_file}")
        if exported.lost:
            raise InputError(
                f"{len(exported.lost)} of {exported.rows} structures are not in {out_file}; missing.txt in it says "
                f"why: {exported.lost[0]}"
            )
        return
    if top is not None or ids is not None:
        raise InputError(f"{store} is not a RUN folder: --top and --ids choose candidates of one")
    from screening.store import export_features

    typer.echo(f"{export_features(store, out_file)} crystals; {out_file}")


def barcode(
    crystal: Annotated[str, typer.Argument(metavar="FILE.cif", help="one crystal")],
    out_file: OutHere,
    config: ConfigFile = None,
    engine: Engine = None,
    ion: Ion = None,
    channel: Annotated[list[str] | None, typer.Option(help="mobile, anion, cation, framework, all; repeatable")] = None,
) -> None:
    """Draw persistence diagram, Betti curves and percolation of one crystal (.svg, .png or .html)."""
    require(crystal, config)
    from screening.commands import draw

    chosen = settings(
        config, homology__engine=engine, cloud__mobile_ion=ion, cloud__channels=channel or ["mobile", "anion"]
    )
    draw(crystal, out_file, chosen)
    typer.echo(out_file)


def hole(
    crystal: Annotated[str, typer.Argument(metavar="FILE.cif", help="one crystal")],
    config: ConfigFile = None,
    ion: Ion = None,
    channel: Annotated[str, typer.Option(help="mobile, anion, cation, framework or all")] = "mobile",
    dim: Annotated[int | None, typer.Option(help="0 components, 1 rings, 2 cavities; all if not given", min=0)] = None,
    bars: Annotated[
        int, typer.Option(help="how many of the most persistent bars of each dimension to show", min=1)
    ] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="all channels, with coordinates, as JSON")] = False,
) -> None:
    """Name the atoms that open and close the rings and cavities of one crystal, and the corners of the rings."""
    require(crystal, config)
    import json

    from screening.commands import read_one
    from screening.homology import hole_atoms, hole_lines, hole_table

    chosen = settings(config, cloud__mobile_ion=ion)
    found = read_one(crystal, chosen)
    if as_json:
        typer.echo(json.dumps(hole_table(found, chosen, max_bars=bars)))
        return
    holes = hole_atoms(found, channel, chosen)
    for one in sorted({hole.dim for hole in holes} if dim is None else {dim}):
        of_dim = [hole for hole in holes if hole.dim == one]
        for line in hole_lines(found, of_dim[:bars]):
            typer.echo(line)
        if len(of_dim) > bars:
            typer.echo(f"and {len(of_dim) - bars} more")


def predict(
    crystals: Crystals,
    model: MaybeModel = None,
    target: Target = None,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object a line")] = False,
    threads: Threads = None,
) -> None:
    """Say what a model predicts of each crystal: conductivity, interval, the nearest measured one, or the refusal.

    For a handful, in seconds; `screening run` ranks and explains any number.
    """
    require(*crystals, model)
    from screening.commands import is_crystal, prediction_json, prediction_lines, predictions
    from screening.host import cores

    chosen = settings(None, rank__target=target)
    loaded = model_at(model)
    level, count = float(loaded.header.learn["interval"]), 0
    rows = predictions(crystals, loaded, limits=chosen.input, target=chosen.rank.target, threads=threads or cores())
    for row in rows:
        count += is_crystal(row)
        typer.echo(prediction_json(row) if as_json else "\n".join(prediction_lines(row, level=level)))
    if not count:
        raise InputError("no crystal found: none of the given paths holds one")


def inspect(
    crystals: Crystals,
    config: ConfigFile = None,
    ion: Ion = None,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object a line")] = False,
) -> None:
    """Show what is read of each crystal: formula, cell, symmetry, points of each sublattice, flags, or the refusal."""
    require(*crystals, config)
    from screening.commands import inspected

    count = 0
    for row in inspected(crystals, settings(config, cloud__mobile_ion=ion)):
        if not row.is_crystal:
            say(str(row.detail))
            continue
        count += 1
        typer.echo(row.as_json() if as_json else "\n".join(row.lines()))
    if not count:
        raise InputError("no crystal found: none of the given paths holds a CIF file")
