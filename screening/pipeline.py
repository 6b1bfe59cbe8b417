"""The stages in order: what `screening run` does, and what its commands do one at a time."""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import screening
from screening.batches import StoredTables
from screening.compute import Progress, versions
from screening.config import Config
from screening.explain import explain
from screening.fill import fill, settle
from screening.journal import Journal
from screening.learn import choose_learner, load_model, read_labels, train
from screening.machine import cores
from screening.places import Place, fetched, make_folder, place, publish, scratch
from screening.rank import confirming, duplicates_path, rank, write_ranking, write_rejections
from screening.report import write_explanation_plots, write_report
from screening.stability import stability, write_stability
from screening.store import FeatureStore, point, read_rejections, read_some

# Candidates that SHAP values are averaged over, beside all labelled crystals.
EXPLAINED_OTHERS = 2_000


@dataclass(slots=True)
class RunPaths:
    """The files of one RUN folder."""

    root: Path
    features: Path = field(init=False)
    model: Path = field(init=False)
    ranking: Path = field(init=False)
    rejected: Path = field(init=False)
    explanation: Path = field(init=False)
    record: Path = field(init=False)

    def __post_init__(self) -> None:
        self.features = self.root / "features.zarr"
        self.model = self.root / "model"
        self.ranking = self.root / "ranking.csv"
        self.rejected = self.root / "rejected.csv"
        self.explanation = self.root / "explanation"
        self.record = self.root / "run.json"


def report(run: Place, *, top: int) -> Place:
    """Return the place of the page of a finished RUN, written anew."""
    with run_folder(run, filled=True) as paths:
        page = write_report(paths.root, top=top)
        if page.parent != run:
            (run / page.name).write_bytes(page.read_bytes())
    return run / page.name


