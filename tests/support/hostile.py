#!/usr/bin/env python
"""Makes a folder of bad and hostile crystals, mixed with good ones, from a seed. No test by itself.

tests/support/hostile.py FOLDER [--seed 0] [-n 1000]

Every file name begins with its kind, so that a row can be traced to what was done to it.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

import hostile_files  # noqa: F401 - says its kinds
import hostile_texts  # noqa: F401
from hostile_kinds import FILES, GOOD, TEXTS, good

KINDS = {**TEXTS, **FILES}


def write(folder: Path, *, seed: int, n: int) -> dict[str, int]:
    """Write n files, a fifth of them good, and return how many there are of each kind."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(seed)
    made = dict.fromkeys([GOOD, *KINDS], 0)
    names = list(KINDS)
    turn = 0
    for index in range(n):
        stem = f"{index:05d}"
        if index % 5 == 0:
            (folder / f"{GOOD}-{stem}.cif").write_text(good(rng))
            made[GOOD] += 1
            continue
        while made[names[turn % len(names)]] >= KINDS[names[turn % len(names)]].most:
            turn += 1
        kind = KINDS[names[turn % len(names)]]
        kind.write(rng, folder, f"{kind.name}-{stem}")
        made[kind.name] += 1
        turn += 1
    return made


def texts(*, seed: int, largest: int) -> list[bytes]:
    """Return one text of every plain-text kind, none above `largest` bytes, and some good ones: a corpus to mutate."""
    import tempfile

    found = [good(random.Random(seed + n)).encode() for n in range(6)]
    for number, kind in enumerate(KINDS.values()):
        if kind.most < 10**6:
            continue
        with tempfile.TemporaryDirectory() as folder:
            kind.write(random.Random(seed + number), Path(folder), kind.name)
            paths = [path for path in sorted(Path(folder).glob("*.cif")) if path.is_file()]
            found.extend(path.read_bytes() for path in paths if path.stat().st_size <= largest)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-n", type=int, default=1000)
    chosen = parser.parse_args()
    made = write(chosen.folder, seed=chosen.seed, n=chosen.n)
    for name, count in made.items():
        print(f"{count:5d} {name}")  # noqa: T201 - the answer of a script


if __name__ == "__main__":
    main()
