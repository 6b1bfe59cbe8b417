#!/usr/bin/env python
"""Makes a folder of bad and hostile crystals, mixed with good ones, from a seed. No test by itself.

tests/hostile.py FOLDER [--seed 0] [-n 1000]

Each kind names the codes with which its files may be refused; `read` stands among them where a file of that kind may be
harmless. Every file name begins with its kind, so that a row can be traced to what was done to it.
"""

from __future__ import annotations

import argparse
import bz2
import gzip
import io
import lzma
import os
import random
import re
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import zstandard
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


KINDS: dict[str, Kind] = {}


def text(name: str, *codes: str, most: int = 10**6) -> Callable[[Text], Text]:
    """Register a kind whose files are `<stem>.cif` with the bytes that the function returns."""

    def register(function: Text) -> Text:
        def write(rng: random.Random, folder: Path, stem: str) -> None:
            (folder / f"{stem}.cif").write_bytes(function(rng))

        KINDS[name] = Kind(name, frozenset(codes), write, most)
        return function

    return register


def files(name: str, *codes: str, most: int = 10**6) -> Callable[[Files], Files]:
    """Register a kind whose files are not plain CIF text."""

    def register(function: Files) -> Files:
        KINDS[name] = Kind(name, frozenset(codes), function, most)
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
    places = (" ".join(decimals[(3 * i + k) % len(decimals)] for k in range(3)) for i in range(n))
    return (head + "".join(f"{symbol}{i} {symbol} {place}\n" for i, place in enumerate(places))).encode()


# Syntax


@text("unterminated-quote", "not-cif")
def _(rng: random.Random) -> bytes:
    return (good(rng) + rng.choice(["_note 'open\n", '_note "open\n', "_note '\n"])).encode()


@text("unterminated-text-field", "not-cif")
def _(rng: random.Random) -> bytes:
    return (good(rng) + "_note\n;open\n" + "more\n" * rng.randrange(100)).encode()


@text("unterminated-loop", "not-cif", "no-atoms")
def _(rng: random.Random) -> bytes:
    whole = good(rng)
    return whole[: whole.index("_atom_site_fract_z") + rng.randrange(5, 21)].encode()


@text("missing-loop-value", "not-cif")
def _(rng: random.Random) -> bytes:
    return good(rng).rstrip().rsplit(maxsplit=rng.choice([1, 2]))[0].encode() + b"\n"


@text("duplicate-tag", "not-cif")
def _(rng: random.Random) -> bytes:
    return (good(rng) + rng.choice(["_cell_length_a 9\n", "loop_\n_atom_site_label\nLi9\n"])).encode()


@text("no-block", "not-cif")
def _(rng: random.Random) -> bytes:
    return good(rng).split("\n", 1)[1].encode()


@text("bad-word", "not-cif")
def _(rng: random.Random) -> bytes:
    return (good(rng) + rng.choice(["global_\n", "loop_\n", "loop_\n_a\nloop_\n", "_lone\n", "]\n"])).encode()


@text("save-frames", READ, "not-cif")
def _(rng: random.Random) -> bytes:
    nested = rng.random() < 0.5
    frames = "".join(
        f"save_f{n}\n" if nested else f"save_f{n}\n_a {n}\nsave_\n" for n in range(rng.randrange(1, 20_000))
    )
    return good(rng).replace("\n", "\n" + frames, 1).encode()


@text("torn", READ, "not-cif", "no-atoms", "empty", "bad-element", "no-mobile-ion", "no-cell")
def _(rng: random.Random) -> bytes:
    whole = good(rng)
    return whole[: rng.randrange(len(whole))].encode()


@text("one-byte-changed", *CONTENT)
def _(rng: random.Random) -> bytes:
    data = bytearray(good(rng).encode())
    data[rng.randrange(len(data))] = rng.randrange(256)
    return bytes(data)


# Bytes and encodings


@text("nul-bytes", "not-cif")
def _(rng: random.Random) -> bytes:
    data = bytearray(good(rng).encode())
    data.insert(rng.randrange(len(data)), 0)
    return bytes(data)


@text("utf-16", "not-cif")
def _(rng: random.Random) -> bytes:
    return good(rng).encode(rng.choice(["utf-16", "utf-16-le", "utf-16-be", "utf-32"]))


