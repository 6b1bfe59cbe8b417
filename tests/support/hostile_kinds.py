"""What a kind of bad crystal is, and good crystals to spoil.

Each kind names the codes with which its files may be refused; `read` stands among them where a file of that kind may be
harmless.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from made_crystals import ANIONS, random_crystal, rocksalt

GOOD = "good"
READ = "read"
# What chance may make of the text of a good crystal.
CONTENT = (
    READ, "not-cif", "no-atoms", "no-cell", "bad-cell", "bad-symmetry", "bad-site", "bad-element", "no-mobile-ion",
)  # fmt: skip
Text = Callable[[random.Random], bytes]
Files = Callable[[random.Random, Path, str], None]


@dataclass(frozen=True)
class Kind:
    """One way of being bad."""

    name: str
    codes: frozenset[str]  # the codes with which an item may be refused; `read` where it may be fine
    write: Files  # writes one file, or more, into a folder under a stem
    most: int  # how many are made at most: the large ones are made once or twice


TEXTS: dict[str, Kind] = {}
FILES: dict[str, Kind] = {}


def text(name: str, *codes: str, most: int = 10**6) -> Callable[[Text], Text]:
    """Register a kind whose files are `<stem>.cif` with the bytes that the function returns."""

    def register(function: Text) -> Text:
        def write(rng: random.Random, folder: Path, stem: str) -> None:
            (folder / f"{stem}.cif").write_bytes(function(rng))

        TEXTS[name] = Kind(name, frozenset(codes), write, most)
        return function

    return register


def files(name: str, *codes: str, most: int = 10**6) -> Callable[[Files], Files]:
    """Register a kind whose files are not plain CIF text."""

    def register(function: Files) -> Files:
        FILES[name] = Kind(name, frozenset(codes), function, most)
        return function

    return register


def good(rng: random.Random) -> str:
    """Return CIF text of a crystal that can be used."""
    if rng.random() < 0.5:
        return random_crystal(rng.randrange(10**6))
    return rocksalt(anion=rng.choice(list(ANIONS)), scale=rng.uniform(0.95, 1.05))


def replaced(rng: random.Random, tag: str, *values: str) -> bytes:
    """Return a good crystal with another value of one single-valued tag."""
    changed, n = re.subn(rf"(?m)^{re.escape(tag)}\s+.*$", f"{tag} {rng.choice(values)}", good(rng))
    assert n == 1, tag
    return changed.encode()


def with_row(rng: random.Random, *rows: str) -> bytes:
    """Return a good crystal without symmetry, with a further row of its atom loop."""
    return f"{random_crystal(rng.randrange(10**6)).rstrip()}\n{rng.choice(rows)}\n".encode()


def with_symmetry(rng: random.Random, lines: str) -> bytes:
    """Return a good crystal with other lines about its symmetry."""
    return re.sub(r"(?m)^_symmetry_space_group_name_H-M.*\n", lines, good(rng)).encode()


def operations(*listed: str) -> str:
    """Return the loop of symmetry operations."""
    return "loop_\n_symmetry_equiv_pos_as_xyz\n" + "".join(f"'{operation}'\n" for operation in listed)


def occupied(rng: random.Random, *values: str) -> bytes:
    """Return a good crystal whose atoms have an occupancy each, the first of them one of the values."""
    head, atoms = good(rng).rstrip().split("_atom_site_fract_z\n")
    rows = atoms.split("\n")
    rows = [f"{row} {rng.choice(values) if n == 0 else '1'}" for n, row in enumerate(rows)]
    return (head + "_atom_site_fract_z\n_atom_site_occupancy\n" + "\n".join(rows) + "\n").encode()


def many_atoms(rng: random.Random, *, n: int, cell: float, symbol: str = "Li") -> bytes:
    """Return a cubic P 1 crystal of n atoms at random places."""
    head = rocksalt().split("Li1 Li")[0].replace("F m -3 m", "P 1")
    head = re.sub(r"(?m)^(_cell_length_.) .*$", rf"\g<1> {cell}", head)
    decimals = [f"{number / 99_991:.5f}" for number in rng.sample(range(99_991), min(3 * n, 99_991))]
    decimals *= -(-3 * n // len(decimals))
    places = zip(decimals[::3], decimals[1::3], decimals[2::3], strict=False)
    lines = [f"{symbol}{i} {symbol} {x} {y} {z}\n" for i, (x, y, z) in zip(range(n), places, strict=False)]
    return (head + "".join(lines)).encode()
