"""One subcommand for each stage of a run, and `run`, which is nothing but those in order."""

from __future__ import annotations

from typing import Annotated

import typer

from screening.cli.shown import AGAIN, model_at, print_reasons, print_scores, print_summary, settings, tell_lost
from screening.commands.flags import (
    AnyTemperature,
    ConfigFile,
    Crystals,
    Device,
    Engine,
    Exclude,
    Features,
    Fold,
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
from screening.errors import InputError
from screening.locations import delivered, fetched, require


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
    print_summary(record, out_dir)


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
    print_scores(model.scores)
    typer.echo(f"model: {out_dir}")


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
    loaded = model_at(model)
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
    print_reasons(ranked.reasons("held_back"), ranked.reasons("marks"))
    if not ranked.listed:
        raise InputError(
            "the ranking is empty: the store holds no crystal but those the model was trained on; "
            "give a store of others, or --rank-labelled"
        )


def report(run_dir: RunAt, top: Top = None, quiet: Quiet = False) -> None:
    """Write the self-contained HTML page of a run."""
    require(run_dir)
    from screening.pipeline import report as write_page

    with shown_progress(quiet=quiet, again="the same command writes it anew") as progress:
        page, lost = write_page(run_dir, top=top, progress=progress)
    typer.echo(page)
    tell_lost(lost, "the page shows no structure of their crystals")