@text("latin-1", READ)
def _(rng: random.Random) -> bytes:
    return (good(rng) + "_publ_author_name 'Müller, Å.'\n").encode("latin-1")


@text("byte-order-mark", READ)
def _(rng: random.Random) -> bytes:
    return b"\xef\xbb\xbf" + good(rng).encode()


@text("line-ends", READ, "not-cif", "no-atoms")
def _(rng: random.Random) -> bytes:
    return good(rng).replace("\n", rng.choice(["\r\n", "\r", "\n\r", "\x0b", "\x85", "\u2028"])).encode()


@text("random-bytes", "not-cif")
def _(rng: random.Random) -> bytes:
    return rng.choice([b"", b"\x7fELF", b"\x89PNG\r\n", b"PK\x03\x04", b"data_x\n"]) + rng.randbytes(
        rng.randrange(1, 5000)
    )


@text("empty", "empty")
def _(rng: random.Random) -> bytes:
    return rng.choice([b"", b" ", b"\n" * 100, b"\t\r\n ", b" " * 10**6])


# Sizes


@text("huge-token", READ, most=4)
def _(rng: random.Random) -> bytes:
    return good(rng).encode() + b"_note " + b"x" * rng.randrange(10**5, 10**7) + b"\n"


@text("million-columns", READ, most=2)
def _(rng: random.Random) -> bytes:
    columns = b"".join(b"_c%d\n" % n for n in range(10**6))
    return good(rng).encode() + b"loop_\n" + columns + b"1 " * 10**6 + b"\n"


@text("blocks-beyond-the-limit", "too-large", most=2)
def _(rng: random.Random) -> bytes:
    return b"".join(b"data_%d\n_x 1\n" % n for n in range(100_001))


@text("blocks", READ, "no-atoms", "not-cif")
def _(rng: random.Random) -> bytes:
    names = [
        rng.choice(["a", "b", "a b", "x" * 300, "é", "☃", "", "=1+1", "../up", "%00"])
        for _ in range(rng.randrange(2, 8))
    ]
    blocks = [f"data_{name.split(' ')[0]}\n_x 1\n" for name in names]
    return ("".join(blocks) + good(rng)).encode()


@text("beyond-bytes", "too-large", most=2)
def _(rng: random.Random) -> bytes:
    return good(rng).encode() + b"# comment\n" * 2_100_000


@text("atoms-beyond-the-limit", "too-large")
def _(rng: random.Random) -> bytes:
    return many_atoms(rng, n=rng.randrange(5_001, 7_000), cell=60.0)


@text("half-a-million-atoms", "too-large", most=1)
def _(rng: random.Random) -> bytes:
    return many_atoms(rng, n=501_000, cell=300.0)


@text("images-beyond-the-limit", "too-large")
def _(rng: random.Random) -> bytes:
    return many_atoms(rng, n=rng.randrange(100, 3000), cell=60.0).replace(b"P 1", b"F m -3 m")


@text("atoms-without-room", "bad-cell")
def _(rng: random.Random) -> bytes:
    return many_atoms(rng, n=rng.randrange(100, 3000), cell=rng.uniform(1.1, 4.0), symbol=rng.choice(["Li", "S"]))


# Numbers


@text("bad-length", "bad-cell", "no-cell", "bad-symmetry", "not-cif")
def _(rng: random.Random) -> bytes:
    values = "nan inf -inf 1e999 -5 0 1.2.3 five 1e9 1e-9 0x10 5(x) 1,5 ? . '' ١ -0.0 1e-320".split()
    return replaced(rng, "_cell_length_a", *values)


@text("bad-angle", "bad-cell", "bad-symmetry", "no-cell")
def _(rng: random.Random) -> bytes:
    return replaced(rng, "_cell_angle_gamma", *"0 -90 180 360 1e999 nan ? 1e-300 179.9999999 0.01 ninety".split())


