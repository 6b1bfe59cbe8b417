"""The `screening` command: one subcommand per stage, and `run`, which is nothing but those in order."""

from __future__ import annotations

import errno
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import screening
from screening.commands.flags import (
    AnyTemperature,
    ConfigFile,
    Crystals,
    Device,
    Engine,
    Exclude,
    Features,
    Fold,
    Grid,
    GroupColumn,
    IdColumn,
    Ion,
    Labels,
    LabelsOrNone,
    MaybeModel,
    ModelDir,
    MoreLabels,
    Objective,
    Out,
    OutHere,
    PerPrototype,
    Properties,
    Quiet,
    RankLabelled,
    RunAt,
    Scheduler,
    Seed,
    Target,
    TargetColumn,
    Threads,
    Top,
    Workers,
)
from screening.commands.terminal import ERR, say, shown_progress
from screening.errors import InputError, ScreeningError
from screening.locations import Location, delivered, fetched, location, require

if TYPE_CHECKING:
    from screening.config import Config
    from screening.learn import Model
    from screening.runs import RunRecord

app = typer.Typer(
    help="Rank crystals by lithium-ion conductivity predicted from the topology of their sublattices.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
fetch = typer.Typer(help="Fetch crystals from databases.", no_args_is_help=True)
app.add_typer(fetch, name="fetch")
# Faults of a file system that pass when somebody makes room or mounts it again.
AGAIN = "the same command does it anew"
PASSING = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)


def settings(path: Path | None, **flags: Any) -> Config:
    """Return the config of a file with the given flags, named section__key, laid over it; None = not given."""
    require(path)
    from screening.config import read_config

    overrides: dict[str, Any] = {}
    for name, value in flags.items():
        if value is not None:
            section, _, key = name.rpartition("__")
            (overrides.setdefault(section, {}) if section else overrides)[key] = value
    return read_config(path, overrides)


@app.command()
def run(
    crystals: Crystals,
    out_dir: Out,
    labels: LabelsOrNone = None,
    properties: Properties = None,
    more_labels: MoreLabels = None,
    config: ConfigFile = None,
    id_column: IdColumn = None,
    target_column: TargetColumn = None,
    group_column: GroupColumn = None,
    any_temperature: AnyTemperature = False,
    rank_labelled: RankLabelled = False,
    engine: Engine = None,
    ion: Ion = None,
    device: Device = None,
    seed: Seed = None,
    workers: Workers = None,
    scheduler: Scheduler = None,
    objective: Objective = None,
    target: Target = None,
    exclude: Exclude = None,
    per_prototype: PerPrototype = None,
    fold: Fold = None,
    top: Top = None,
    quiet: Quiet = False,
) -> None:
    """Take crystals and measured conductivities to a ranked, explained list of candidates.

    Without labels it trains on the embedded known conductors. The same command again on an existing RUN goes on where
    it stopped.
    """
    require(*crystals, labels, more_labels, properties, config)
    from screening.pipeline import LabelOptions, RunOptions
    from screening.pipeline import run as run_pipeline

    chosen = settings(
        config,
        seed=seed,
        device=device,
        homology__engine=engine,
        cloud__mobile_ion=ion,
        cluster__workers=workers,
        cluster__scheduler=scheduler,
        rank__top=top,
        rank__objective=objective,
        rank__target=target,
        rank__exclude_elements=exclude,
        rank__per_prototype=per_prototype,
        rank__fold=fold,
    )
    options = RunOptions(
        crystals=tuple(crystals),
        labels=None
        if labels is None
        else LabelOptions(labels, id_column, target_column, group_column, any_temperature, more=more_labels),
        out=out_dir,
        rank_labelled=rank_labelled,
        properties=properties,
    )
    with shown_progress(quiet=quiet) as progress:
        record = run_pipeline(options, config=chosen, progress=progress)
    _print_summary(record, out_dir)


