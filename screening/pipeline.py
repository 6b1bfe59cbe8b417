"""The stages, one function each, and `run`, which calls them in order; the commands call the same functions."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

import screening
from screening.cluster import Progress, fill, settle
from screening.config import Config
from screening.crystals import Crystal
from screening.data import write_measured
from screening.energy import BARRIERS_VERSION, barrier_rows
from screening.errors import InputError, Rejection
from screening.host import Device, cores, versions
from screening.learn import (
    Labels,
    Learner,
    Made,
    Model,
    at_a_time,
    check_count,
    check_match,
    choose_learner,
    composition_notes,
    make,
    read_labels,
    train,
    training_rows,
    write_isotypes,
)
from screening.locations import Location, fetched, location, make_folder, publish
from screening.ranking import (
    StoredTables,
    confirming,
    count_reasons,
    explain,
    labelling,
    properties,
    rank,
    read_property_table,
    sentences,
    stability,
    summary,
    write_ranking,
    write_rejections,
    write_stability,
)
from screening.report import write_explanation_plots, write_report
from screening.runs import (
    FORMAT_VERSION,
    BarrierRows,
    Counts,
    Journal,
    RunPaths,
    RunRecord,
    foreign_names,
    output_digests,
    passed_over,
    ranking_path,
    read_ranking,
    read_record,
    run_folder,
    write_barriers,
    write_record,
)
from screening.sources import Wanted, absent, find_crystals, iter_items
from screening.store import (
    FeatureStore,
    FeatureTable,
    count_flags,
    exists,
    read_properties,
    read_rejections,
    read_some,
)

# Candidates that SHAP values are averaged over, beside all labelled crystals.
EXPLAINED_OTHERS = 2_000
EMBEDDED = "known"  # folder of a RUN for the measured crystals that train where no labels are given


@dataclass(frozen=True, slots=True)
class LabelOptions:
    """A table of measured conductivities, and what its columns are called where that cannot be found out."""

    file: Location
    id_column: str | None = None
    target_column: str | None = None
    group_column: str | None = None
    any_temperature: bool = False
    more: Location | None = None  # a second table: labels of compounds without a crystal

    def read(self) -> Labels:
        """Return the labels."""
        with fetched(self.file) as table:
            labels = read_labels(
                table,
                id_column=self.id_column,
                target_column=self.target_column,
                group_column=self.group_column,
                any_temperature=self.any_temperature,
            )
        if self.more is None:
            return labels
        with fetched(self.more) as table:
            return labels.joined(read_labels(table, any_temperature=self.any_temperature))


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What a run is given beside its settings."""

    crystals: tuple[str, ...]
    labels: LabelOptions | None  # None: the embedded table of measured conductors trains
    out: Location
    rank_labelled: bool = False
    properties: Location | None = None  # table of further columns by id


@dataclass(frozen=True, slots=True)
class Ranked:
    """A ranking as it was written."""

    frame: pd.DataFrame  # all entries, duplicates too
    checked: dict[str, int]  # pairs taken for duplicates, by what their structures say
    properties: dict[str, Any]  # columns joined by id, and how many ids of their table are no crystal's

    @property
    def listed(self) -> int:
        """Number of crystals."""
        return int((self.frame["duplicate_of"] == "").sum())

    @property
    def duplicates(self) -> int:
        """Number of further entries of these."""
        return len(self.frame) - self.listed

    def reasons(self, column: str) -> dict[str, int]:
        """Return how many of the listed crystals hold each word of ``held_back`` or ``marks``."""
        return count_reasons(self.frame[column][self.frame["duplicate_of"] == ""])


def train_model(  # noqa: PLR0913
    features: Location,
    labels: Labels,
    folder: Path,
    *,
    config: Config,
    device: Device,
    rejections: list[Rejection] | None = None,
    threads: int | None = None,
    progress: Progress,
) -> tuple[Model, Learner]:
    """Train on the labelled crystals of a store and write the model to `folder`; return both model and learner.

    Parameters
    ----------
    features
        The store.
    labels
        Measured values.
    folder
        Where the model goes.
    config
        Settings; `learn` and `seed` are used.
    device
        Where LightGBM may train.
    rejections
        Refused inputs of the store, where they are at hand.
    threads
        Trainings at a time; all cores if not given. No value depends on it.
    progress
        Hears what was chosen.
    """
    rejections = read_rejections(features) if rejections is None else rejections
    labelled = read_some(features, ids=set(labels.ids))
    threads = threads or cores()
    learner = choose_learner(
        device.kind,
        forced=None if config.learn.learner == "auto" else config.learn.learner,
        rows=partial(training_rows, labelled, labels, config, rejections=rejections),
        settings=config.learn,
        trainings=at_a_time(threads=threads, size=len(labelled) * config.learn.trees),
    )
    progress.say(f"LightGBM on {learner.device_type}: {learner.tried[-1].message}")
    for note in composition_notes(labels, labelled):
        progress.say(note)
    made, crystals = make_isotypes(labelled, labels, config, progress=progress)
    model = train(labelled, labels, config, rejections=rejections, learner=learner, threads=threads, made=made)
    model.save(folder)
    if made is not None:
        write_isotypes(made, crystals, folder)
    return model, learner