@text("impossible-angles", "bad-cell")
def _(rng: random.Random) -> bytes:
    triple = rng.choice([(10, 10, 150), (90, 30, 150), (120, 120, 120), (170, 170, 170), (1, 1, 3), (60, 60, 120)])
    whole = many_atoms(rng, n=3, cell=6.0).decode()
    for name, angle in zip(("alpha", "beta", "gamma"), triple, strict=True):
        whole = whole.replace(f"_cell_angle_{name} 90", f"_cell_angle_{name} {angle}")
    return whole.encode()


@text("needle-or-plate", "bad-cell")
def _(rng: random.Random) -> bytes:
    whole = many_atoms(rng, n=2, cell=1.0).decode()
    for axis, length in zip("abc", rng.choice([(0.01, 0.01, 9999), (0.0001, 9999, 9999), (0.5, 9, 9)]), strict=True):
        whole = whole.replace(f"_cell_length_{axis} 1.0", f"_cell_length_{axis} {length}")
    return whole.encode()


@text("minute-cell", "bad-cell")
def _(rng: random.Random) -> bytes:
    return many_atoms(rng, n=2, cell=rng.choice([0.99, 0.1, 1e-3, 1e-100, 1e-320]))


@text("huge-cell", READ)
def _(rng: random.Random) -> bytes:
    return many_atoms(rng, n=rng.randrange(1, 20), cell=rng.uniform(1e3, 9999))


@text("bad-coordinate", "bad-site")
def _(rng: random.Random) -> bytes:
    value = rng.choice("1e30 nan inf 1e999 -1e5 1.2.3 half 0.5(x) ? . 1/0 0,5 0x1p3 0.5(1".split())
    return with_row(rng, f"Li9 Li {value} 0.11 0.13" if value not in "?." else f"Li9 Li {value} 0.1 {value}")


@text("far-coordinate", READ)
def _(rng: random.Random) -> bytes:
    return with_row(
        rng, "Li9 Li -9999.37 0.11 9999.13", "Li9 Li 1e-300 0.11 -1e-17", "Li9 Li 0.5(99) 0.11 0.13(1234567)"
    )


@text("bad-occupancy", "bad-site")
def _(rng: random.Random) -> bytes:
    return occupied(rng, *"-0.5 2 nan inf 1e999 one 1.2.3 -1e-9 1e-300 1e-320 99% 0.5(x".split())


@text("odd-occupancy", READ)
def _(rng: random.Random) -> bytes:
    return occupied(rng, *"0.5(3) 1. .5 1.0000001 ? . 1.2 0.001".split())


@text("long-number", READ)
def _(rng: random.Random) -> bytes:
    return with_row(rng, f"Li9 Li 0.{'3' * rng.randrange(10**3, 10**6)} 0.11 0.13")


# Symmetry


@text("no-group", "bad-symmetry")
def _(rng: random.Random) -> bytes:
    choices = [("x,y,z", "y,z,x"), ("x,y,z", "x+1/3,y,z"), ("-x,-y,-z",), ("x,y,z", "x,-y,z", "-x,y,z")]
    return with_symmetry(rng, operations(*rng.choice(choices)))


@text("malformed-operation", "bad-symmetry")
def _(rng: random.Random) -> bytes:
    odd = ["x,y", "x,y,z,w", "x,y,q", "x+1/0,y,z", "", "x+" * 10**5, "9" * 50 + "x,y,z", "x+" + "9" * 40 + ",y,z",
           "é,y,z", "h,k,l", "x y z", "x,y,z+1e999", "2x,y,z", "x/2,y,z", "x,x,x", "0,0,0", "nan,y,z"]  # fmt: skip
    return with_symmetry(rng, operations("x,y,z", rng.choice(odd)))


@text("million-operations", "too-large", most=1)
def _(rng: random.Random) -> bytes:
    return with_symmetry(rng, operations("x,y,z") + "'-x,-y,-z'\n" * 10**6)


@text("unknown-group", "bad-symmetry")
def _(rng: random.Random) -> bytes:
    names = ["Q 9", "P 7 7 7", "F m -3 m" * 50, "P" + " " * 50_000 + "X", "\u202eP 1", "Fm3m:9", "P 1 2 3 4 5 6"]
    return with_symmetry(rng, f"_symmetry_space_group_name_H-M '{rng.choice(names)}'\n")


