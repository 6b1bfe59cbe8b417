#!/usr/bin/env python
"""Measures what handing out costly shards first saves on a skewed set, against listing order, in one run.

scripts/bench_balance.py [--small 360] [--huge 3] [--atoms 260] [--repeats 3] [--record]
"""

from __future__ import annotations

import argparse
import hashlib
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from benchmarks import record

import screening.cluster.dispatch
from screening.cluster.dispatch import Window
from screening.cluster.featurize_all import featurize_all
from screening.cluster.progress import Progress
from screening.config import read_config
from screening.sources import Shard
from screening.store.store import FeatureStore

RULES = ("listing order", "costly first")


class InListingOrder(Window):
    """Shards as they are listed: with a window of one there is no choice."""

    def take(self, count: int, *, ahead: int) -> Iterator[Shard]:
        """Yield the next shards."""
        return super().take(count, ahead=1)


def crystal(n_atoms: int, *, seed: int) -> str:
    """Return CIF text of lithium and sulphur at random places of a cube, 20 Å³ an atom."""
    rng = np.random.default_rng(seed)
    length = (20 * n_atoms) ** (1 / 3)
    head = [f"data_x{seed}", *(f"_cell_length_{axis} {length:.4f}" for axis in "abc")]
    head += [*(f"_cell_angle_{angle} 90" for angle in ("alpha", "beta", "gamma")), "_space_group_name_H-M_alt 'P 1'"]
    head += ["loop_", *(f"_atom_site_{name}" for name in ("label", "type_symbol", "fract_x", "fract_y", "fract_z"))]
    sites = [
        f"{'Li' if n % 2 else 'S'}{n} {'Li' if n % 2 else 'S'} " + " ".join(f"{x:.4f}" for x in rng.random(3))
        for n in range(n_atoms)
    ]
    return "\n".join([*head, *sites]) + "\n"


def write_skewed(folder: Path, *, small: int, huge: int, atoms: int) -> None:
    """Write many small crystals, and huge ones among the last in listing order, each in a shard of its own."""
    folder.mkdir()
    places = {small + huge - 1 - 4 * place for place in range(huge)}
    for index in range(small + huge):
        text = crystal(atoms if index in places else 6, seed=index)
        (folder / f"c{index:05d}.cif").write_text(text)


def digest(store: Path) -> str:
    """Return the SHA-256 of what the shards hold."""
    found = hashlib.sha256()
    for shard in FeatureStore.open(store).iter_shards():
        found.update(shard.features.tobytes() + shard.numbers.tobytes())
    return found.hexdigest()


def seconds(crystals: Path, out: Path, rule: str) -> float:
    """Return the time from the workers' being there to the last shard."""
    screening.cluster.dispatch.Window = InListingOrder if rule == RULES[0] else Window  # type: ignore[misc]
    settings = {"cluster": {"workers": 2}, "store": {"shard_rows": 4}}
    progress = Progress()
    featurize_all([str(crystals)], config=read_config(None, settings), out=out, progress=progress)
    return time.perf_counter() - progress.started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", type=int, default=360)
    parser.add_argument("--huge", type=int, default=3)
    parser.add_argument("--atoms", type=int, default=260)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--record", action="store_true", help="write docs/benchmarks.md")
    given = parser.parse_args()
    times: dict[str, list[float]] = {rule: [] for rule in RULES}
    digests = set()
    with tempfile.TemporaryDirectory() as folder:
        crystals = Path(folder) / "crystals"
        write_skewed(crystals, small=given.small, huge=given.huge, atoms=given.atoms)
        for repeat in range(given.repeats):
            for rule in RULES:
                out = Path(folder) / f"{rule.split()[0]}{repeat}.zarr"
                times[rule].append(seconds(crystals, out, rule))
                digests.add(digest(out))
    if len(digests) != 1:
        raise SystemExit("the order of shards changed a result")
    medians = {rule: statistics.median(found) for rule, found in times.items()}
    body = (
        f"{given.small} crystals of 6 atoms and {given.huge} of {given.atoms} among the last listed, shards of 4, "
        f"2 workers, {given.repeats} runs each in alternation; arrays are the same in all.\n\n"
        "| shards handed out | seconds, median | all |\n|---|---|---|\n"
        + "\n".join(
            f"| {rule} | {medians[rule]:.1f} | {', '.join(f'{value:.1f}' for value in found)} |"
            for rule, found in times.items()
        )
        + f"\n\nCostly first takes {medians[RULES[1]] / medians[RULES[0]]:.2f} of the time of listing order."
    )
    print(body)
    if given.record:
        record("balance", "Costly shards first", body)


if __name__ == "__main__":
    main()