def embedded_model(config: Config, *, progress: Progress) -> Model:
    """Return a model trained on the embedded measured conductors, as `run` trains it without labels; nothing is kept.

    Parameters
    ----------
    config
        Settings.
    progress
        Hears how far it is.
    """
    config, device = settle(config, progress)
    with TemporaryDirectory() as work:
        folder, store = Path(work) / EMBEDDED, Path(work) / "features.zarr"
        count = write_measured(folder)
        progress.say(f"no --model: {count} measured crystals of the embedded table train, see docs/citing.md")
        labels = LabelOptions(folder / "labels.csv").read()
        files = sorted(str(file) for file in folder.rglob("*.cif"))
        fill(files, config=config, device=device, out=store, progress=progress)
        progress.enter("training")
        return train_model(store, labels, Path(work) / "model", config=config, device=device, progress=progress)[0]


def make_isotypes(
    labelled: FeatureTable, labels: Labels, config: Config, *, progress: Progress
) -> tuple[Made | None, list[Crystal]]:
    """Return what is made of the labels that no crystal of a store stands for, on those that one does; None if nothing.

    The labelled crystals are read again from where they were found; those that are no longer there are no templates.
    """
    placed = {str(id) for id in labelled.ids}
    if labels.composition is None or not config.learn.isotypes or placed >= {str(id) for id in labels.ids}:
        return None, []
    facts = labelled.facts
    wanted = [
        Wanted(str(id), str(source), str(formula))
        for id, source, formula in zip(labelled.ids, facts["source"], facts["formula"], strict=True)
    ]
    found = find_crystals(wanted, config.input)
    templates = {id: one for id, one in found.items() if isinstance(one, Crystal)}
    if len(templates) < len(found):
        progress.say(f"{len(found) - len(templates)} labelled crystals cannot be read again: nothing is made on them")
    settings = labelled.settings
    of_store = config.model_copy(update={name: getattr(settings, name) for name in ("cloud", "homology", "curves")})
    made, crystals = make(labels, placed, templates, of_store)
    if made is not None:
        progress.say(f"{len(made)} labels without a crystal were put onto the nearest one, {len(made.refused)} refused")
    return made, crystals


def explain_model(  # noqa: PLR0913
    features: Location, model: Model, folder: Path, *, config: Config, device: Device, threads: int | None = None
) -> None:
    """Write which kinds of hole decide, over the training crystals and a seeded draw of others, to `folder`."""
    table = read_some(features, ids=set(model.training.ids), others=EXPLAINED_OTHERS, seed=config.seed)
    threads = threads or cores()
    explain(table, model, seed=config.seed, device=device.kind, threads=threads).save(folder)
    write_stability(stability(model, seed=config.seed, threads=threads), folder)
    write_explanation_plots(folder)