@app.command()
def featurize(
    crystals: Crystals,
    out_store: Out,
    config: ConfigFile = None,
    engine: Engine = None,
    ion: Ion = None,
    device: Device = None,
    workers: Workers = None,
    scheduler: Scheduler = None,
    quiet: Quiet = False,
) -> None:
    """Turn crystals into a Zarr store of topological curves; go on where an earlier call stopped."""
    require(*crystals, config)
    from screening.cluster import featurize_all
    from screening.ranking import write_rejections
    from screening.runs import passed_over, rejected_beside
    from screening.store import read_rejections

    chosen = settings(
        config,
        device=device,
        homology__engine=engine,
        cloud__mobile_ion=ion,
        cluster__workers=workers,
        cluster__scheduler=scheduler,
    )
    with shown_progress(quiet=quiet) as progress:
        featurize_all(crystals, config=chosen, out=out_store, progress=progress)
    rejections = read_rejections(out_store)
    rejected = rejected_beside(out_store)
    with delivered(rejected) as file:
        write_rejections(rejections, file)
    done = progress.found - progress.rejected
    typer.echo(f"{progress.found} found = {done} featurized + {progress.rejected} rejected; {out_store}")
    for sentence in passed_over(rejections):
        typer.echo(sentence)
    if rejections:
        typer.echo(f"rejected: {rejected}")


@app.command()
def train(
    features: Features,
    labels: Labels,
    out_dir: Out,
    config: ConfigFile = None,
    id_column: IdColumn = None,
    target_column: TargetColumn = None,
    group_column: GroupColumn = None,
    any_temperature: AnyTemperature = False,
    more_labels: MoreLabels = None,
    device: Device = None,
    seed: Seed = None,
    threads: Threads = None,
    quiet: Quiet = False,
) -> None:
    """Train on log10 conductivity with grouped cross-validation."""
    require(features, labels, more_labels, config)
    from screening.host import resolve
    from screening.pipeline import LabelOptions, train_model

    table = LabelOptions(labels, id_column, target_column, group_column, any_temperature, more=more_labels).read()
    for note in table.notes:
        say(f"labels: {note}")
    chosen = settings(config, seed=seed, device=device)
    with shown_progress(quiet=quiet) as progress, delivered(out_dir) as folder:
        model, _ = train_model(
            features,
            table,
            folder,
            config=chosen,
            device=resolve(chosen.device),
            threads=threads,
            progress=progress,
        )
    _print_scores(model.scores)
    typer.echo(f"model: {out_dir}")


@app.command()
def compare(
    crystals: Crystals,
    labels: Labels,
    out_dir: OutHere,
    config: ConfigFile = None,
    id_column: IdColumn = None,
    target_column: TargetColumn = None,
    group_column: GroupColumn = None,
    any_temperature: AnyTemperature = False,
    split: Annotated[str, typer.Option(help="publication, grouped, family, cluster or random")] = "publication",
    repeats: Annotated[int, typer.Option(min=1, help="of the outer folds")] = 3,
    trials: Annotated[int, typer.Option(min=1, help="settings tried per learner, feature set and outer fold")] = 6,
    budget: Annotated[
        float | None, typer.Option(min=1, help="s; searches stop when it is used up, and results may then differ")
    ] = None,
    learner: Annotated[list[str] | None, typer.Option(help="only this one; repeatable")] = None,
    features: Annotated[list[str] | None, typer.Option(help="only this feature set; repeatable")] = None,
    engine: Annotated[list[str] | None, typer.Option(help="periodic, supercell; repeatable")] = None,
    workers: Workers = None,
    seed: Seed = None,
) -> None:
    """Set learners against feature sets on nested grouped folds: a leaderboard with paired differences."""
    require(*crystals, labels, config)
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    from screening.commands import ENGINES, compare_crystals
    from screening.host import cores
    from screening.learn.compare import CompareOptions
    from screening.pipeline import LabelOptions

    chosen = settings(config, seed=seed, cluster__workers=workers)
    table = LabelOptions(labels, id_column, target_column, group_column, any_temperature).read()
    for note in table.notes:
        say(f"labels: {note}")
    options = CompareOptions(
        split=split,
        repeats=repeats,
        trials=trials,
        budget=budget,
        seed=chosen.seed,
        workers=chosen.cluster.workers or cores(),
        contenders=tuple(learner or CompareOptions().contenders),
        sets=tuple(features or ()),
    )
    with Bar(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=ERR
    ) as bar:
        task = bar.add_task("searches", total=None)
        found = compare_crystals(
            crystals,
            table,
            config=chosen,
            options=options,
            out=out_dir,
            engines=engine or ENGINES,
            say=bar.console.print,
            tell=lambda done, of: bar.update(task, completed=done, total=of),
        )
    best = found.leaderboard.iloc[0]
    typer.echo((out_dir / "leaderboard.md").read_text(encoding="utf-8"))
    typer.echo(f"smallest error: {best.learner} on {best.features}, MAE {best.mae:.2f}, R² {best.r2:.2f}; {out_dir}")