@text("bad-group-number", "bad-symmetry")
def _(rng: random.Random) -> bytes:
    return with_symmetry(
        rng, f"_symmetry_Int_Tables_number {rng.choice('0 231 -1 1.5 1e999 nan many 99999999999'.split())}\n"
    )


@text("bad-hall-symbol", "bad-symmetry")
def _(rng: random.Random) -> bytes:
    odd = ["P 9", "P 4 4 4 4", "(", "P 1 (1 0", "P 1 (nan 0 0)", "P 1 (999999999999999 0 0)", "-F 4 2 3" * 99, "é", "x"]
    return with_symmetry(rng, f"_space_group_name_Hall '{rng.choice(odd)}'\n")


@text("contradicting-symmetry", READ, "bad-symmetry")
def _(rng: random.Random) -> bytes:
    number = rng.choice([1, 2, 62, 166, 194, 225])
    return with_symmetry(rng, f"_symmetry_Int_Tables_number {number}\n" + operations("x,y,z", "-x,-y,-z"))


# Atoms


@text("unknown-element", "bad-element")
def _(rng: random.Random) -> bytes:
    symbol = rng.choice(
        ["Xx", "Qq", "7Qq", "Li.+", "?" * 3, "L" * 10**5, "Li" + "9" * 10**5 + "x", "'\u202eLi'", "Uuo", "-1", "'Li O'"]
    )
    return with_row(rng, f"A9 {symbol} 0.12 0.11 0.13")


@text("impossible-charge", "bad-element")
def _(rng: random.Random) -> bytes:
    return with_row(
        rng, "A9 Li99+ 0.12 0.11 0.13", "A9 Li99999999999999999999999999+ 0.12 0.11 0.13", "A9 O300- 0.1 0.2 0.3"
    )


@text("isotopes", READ)
def _(rng: random.Random) -> bytes:
    return with_row(rng, "D1 D 0.12 0.11 0.13", "T1 T 0.12 0.11 0.13", "H1 H 0.12 0.11 0.13", "A1 D+ 0.12 0.11 0.13")


@text("dummy-atoms", READ, "bad-element")
def _(rng: random.Random) -> bytes:
    return with_row(rng, "Dum1 . 0.12 0.11 0.13", "VAC ? 0.12 0.11 0.13", "Wat1 . 0.5 0.11 0.13", "X9 X 0.12 0.11 0.13")


@text("rare-elements", READ)
def _(rng: random.Random) -> bytes:
    return with_row(rng, *(f"{symbol}9 {symbol} 0.12 0.11 0.13" for symbol in ("Og", "Fm", "He", "Pu", "Tc", "Ts")))


@text("coincident-atoms", READ)
def _(rng: random.Random) -> bytes:
    return (
        random_crystal(rng.randrange(10**6)).rstrip() + "\n" + "Li9 Li 0.12 0.11 0.13\n" * rng.randrange(2, 300)
    ).encode()


@text("strange-labels", READ, "not-cif")
def _(rng: random.Random) -> bytes:
    label = rng.choice(
        ['"a\'b"', "\u202egnp.exe", "😀" * 50, "=cmd|'/c", "<script>alert(1)</script>", "L" * 10**5, "%s%n", "\x1b[31m"]
    )
    return with_row(rng, f"{label} Li 0.12 0.11 0.13")


@text("no-atoms", "no-atoms")
def _(rng: random.Random) -> bytes:
    whole = good(rng)
    return rng.choice(
        [whole.split("loop_")[0], whole.replace("_fract_", "_fact_"), "data_x\n", "data_x\n_a 1\n"]
    ).encode()


@text("no-cell", "no-cell")
def _(rng: random.Random) -> bytes:
    return re.sub(rf"_cell_length_{rng.choice('abc')}.*\n", "", good(rng)).encode()


@text("no-mobile-ion", "no-mobile-ion")
def _(rng: random.Random) -> bytes:
    return re.sub(r"(?m)^Li(\d+) Li", r"Na\1 Na", good(rng)).encode()


# Something else altogether