def rank_crystals(  # noqa: PLR0913
    features: Location,
    model: Model,
    file: Path,
    *,
    config: Config,
    labelled: bool,
    given: pd.DataFrame | None = None,
    threads: int | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Ranked:
    """Order the crystals of a store by what a model says, and write them to `file`.

    Parameters
    ----------
    features
        The store.
    model
        Trained on features of the same settings.
    file
        ``.csv`` or ``.parquet``; duplicates go beside it.
    config
        Settings; `rank` and `input` are used.
    labelled
        Whether crystals that the model was trained on are ranked too.
    given
        Further columns by id, beside those that entries of the store carried.
    threads
        Of LightGBM; all cores if not given. No value depends on it.
    say
        Hears what became of further columns and of `rank.hold_back`.
    """
    confirm, checked = confirming(config)
    joined = properties(read_properties(features), given)
    frame = rank(
        StoredTables(features),
        model,
        labelled=labelled,
        config=config.rank,
        threads=threads or cores(),
        confirm=confirm,
        label=labelling(config),
        properties=joined,
        say=say,
    )
    write_ranking(frame, file)
    told = summary(joined, [*frame["id"], *model.training.ids])
    for sentence in sentences(told):
        say(sentence)
    return Ranked(frame, dict(checked), told)


def report(run: Location, *, top: int | None, progress: Progress) -> tuple[Location, list[str]]:
    """Return the place of the page of a finished RUN, written anew, and the files of its candidates that are gone.

    It shows as many candidates as the run was asked to show, where `top` is None.
    """
    with run_folder(run, filled=True) as paths:
        if top is None:
            top = int(read_record(paths.record).section("rank").get("top", Config().rank.top))
        progress.enter("writing the report")
        page = write_report(paths.root, top=top, tell=progress.at)
        lost = absent(read_ranking(ranking_path(paths.root), top=top)["source"])
        if page.parent != run:
            (run / page.name).write_bytes(page.read_bytes())
    return run / page.name, lost


@dataclass(frozen=True, slots=True)
class SecondCounts:
    """What a second stage did."""

    barriers: int  # candidates with barriers
    marked: int  # of these, above the mark
    mark: float  # eV
    codes: dict[str, int]  # candidates without, by the reason

    def sentence(self) -> str:
        """Return what a person should know."""
        reasons = ", ".join(f"{code} {count}" for code, count in self.codes.items())
        without = f", {sum(self.codes.values())} without ({reasons})" if reasons else ""
        return (
            f"{self.barriers} candidates with bond-valence barriers{without}; E1D above {self.mark:g} eV: {self.marked}"
        )


def second_stage(
    run: Location, *, top: int, grid: float | None, workers: int | None, progress: Progress
) -> SecondCounts:
    """Compute the bond-valence barriers of the first candidates of a finished RUN, and write them into it.

    Parameters
    ----------
    run
        The RUN.
    top
        How many candidates.
    grid
        Largest distance of neighbouring grid points, Å; that of the run's settings if not given.
    workers
        Processes; one per core if not given or 0. No number depends on it.
    progress
        Hears how far it is.

    Raises
    ------
    InputError
        The run has not finished.
    """
    with run_folder(run, filled=True) as paths:
        record = read_record(paths.record)
        config = Config.model_validate({"second": record.section("second"), "input": record.section("input")})
        second = config.second.model_copy(update={"top": top, **({} if grid is None else {"grid": grid})})
        ion = str(record.section("cloud").get("mobile_ion", "Li"))
        counts = _barriers(
            paths, config.model_copy(update={"second": second}), ion=ion, workers=workers, progress=progress
        )
        written = (paths.barriers, paths.pathways)
        if record.outputs is not None:
            digests = {name: hash for name, hash in output_digests(paths).items() if name in {p.name for p in written}}
            write_record(paths.record, record.model_copy(update={"outputs": record.outputs | digests}))
        for path in (*written, paths.record):
            if path.parent != run:
                (run / path.name).write_bytes(path.read_bytes())
    return counts


def _barriers(paths: RunPaths, config: Config, *, ion: str, workers: int | None, progress: Progress) -> SecondCounts:
    """Do what `second_stage` does, with the files in `paths`."""
    second = config.second
    ranking = read_ranking(ranking_path(paths.root), top=second.top)
    wanted = [Wanted(*map(str, row)) for row in zip(ranking["id"], ranking["source"], ranking["formula"], strict=True)]
    settings = {"ion": ion, "grid": second.grid, "version": BARRIERS_VERSION}
    kept = BarrierRows(paths, settings=settings)
    progress.enter("reading candidates")
    left = [one for one in wanted if kept.of((one.id, one.source, one.formula)) is None]
    crystals = find_crystals(left, config.input)
    progress.enter("bond-valence barriers")
    done = len(wanted) - len(left)
    progress.at(done, len(wanted))
    pairs = [(one, crystals[one.id]) for one in left]
    for rows in barrier_rows(pairs, ion=ion, grid=second.grid, workers=workers or cores()):
        kept.add(rows)
        done += len(rows)
        progress.at(done, len(wanted))
    found = [kept.of((one.id, one.source, one.formula)) for one in wanted]
    rows = [row for row in found if row is not None]
    write_barriers(paths, rows, settings=settings, high=second.mark)
    without = Counter(row.code for row in rows if row.code)
    marked = sum(row.barriers[0] > second.mark for row in rows if not row.code)
    return SecondCounts(len(rows) - without.total(), marked, second.mark, dict(sorted(without.items())))


def run(options: RunOptions, *, config: Config, progress: Progress) -> RunRecord:
    """Take crystals and labels to a ranked, explained list in `options.out`; return the record written to run.json."""
    with run_folder(options.out, filled=False) as paths:
        return _run(options, paths, config=config, progress=progress)


def _run(options: RunOptions, paths: RunPaths, *, config: Config, progress: Progress) -> RunRecord:
    """Do what `run` does, with the files in `paths`."""
    seconds: dict[str, float] = {}
    for path in options.crystals:
        location(path.removeprefix("@"))  # a URL that is refused, for credentials in it, must not reach the log
    crystals, labels, table = _labelled(options, paths, progress)
    given = None
    if options.properties is not None:
        with fetched(options.properties) as properties:
            given = read_property_table(properties)
    config, device = settle(config, progress)
    check_count(labels)
    if foreign := foreign_names(options.out):
        progress.say(f"{options.out} holds other things, which stay: {', '.join(foreign)}")
    make_folder(options.out)
    Journal(options.out).follow(progress, config=config, crystals=options.crystals)
    if not exists(paths.features):
        check_match(iter_items(crystals, config.input), labels, config, say=progress.say)
    with _timed(seconds, "featurize"):
        inputs = fill(crystals, config=config, device=device, out=paths.features, progress=progress)
        rejections = read_rejections(paths.features)
        write_rejections(rejections, paths.rejected)

    progress.enter("training")
    with _timed(seconds, "train"):
        model, learner = train_model(
            paths.features,
            labels,
            paths.model,
            config=config,
            device=device,
            rejections=rejections,
            progress=progress,
        )

    progress.enter("explaining")
    with _timed(seconds, "explain"):
        explain_model(paths.features, model, paths.explanation, config=config, device=device)

    progress.enter("ranking")
    with _timed(seconds, "rank"):
        ranked = rank_crystals(
            paths.features,
            model,
            paths.ranking,
            config=config,
            labelled=options.rank_labelled,
            given=given,
            say=progress.say,
        )

    if config.second.top:
        with _timed(seconds, "second"):
            counts = _barriers(
                paths,
                config,
                ion=config.cloud.mobile_ion,
                workers=config.cluster.workers,
                progress=progress,
            )
        progress.say(counts.sentence())

    featurized = progress.found - len(rejections)
    record = RunRecord(
        format_version=FORMAT_VERSION,
        status="ranked",
        version=screening.__version__,
        versions=versions(),
        crystals=options.crystals,
        labels=table,
        engine=config.homology.engine,
        device=_device_record(config, device, learner, progress),
        fallbacks=dict(sorted(progress.fallbacks.items())),
        seed=config.seed,
        inputs_sha256=inputs,
        counts=Counts(
            found=progress.found,
            featurized=featurized,
            rejected=len(rejections),
            resumed=progress.resumed,
            labelled=model.scores["n_used"],
            candidates=featurized - model.scores["n_used"],
            ranked=ranked.listed,
            duplicates=ranked.duplicates,
            radius_cut=sum(entry.cut for entry in FeatureStore.open(paths.features).entries()),
        ),
        duplicates_checked=ranked.checked,
        outputs=output_digests(paths),
        rejected_by_code=dict(sorted(Counter(rejection.code.value for rejection in rejections).items())),
        passed_over=passed_over(rejections),
        properties=ranked.properties,
        flags=count_flags(paths.features),
        held_back=ranked.reasons("held_back"),
        marks=ranked.reasons("marks"),
        scores=model.scores,
        seconds=seconds,
        config=config.model_dump(mode="json"),
    )
    write_record(paths.record, record)
    progress.enter("writing the report")
    with _timed(seconds, "report"):
        write_report(paths.root, top=config.rank.top, tell=progress.at)
    record = record.model_copy(update={"status": "finished", "seconds": seconds})
    write_record(paths.record, record)
    publish(paths.root, options.out, last=paths.record.name, without=paths.features.name)
    progress.enter("finished")
    return record


def _labelled(options: RunOptions, paths: RunPaths, progress: Progress) -> tuple[tuple[str, ...], Labels, str]:
    """Return what is listed, the labels, and their table; without one the embedded measured crystals come first.

    Raises
    ------
    InputError
        The RUN is at a URL and there is no table: the embedded crystals would not be found again.
    """
    if options.labels is None:
        if options.out != paths.root:
            raise InputError("a RUN at a URL needs --labels: write the embedded ones with `screening known --measured`")
        folder = paths.root / EMBEDDED
        count = write_measured(folder)
        progress.say(f"no --labels: {count} measured crystals of the embedded table train, see docs/citing.md")
        labels = LabelOptions(folder / "labels.csv").read()
        return (*sorted(str(file) for file in folder.rglob("*.cif")), *options.crystals), labels, "embedded"
    labels = options.labels.read()
    for note in labels.notes:
        progress.say(f"labels: {note}")
    return options.crystals, labels, str(options.labels.file)


def _device_record(config: Config, device: Device, learner: Learner, progress: Progress) -> dict[str, object]:
    """Return what the record says of devices: which was asked for, which computed, and why."""
    return {
        "wanted": config.device,
        "used": device.kind,
        "why": device.why,
        "gpu": dict(progress.gpu),
        "lightgbm": {"learner": learner.device_type, "tried": [trial._asdict() for trial in learner.tried]},
    }


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    """Note the seconds that the body takes."""
    started = time.perf_counter()
    yield
    seconds[stage] = round(time.perf_counter() - started, 3)