@app.command()
def explain(
    features: Features,
    model: ModelDir,
    out_dir: Out,
    config: ConfigFile = None,
    device: Device = None,
    seed: Seed = None,
    threads: Threads = None,
    quiet: Quiet = False,
) -> None:
    """Sum SHAP values to kinds of hole: which channel, dimension and radius band decides."""
    require(features, model, config)
    from screening.host import resolve
    from screening.learn import load_model
    from screening.pipeline import explain_model

    chosen = settings(config, seed=seed, device=device)
    with fetched(model) as folder:
        loaded = load_model(folder)
    with shown_progress(quiet=quiet, again=AGAIN) as progress, delivered(out_dir) as folder:
        progress.enter("explaining")
        explain_model(features, loaded, folder, config=chosen, device=resolve(chosen.device), threads=threads)
    typer.echo(f"explanation: {out_dir}")


@app.command()
def rank(
    features: Features,
    out_file: Out,
    model: MaybeModel = None,
    properties: Properties = None,
    config: ConfigFile = None,
    rank_labelled: RankLabelled = False,
    objective: Objective = None,
    target: Target = None,
    exclude: Exclude = None,
    per_prototype: PerPrototype = None,
    fold: Fold = None,
    seed: Seed = None,
    threads: Threads = None,
    quiet: Quiet = False,
) -> None:
    """Order the candidates by predicted conductivity; .csv or .parquet by suffix."""
    require(features, model, properties, config)
    from screening.pipeline import rank_crystals
    from screening.ranking import read_property_table

    chosen = settings(
        config,
        seed=seed,
        rank__objective=objective,
        rank__target=target,
        rank__exclude_elements=exclude,
        rank__per_prototype=per_prototype,
        rank__fold=fold,
    )
    given = None
    if properties is not None:
        with fetched(properties) as table:
            given = read_property_table(table)
    loaded = _model(model)
    with shown_progress(quiet=quiet, again=AGAIN) as progress, delivered(out_file) as file:
        progress.enter("ranking")
        ranked = rank_crystals(
            features,
            loaded,
            file,
            config=chosen,
            labelled=rank_labelled,
            given=given,
            threads=threads,
            say=progress.say,
        )
    compared = ", ".join(f"{count} {answer}" for answer, count in ranked.checked.items() if count)
    ending = f" ({compared})" if compared else ""
    typer.echo(f"{ranked.listed} ranked, {ranked.duplicates} more entries of these{ending}; {out_file}")
    _print_reasons(ranked.reasons("held_back"), ranked.reasons("marks"))
    if not ranked.listed:
        raise InputError(
            "the ranking is empty: the store holds no crystal but those the model was trained on; "
            "give a store of others, or --rank-labelled"
        )


@app.command()
def report(run_dir: RunAt, top: Top = None, quiet: Quiet = False) -> None:
    """Write the self-contained HTML page of a run."""
    require(run_dir)
    from screening.pipeline import report as write_page

    with shown_progress(quiet=quiet, again="the same command writes it anew") as progress:
        page, lost = write_page(run_dir, top=top, progress=progress)
    typer.echo(page)
    _tell_lost(lost, "the page shows no structure of their crystals")


def _tell_lost(lost: list[str], what: str) -> None:
    """Raise where files are gone that the candidates of a RUN came from."""
    if lost:
        shown = ", ".join(lost[:3]) + (f" and {len(lost) - 3} more" if lost[3:] else "")
        raise InputError(f"{len(lost)} files that candidates came from are not there, {what}: {shown}")


@app.command()
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