@text("macromolecule", READ, "no-mobile-ion", "too-large")
def _(rng: random.Random) -> bytes:
    places = (" ".join(f"{rng.uniform(0, 50):.3f}" for _ in "xyz") for _ in range(rng.randrange(1, 300)))
    rows = "".join(f"ATOM {n} C CA . ALA A 1 {n} ? {place} 1.00 9.9\n" for n, place in enumerate(places))
    names = (
        "group_PDB id type_symbol label_atom_id label_alt_id label_comp_id label_asym_id label_entity_id label_seq_id"
    )
    names += " pdbx_PDB_ins_code Cartn_x Cartn_y Cartn_z occupancy B_iso_or_equiv"
    cell = "".join(f"_cell.length_{axis} 60\n" for axis in "abc")
    cell += "".join(f"_cell.angle_{name} 90\n" for name in ("alpha", "beta", "gamma"))
    loop = "loop_\n" + "".join(f"_atom_site.{name}\n" for name in names.split())
    return f"data_1ABC\n{cell}_symmetry.space_group_name_H-M 'P 21 21 21'\n{loop}{rows}".encode()


@text("other-format", "not-cif")
def _(rng: random.Random) -> bytes:
    return rng.choice([
        b"<!DOCTYPE html><html><body><h1>404 Not Found</h1></body></html>\n",
        b"HEADER    OXYGEN TRANSPORT\nATOM      1  N   VAL A   1      11.1  22.2  33.3  1.00  0.00           N\nEND\n",
        b'{"lattice": {"a": 5}, "sites": []}\n',
        b"Li2 O1\n1.0\n3.2 0 0\n0 3.2 0\n0 0 3.2\nLi O\n2 1\ndirect\n0 0 0\n",
        b"%PDF-1.7\n",
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12345\n",
        b"#!/bin/sh\nrm -rf /\n",
    ])  # fmt: skip


# Files, links and names


@files("folder-named-cif", READ)
def _(rng: random.Random, folder: Path, stem: str) -> None:
    (folder / f"{stem}.cif").mkdir()
    (folder / f"{stem}.cif" / f"{stem}.cif").write_text(good(rng))


@files("links", "unreadable", READ)
def _(rng: random.Random, folder: Path, stem: str) -> None:
    target = rng.choice(
        [f"{stem}.cif", "nowhere.cif", "/dev/zero", "/dev/null", "/dev/tty", "..", "/proc/self/mem", "/"]
    )
    (folder / f"{stem}.cif").symlink_to(target)


@files("pipe", "unreadable")
def _(rng: random.Random, folder: Path, stem: str) -> None:
    os.mkfifo(folder / f"{stem}.cif")


@files("hole", "too-large", "not-cif")
def _(rng: random.Random, folder: Path, stem: str) -> None:
    with (folder / f"{stem}.cif").open("wb") as file:
        file.truncate(rng.choice([10**6, 10**10]))


@files("strange-names", READ)
def _(rng: random.Random, folder: Path, stem: str) -> None:
    odd = [
        "a\nb",
        'a"b,c',
        "\u202egnp",
        "😀",
        "=1+1",
        "x" * 200,
        "\x1b[2J",
        "a;b",
        "$(id)",
        "-rf",
        "<b>",
        "a\\b",
        "\t",
        "#1",
        "~2",
    ]
    name = f"{stem}-{rng.choice(odd)}".encode() + rng.choice([b"", b"\xff\xfe", b"\xe9"])
    (Path(os.fsdecode(os.fsencode(folder))) / os.fsdecode(name + b".cif")).write_text(good(rng))


PACKERS: list[tuple[str, Callable[[bytes], bytes]]] = [
    ("gz", gzip.compress),
    ("bz2", bz2.compress),
    ("xz", lzma.compress),
    ("zst", zstandard.compress),
]


@files("packed-bomb", "too-large")
def _(rng: random.Random, folder: Path, stem: str) -> None:
    data = rng.choice([b" ", b"\0", b"data_x\n"]) * 1_500_000 * rng.choice([1, 3])
    pack = rng.choice(PACKERS)
    (folder / f"{stem}.cif.{pack[0]}").write_bytes(pack[1](data))


@files("packed-good", READ)
def _(rng: random.Random, folder: Path, stem: str) -> None:
    pack = rng.choice(PACKERS)
    (folder / f"{stem}.cif.{pack[0]}").write_bytes(pack[1](good(rng).encode()))


