"""The second stage: bond-valence barriers of the first candidates of a ranking."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from screening.cluster import Progress
from screening.config import Config
from screening.energy import BARRIERS_VERSION, barrier_rows
from screening.host import cores
from screening.locations import Location
from screening.runs import (
    BarrierRows,
    RunPaths,
    output_digests,
    ranking_path,
    read_ranking,
    read_record,
    run_folder,
    write_barriers,
    write_record,
)
from screening.sources import Wanted, find_crystals


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
        counts = barriers_of(
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


def barriers_of(paths: RunPaths, config: Config, *, ion: str, workers: int | None, progress: Progress) -> SecondCounts:
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
