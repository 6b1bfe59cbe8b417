"""The stages, one function each, and `run`, which calls them in order; the commands call the same functions."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

import screening
from screening.cluster import Progress, fill, settle
from screening.config import Config
from screening.crystals import Crystal
from screening.data import write_measured
from screening.errors import InputError, Rejection
from screening.host import Device, cores, versions
from screening.learn import (
    Labels,
    Learner,
    Made,
    Model,
    choose_learner,
    make,
    read_labels,
    train,
    write_isotypes,
)
from screening.locations import Location, fetched, location, make_folder, publish
from screening.ranking import (
    StoredTables,
    confirming,
    explain,
    rank,
    stability,
    write_ranking,
    write_rejections,
    write_stability,
)
from screening.report import write_explanation_plots, write_report
from screening.runs import (
    FORMAT_VERSION,
    Counts,
    Journal,
    RunPaths,
    RunRecord,
    output_digests,
    run_folder,
    write_record,
)
from screening.sources import Wanted, find_crystals
from screening.store import FeatureStore, FeatureTable, count_flags, read_rejections, read_some

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
    more: Location | None = None  # a second table: labels of compounds without a crystal

    def read(self) -> Labels:
        """Return the labels."""
        with fetched(self.file) as table:
            labels = read_labels(
                table,
                id_column=self.id_column,
                target_column=self.target_column,
                group_column=self.group_column,
            )
        if self.more is None:
            return labels
        with fetched(self.more) as table:
            return labels.joined(read_labels(table))


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What a run is given beside its settings."""

    crystals: tuple[str, ...]
    labels: LabelOptions | None  # None: the embedded table of measured conductors trains
    out: Location
    rank_labelled: bool = False


@dataclass(frozen=True, slots=True)
class Ranked:
    """A ranking as it was written."""

    frame: pd.DataFrame  # all entries, duplicates too
    checked: dict[str, int]  # pairs taken for duplicates, by what their structures say

    @property
    def listed(self) -> int:
        """Number of crystals."""
        return int((self.frame["duplicate_of"] == "").sum())

    @property
    def duplicates(self) -> int:
        """Number of further entries of these."""
        return len(self.frame) - self.listed


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
    learner = choose_learner(device.kind)
    progress.say(f"LightGBM on {learner.device_type}: {learner.tried[-1].message}")
    if rejections is None:
        rejections = read_rejections(features)
    labelled = read_some(features, ids=set(labels.ids))
    made, crystals = make_isotypes(labelled, labels, config, progress=progress)
    model = train(
        labelled, labels, config, rejections=rejections, learner=learner, threads=threads or cores(), made=made
    )
    model.save(folder)
    if made is not None:
        write_isotypes(made, crystals, folder)
    return model, learner


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
    explain(table, model, seed=config.seed, device=device.kind).save(folder)
    write_stability(stability(model, seed=config.seed, threads=threads or cores()), folder)
    write_explanation_plots(folder)


def rank_crystals(  # noqa: PLR0913
    features: Location, model: Model, file: Path, *, config: Config, labelled: bool, threads: int | None = None
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
    threads
        Of LightGBM; all cores if not given. No value depends on it.
    """
    confirm, checked = confirming(config)
    frame = rank(
        StoredTables(features),
        model,
        labelled=labelled,
        config=config.rank,
        threads=threads or cores(),
        confirm=confirm,
    )
    write_ranking(frame, file)
    return Ranked(frame, dict(checked))


def report(run: Location, *, top: int) -> Location:
    """Return the place of the page of a finished RUN, written anew."""
    with run_folder(run, filled=True) as paths:
        page = write_report(paths.root, top=top)
        if page.parent != run:
            (run / page.name).write_bytes(page.read_bytes())
    return run / page.name


def run(options: RunOptions, *, config: Config, progress: Progress) -> RunRecord:
    """Take crystals and labels to a ranked, explained list in `options.out`; return the record written to run.json."""
    with run_folder(options.out, filled=False) as paths:
        return _run(options, paths, config=config, progress=progress)


def _run(options: RunOptions, paths: RunPaths, *, config: Config, progress: Progress) -> RunRecord:
    """Do what `run` does, with the files in `paths`."""
    seconds: dict[str, float] = {}
    for path in options.crystals:
        location(path.removeprefix("@"))  # a URL that is refused, for credentials in it, must not reach the log
    label_options = options.labels
    if label_options is None:
        options, label_options = _embedded(options, paths, progress)
    labels = label_options.read()
    config, device = settle(config, progress)
    make_folder(options.out)
    Journal(options.out).follow(progress, config=config, crystals=options.crystals)
    with _timed(seconds, "featurize"):
        inputs = fill(options.crystals, config=config, device=device, out=paths.features, progress=progress)
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
        ranked = rank_crystals(paths.features, model, paths.ranking, config=config, labelled=options.rank_labelled)

    featurized = progress.found - len(rejections)
    record = RunRecord(
        format_version=FORMAT_VERSION,
        status="ranked",
        version=screening.__version__,
        versions=versions(),
        crystals=options.crystals,
        labels=str(label_options.file),
        engine=config.homology.engine,
        device=_device_record(config, device, learner),
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
        flags=count_flags(paths.features),
        scores=model.scores,
        seconds=seconds,
        config=config.model_dump(mode="json"),
    )
    write_record(paths.record, record)
    progress.enter("writing the report")
    with _timed(seconds, "report"):
        write_report(paths.root, top=config.rank.top)
    record = record.model_copy(update={"status": "finished", "seconds": seconds})
    write_record(paths.record, record)
    publish(paths.root, options.out, last=paths.record.name, without=paths.features.name)
    progress.enter("finished")
    return record


def _embedded(options: RunOptions, paths: RunPaths, progress: Progress) -> tuple[RunOptions, LabelOptions]:
    """Return the options with the embedded measured crystals in front of the user's, and their labels."""
    if options.out != paths.root:
        raise InputError("a RUN at a URL needs --labels: write the embedded ones with `screening known --measured`")
    folder = paths.root / EMBEDDED
    count = write_measured(folder)
    progress.say(f"no labels are given: {count} measured crystals of the embedded table train, see docs/citing.md")
    labels = LabelOptions(folder / "labels.csv")
    return replace(options, crystals=(str(folder), *options.crystals), labels=labels), labels


def _device_record(config: Config, device: Device, learner: Learner) -> dict[str, object]:
    """Return what the record says of devices: which was asked for, which computed, and why."""
    return {
        "wanted": config.device,
        "used": device.kind,
        "why": device.why,
        "lightgbm": {"learner": learner.device_type, "tried": [trial._asdict() for trial in learner.tried]},
    }


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    """Note the seconds that the body takes."""
    started = time.perf_counter()
    yield
    seconds[stage] = round(time.perf_counter() - started, 3)