@files("packed-damage", "unreadable", "not-cif", "empty", READ)
def _(rng: random.Random, folder: Path, stem: str) -> None:
    suffix, pack = rng.choice(PACKERS)
    (folder / f"{stem}.cif.{suffix}").write_bytes(damaged(rng, pack(good(rng).encode())))


def damaged(rng: random.Random, data: bytes) -> bytes:
    """Return the bytes with one to eight of them changed, half of the time cut off as well."""
    changed = bytearray(data)
    for _ in range(rng.choice([1, 2, 8])):
        changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed[: rng.choice([len(changed), rng.randrange(len(changed))])])


def member_names(rng: random.Random, stem: str) -> list[str]:
    """Return names that lead out of an archive, and one that does not."""
    out = [
        "../escaped.cif",
        "/tmp/escaped.cif",
        "a/../../escaped.cif",
        "..\\escaped.cif",
        "C:\\escaped.cif",
        "//x/escaped.cif",
    ]
    return [rng.choice(out), f"{stem}-inside.cif"]


def zipped(members: list[tuple[str, bytes]]) -> bytes:
    """Return a zip of the members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return buffer.getvalue()


def tarred(members: list[tuple[str, bytes]], *special: tarfile.TarInfo) -> bytes:
    """Return a tar of the members, and of special ones."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for info in special:
            archive.addfile(info)
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


@files("path-traversal", "unsafe-path", READ)
def _(rng: random.Random, folder: Path, stem: str) -> None:
    members = [(name, good(rng).encode()) for name in member_names(rng, stem)]
    suffix, pack = rng.choice([("zip", zipped), ("tar", tarred)])
    (folder / f"{stem}.{suffix}").write_bytes(pack(members))


@files("devices-in-tar", "unsafe-path", READ)
def _(rng: random.Random, folder: Path, stem: str) -> None:
    special = []
    for kind in (tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE):
        info = tarfile.TarInfo(f"{stem}-{kind.decode()}.cif")
        info.type, info.linkname, info.devmajor, info.devminor = kind, "/etc/passwd", 1, 5
        special.append(info)
    (folder / f"{stem}.tar").write_bytes(tarred([(f"{stem}-inside.cif", good(rng).encode())], *special))


@files("archive-damage", "unreadable", "unsafe-path", "too-large", "empty", *CONTENT)
def _(rng: random.Random, folder: Path, stem: str) -> None:
    members = [(f"{stem}-{n}.cif", good(rng).encode()) for n in range(3)]
    suffix = rng.choice(["zip", "tar", "tar.gz", "tar.bz2", "tar.xz", "tar.zst"])
    data = zipped(members) if suffix == "zip" else tarred(members)
    packer = dict(PACKERS).get(suffix.rsplit(".", maxsplit=1)[-1])
    (folder / f"{stem}.{suffix}").write_bytes(damaged(rng, packer(data) if packer else data))


@files("nested-archive", "not-cif")
def _(rng: random.Random, folder: Path, stem: str) -> None:
    data = good(rng).encode()
    for depth in range(rng.randrange(2, 20)):
        data = zipped([(f"{stem}-{depth}.{'cif' if depth == 0 else 'zip'}", data)])
    (folder / f"{stem}.zip").write_bytes(data)


@files("archive-bomb", "too-large", "empty", most=2)
def _(rng: random.Random, folder: Path, stem: str) -> None:
    members = [(f"{stem}-{n}.cif", b" " * 19_000_000) for n in range(4)]
    suffix, data = rng.choice([("zip", zipped(members)), ("tar.gz", gzip.compress(tarred(members), 1))])
    (folder / f"{stem}.{suffix}").write_bytes(data)


@files("strange-members", READ, "unsafe-path", "too-large")
def _(rng: random.Random, folder: Path, stem: str) -> None:
    odd = ["x" * 10_000, "a\nb", "\u202ea", "😀", "n\0n", "=1", "a" * 300, "\x1b[2J", "d/" * 2000 + "x"]
    suffix, pack = rng.choice([("zip", zipped), ("tar", tarred)])
    (folder / f"{stem}.{suffix}").write_bytes(pack([(f"{stem}-{rng.choice(odd)}.cif", good(rng).encode())]))


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
