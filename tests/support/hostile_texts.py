"""CIF texts that are bad or hostile, each a kind of its own."""

from __future__ import annotations

import random
import re

from hostile_kinds import (
    CONTENT,
    READ,
    good,
    many_atoms,
    occupied,
    operations,
    replaced,
    text,
    with_row,
    with_symmetry,
)
from made_crystals import random_crystal

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