@contextmanager
def run_folder(run: Place, *, filled: bool) -> Iterator[RunPaths]:
    """Yield the paths of a RUN; of one on an object store, those of a temporary local folder that points to its store.

    Parameters
    ----------
    run
        The RUN.
    filled
        Whether the temporary folder gets the small files of the RUN, all but the store.
    """
    if isinstance(run, Path):
        yield RunPaths(run)
        return
    with fetched(run, without="features.zarr") if filled else scratch(run) as folder:
        folder.mkdir(exist_ok=True)
        paths = RunPaths(folder)
        point(paths.features, run / "features.zarr")
        yield paths


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What a run is given beside its settings."""

    crystals: tuple[str, ...]
    labels: Place
    out: Place
    id_column: str | None = None
    target_column: str | None = None
    group_column: str | None = None
    rank_labelled: bool = False


def run(options: RunOptions, *, config: Config, progress: Progress, say: Callable[[str], None]) -> dict[str, Any]:
    """Take crystals and labels to a ranked, explained list in `options.out`; return the record written to run.json."""
    with run_folder(options.out, filled=False) as paths:
        return _run(options, paths, config=config, progress=progress, say=say)


def _run(
    options: RunOptions, paths: RunPaths, *, config: Config, progress: Progress, say: Callable[[str], None]
) -> dict[str, Any]:
    """Do what `run` does, with the files in `paths`."""
    clock = _Clock()
    for path in options.crystals:
        place(path.removeprefix("@"))  # a URL that is refused, for credentials in it, must not reach the log
    with fetched(options.labels) as table:
        labels = read_labels(
            table,
            id_column=options.id_column,
            target_column=options.target_column,
            group_column=options.group_column,
        )
    config, device = settle(config, say)
    make_folder(options.out)
    say, stage = _watched(Journal(options.out), progress, say, config=config, crystals=options.crystals)
    inputs = fill(options.crystals, config=config, device=device, out=paths.features, progress=progress, say=say)
    rejections = read_rejections(paths.features)
    write_rejections(rejections, paths.rejected)
    clock.lap("featurize")

    stage("training")
    learner = choose_learner(device.kind)
    say(f"LightGBM on {learner.device_type}: {learner.tried[-1].message}")
    labelled = read_some(paths.features, ids=set(labels.ids))
    model = train(labelled, labels, config, rejections=rejections, learner=learner)
    model.save(paths.model)
    clock.lap("train")

    stage("explaining")
    explained = read_some(paths.features, ids=set(model.training.ids), others=EXPLAINED_OTHERS, seed=config.seed)
    explain(explained, model, seed=config.seed, device=device.kind).save(paths.explanation)
    write_stability(stability(model, seed=config.seed), paths.explanation)
    write_explanation_plots(paths.explanation)
    clock.lap("explain")

    stage("ranking")
    tables = StoredTables(paths.features)
    confirm, checked = confirming(config)
    ranking = rank(
        tables,
        model,
        labelled=options.rank_labelled,
        config=config.rank,
        threads=cores(),
        confirm=confirm,
    )
    write_ranking(ranking, paths.ranking)
    clock.lap("rank")

    entries = FeatureStore.open(paths.features).entries()
    featurized = progress.found - len(rejections)
    record: dict[str, Any] = {
        "status": "finished",
        "version": screening.__version__,
        "versions": versions(),
        "crystals": list(options.crystals),
        "labels": str(options.labels),
        "engine": config.homology.engine,
        "device": {
            "wanted": config.device,
            "used": device.kind,
            "why": device.why,
            "lightgbm": {"learner": learner.device_type, "tried": [trial._asdict() for trial in learner.tried]},
        },
        "fallbacks": dict(sorted(progress.fallbacks.items())),
        "seed": config.seed,
        "inputs_sha256": inputs,
        "counts": {
            "found": progress.found,
            "featurized": featurized,
            "rejected": len(rejections),
            "resumed": progress.resumed,
            "labelled": model.scores["n_used"],
            "candidates": featurized - model.scores["n_used"],
            "ranked": int((ranking["duplicate_of"] == "").sum()),
            "duplicates": int((ranking["duplicate_of"] != "").sum()),
            "radius_cut": sum(entry.cut for entry in entries),
        },
        "duplicates_checked": dict(checked),
        "outputs": output_digests(paths),
        "rejected_by_code": dict(sorted(Counter(rejection.code.value for rejection in rejections).items())),
        "scores": model.scores,
        "seconds": clock.laps,
        "config": config.model_dump(mode="json"),
    }
    write_record(paths.record, record)
    stage("writing the report")
    write_report(paths.root, top=config.rank.top)
    clock.lap("report")
    write_record(paths.record, record)
    publish(paths.root, options.out, last=paths.record.name, without=paths.features.name)
    stage("finished")
    return record


def _watched(
    journal: Journal,
    progress: Progress,
    say: Callable[[str], None],
    *,
    config: Config,
    crystals: Sequence[str],
) -> tuple[Callable[[str], None], Callable[[str], None]]:
    """Return `say` and a teller of stages that also write the journal; progress is written there from now on."""
    journal.event("start", crystals=list(crystals), versions=versions(), config=config.model_dump(mode="json"))
    tell, current, rate = progress.tell, ["featurize"], [0.0]

    def counts() -> dict[str, Any]:
        if progress.started and current[0] == "featurize":
            rate[0] = (progress.done - progress.resumed) / (time.perf_counter() - progress.started)
        return {
            "found": progress.found,
            "done": progress.done,
            "rejected": progress.rejected,
            "listed": progress.listed,
            "workers": progress.workers,
            "dashboard": progress.dashboard,
            "rate": round(rate[0], 3),
        }

    def watch(progress: Progress) -> None:
        tell(progress)
        journal.progress(current[0], counts())

    def say_too(text: str) -> None:
        say(text)
        journal.event(text)

    def stage(name: str) -> None:
        current[0] = name
        journal.event(name, **counts())
        journal.progress(name, counts(), force=True)
        if name != "finished":
            say(name)

    progress.tell = watch
    journal.progress(current[0], counts(), force=True)
    return say_too, stage


def output_digests(paths: RunPaths) -> dict[str, str]:
    """Return the SHA-256 (hex) of every file of a RUN that is neither the store nor made anew at will, by its name."""
    files = [
        paths.ranking,
        duplicates_path(paths.ranking),
        paths.rejected,
        *sorted(paths.model.rglob("*")),
        *sorted(paths.explanation.rglob("*")),
    ]
    return {
        str(file.relative_to(paths.root)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in files
        if file.is_file()
    }


def write_record(path: Path, record: dict[str, Any]) -> None:
    """Write run.json, whole or not at all."""
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    temporary.replace(path)


class _Clock:
    """Seconds by stage."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.laps[name] = round(now - self._last, 3)
        self._last = now


__all__ = ["Progress", "RunOptions", "RunPaths", "load_model", "run"]