@app.command()
def serve(
    run_dir: Annotated[Path, typer.Argument(metavar="RUN", help="folder of `screening run`")],
    host: Annotated[str, typer.Option(help="address to listen on; any but loopback asks for a token")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes a free one", min=0, max=65535)] = 8730,
) -> None:
    """Serve the page of a run with its whole ranking, searched and sorted here; open the printed address."""
    require(run_dir)
    from screening.serve import serve as run_server

    run_server(run_dir, host=host, port=port, say=typer.echo)


@app.command()
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


@app.command()
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


@app.command()
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


@app.command()
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
    loaded = _model(model)
    level, count = float(loaded.header.learn["interval"]), 0
    rows = predictions(crystals, loaded, limits=chosen.input, target=chosen.rank.target, threads=threads or cores())
    for row in rows:
        count += is_crystal(row)
        typer.echo(prediction_json(row) if as_json else "\n".join(prediction_lines(row, level=level)))
    if not count:
        raise InputError("no crystal found: none of the given paths holds one")


@app.command()
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


@fetch.command("optimade")
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


@fetch.command("cod")
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


@app.command()
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


@app.command()
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


@app.command()
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

    count, refused = write_isotypes_of(labels, templates, out_dir, config=settings(config))
    typer.echo(f"{count} structures made, {refused} compounds refused; {out_dir}")


@app.command()
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
            shipped=lambda: _model(None),
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


@app.command()
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


@app.command()
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


@app.command()
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


@app.command("config")
def show_config(config: ConfigFile = None) -> None:
    """Print the effective settings as TOML, each with its meaning."""
    from screening.config import as_toml

    typer.echo(as_toml(settings(config)), nl=False)


@app.command()
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


@app.command()
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


@app.command()
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


@app.callback(invoke_without_command=True)
def _main(version: Annotated[bool, typer.Option("--version", help="print the version")] = False) -> None:
    if version:
        typer.echo(screening.__version__)
        raise typer.Exit


def _model(place: Location | None) -> Model:
    """Return the model at a place, or the one that comes with the program, which is said with how good it is."""
    from screening.learn import load_model, shipped_model

    if place is not None:
        with fetched(place) as folder:
            return load_model(folder)
    model = shipped_model()
    error = model.scores["headline"]["grouped"]["mae"]
    say(
        f"model: the one that comes with the program, of {len(model.training.ids)} measured conductors; "
        f"typical error on new chemistry {error:.1f} powers of ten"
    )
    return model


def _print_scores(scores: dict[str, Any]) -> None:
    from screening.learn import score_lines

    for line in score_lines(scores):
        typer.echo(line)


def _print_summary(record: RunRecord, run_dir: Location) -> None:

    from screening.ranking import sentences

    counts = record.counts
    typer.echo(f"{counts.found} found = {counts.featurized} featurized + {counts.rejected} rejected", nl=False)
    codes = ", ".join(f"{code} {count}" for code, count in record.rejected_by_code.items())
    typer.echo(f" ({codes})" if codes else "")
    typer.echo(f"{counts.labelled} labelled crystals trained on, {counts.ranked} ranked", nl=False)
    typer.echo(f", {counts.duplicates} further entries of these" if counts.duplicates else "", nl=False)
    typer.echo(f", {counts.radius_cut} with a radius cut back" if counts.radius_cut else "")
    for sentence in record.passed_over:
        typer.echo(sentence)
    for sentence in sentences(record.properties):
        typer.echo(sentence)
    if record.flags:
        typer.echo(f"flags: {_counted(record.flags)}")
    _print_reasons(record.held_back, record.marks)
    _print_scores(record.scores)
    typer.echo(f"ranking: {run_dir / 'ranking.csv'}")
    typer.echo(f"report:  {run_dir / 'report.html'}")
    if not counts.ranked:
        raise InputError(_why_empty(counts.featurized, counts.labelled))


def _print_reasons(held_back: dict[str, int], marks: dict[str, int]) -> None:
    if held_back:
        typer.echo(f"held back: {_counted(held_back)}")
    if marks:
        typer.echo(f"marks: {_counted(marks)}")


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def _why_empty(featurized: int, labelled: int) -> str:
    """Return why no crystal is ranked."""
    if not featurized:
        return "the ranking is empty: no crystal could be used; rejected.csv says why"
    return (
        f"the ranking is empty: all {featurized} crystals that could be used are labelled ones "
        f"({labelled} trained on); give crystals without a label, or --rank-labelled"
    )


def main() -> None:
    """Run the command line; a user's mistake is one line on standard error and exit code 1 (usage: 2)."""
    try:
        app()
    except ScreeningError as error:
        ERR.print(f"screening: {error}", style="red", highlight=False, markup=False, soft_wrap=True)
        sys.exit(1)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        after = "; the same command goes on from here" if error.errno in PASSING else ""
        ERR.print(f"screening: {place}{error.strerror or error}{after}", style="red", markup=False, soft_wrap=True)
        sys.exit(1)
    except KeyboardInterrupt:
        ERR.print("screening: interrupted; the same command goes on from here")
        sys.exit(130)
