"""All stages in order: crystals and labels to a ranked, explained list."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import screening
from screening.cluster import Progress, fill, settle
from screening.config import Config
from screening.data import write_measured
from screening.errors import InputError
from screening.host import Device, versions
from screening.learn import (
    Labels,
    Learner,
    check_count,
    check_match,
)
from screening.locations import fetched, location, make_folder, publish
from screening.pipeline.options import LabelOptions, RunOptions
from screening.pipeline.ranked import rank_crystals
from screening.pipeline.second import barriers_of
from screening.pipeline.training import explain_model, train_model
from screening.ranking import (
    read_property_table,
    write_rejections,
)
from screening.report import write_report
from screening.runs import (
    FORMAT_VERSION,
    Counts,
    Journal,
    RunPaths,
    RunRecord,
    foreign_names,
    output_digests,
    passed_over,
    run_folder,
    write_record,
)
from screening.sources import iter_items
from screening.store import (
    FeatureStore,
    count_flags,
    exists,
    read_rejections,
)

EMBEDDED = "known"  # folder of a RUN for the measured crystals that train where no labels are given


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
            counts = barriers_of(
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
        write_report(paths.root, top=config.rank.top, tell=progress.at, model=model)
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
