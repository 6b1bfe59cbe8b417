"""The layout of a RUN folder: what its files are called, and what vouches for them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from screening.errors import Code, Rejection
from screening.locations import Location, fetched, scratch
from screening.ranking import duplicates_path
from screening.store import point

FEATURES = "features.zarr"
RECORD = "run.json"
LOG = "run.log"
PROGRESS = "progress.json"
PAGE = "report.html"


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
    barriers: Path = field(init=False)
    pathways: Path = field(init=False)
    barriers_part: Path = field(init=False)

    def __post_init__(self) -> None:
        self.features = self.root / FEATURES
        self.model = self.root / "model"
        self.ranking = self.root / "ranking.csv"
        self.rejected = self.root / "rejected.csv"
        self.explanation = self.root / "explanation"
        self.record = self.root / RECORD
        self.barriers = self.root / "bvse.csv"
        self.pathways = self.root / "bvse.jsonl"
        self.barriers_part = self.root / "bvse.part.jsonl"  # while the second stage runs


@contextmanager
def run_folder(run: Location, *, filled: bool) -> Iterator[RunPaths]:
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
    with fetched(run, without=FEATURES) if filled else scratch(run) as folder:
        folder.mkdir(exist_ok=True)
        paths = RunPaths(folder)
        point(paths.features, run / FEATURES)
        yield paths


def ranking_path(run_dir: Path) -> Path:
    """Return the ranking of a RUN folder: ranking.csv, or ranking.parquet where that is all there is."""
    csv, parquet = run_dir / "ranking.csv", run_dir / "ranking.parquet"
    return parquet if parquet.is_file() and not csv.is_file() else csv


def output_digests(paths: RunPaths) -> dict[str, str]:
    """Return the SHA-256 (hex) of every file of a RUN that is neither the store nor made anew at will, by its name."""
    files = [
        paths.ranking,
        duplicates_path(paths.ranking),
        paths.rejected,
        paths.barriers,
        paths.pathways,
        *sorted(paths.model.rglob("*")),
        *sorted(paths.explanation.rglob("*")),
    ]
    return {
        str(file.relative_to(paths.root)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in files
        if file.is_file()
    }


def foreign_names(run: Location, *, most: int = 3) -> list[str]:
    """Return names in a folder that is to become a RUN and is none yet, the first few; empty where it is new."""
    if not isinstance(run, Path) or not run.is_dir():
        return []
    names = sorted(path.name for path in run.iterdir())
    if LOG in names or RECORD in names or FEATURES in names:
        return []
    return names[:most] + [f"and {len(names) - most} more"] * (len(names) > most)


def rejected_beside(store: Location) -> Location:
    """Return where the rejected inputs of a store stand: rejected.csv beside it, x-rejected.csv of one of several."""
    alone = isinstance(store, Path) and not any(
        path.name != store.name and (path / "zarr.json").is_file() for path in store.absolute().parent.iterdir()
    )
    return store.with_name("rejected.csv" if alone or store.name == FEATURES else f"{store.stem}-rejected.csv")


def passed_over(rejections: Sequence[Rejection]) -> tuple[str, ...]:
    """Return what rejections say of files that are no crystals, a sentence for each suffix."""
    return tuple(one.detail for one in rejections if one.code is Code.PASSED_OVER)
