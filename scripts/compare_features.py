#!/usr/bin/env python
"""Says which feature columns of which crystals differ between two versions of the package.

scripts/compare_features.py write FOLDER OUT.npz     features of every CIF of a folder, by the package imported
scripts/compare_features.py compare OLD.npz NEW.npz  columns that moved, and the crystals they moved in
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np

from screening.config import Config, InputLimits
from screening.crystals.cif import read_cif
from screening.crystals.clouds import channel_clouds
from screening.crystals.crystal import Crystal
from screening.errors import RejectionError
from screening.transformer import BettiTransformer


def write(folder: Path, out: Path) -> None:
    """Write ids, column names, features and points a channel of every crystal that holds lithium."""
    crystals: list[Crystal] = []
    points: list[list[int]] = []
    for path in sorted(folder.glob("*.cif")):
        try:
            crystal = read_cif(path.read_bytes(), id=path.stem, source=path.name, limits=InputLimits())
            points.append([len(positions) for _, positions, _ in channel_clouds(crystal, Config().cloud).values()])
        except RejectionError:
            continue
        crystals.append(crystal)
    transformer = BettiTransformer()
    values = np.asarray(transformer.fit_transform(crystals))
    np.savez(
        out,
        ids=[crystal.id for crystal in crystals],
        names=list(transformer.get_feature_names_out()),
        values=values,
        points=np.array(points),
    )


def compare(old: Path, new: Path) -> None:
    """Print what moved."""
    first, second = np.load(old), np.load(new)
    shared, at, there = np.intersect1d(first["ids"], second["ids"], return_indices=True)
    names = first["names"]
    x, y = first["values"][at], second["values"][there]
    moved = ~((x == y) | (np.isnan(x) & np.isnan(y)))
    print(f"{len(shared)} crystals, {len(names)} columns; {moved.any(axis=1).sum()} crystals moved")
    by_kind: Counter[str] = Counter()
    for name, hit in zip(names, moved.any(axis=0), strict=True):
        by_kind["/".join(str(name).split("/")[:2])] += int(hit)
    for kind, count in sorted(by_kind.items()):
        print(f"  {kind}: {count} columns moved in some crystal")
    channels = list(Config().cloud.channels)
    changed: dict[str, list[str]] = defaultdict(list)
    for row in np.flatnonzero(moved.any(axis=1)):
        before, after = first["points"][at[row]], second["points"][there[row]]
        what = ", ".join(f"{c} {b} -> {a}" for c, b, a in zip(channels, before, after, strict=True) if a != b)
        changed[what].append(f"{shared[row]} ({moved[row].sum()} columns)")
    for what, crystals in sorted(changed.items()):
        print(f"  points {what}: {', '.join(crystals)}")


if __name__ == "__main__":
    {"write": write, "compare": compare}[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]))
