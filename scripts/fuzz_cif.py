#!/usr/bin/env python
"""Feeds mutated crystals and archives to the reader until the time is up; every find is a file.

    scripts/fuzz_cif [--seconds 60] [--seed 0] [--engine own|atheris] [--finds FOLDER]

A find is an exception that is no rejection, a crystal that breaks its own rules, a detail that is no short printable
line, or an input of at most 64 KB that takes longer than the limit. The seeds are the embedded known conductors and one
text of every hostile kind of tests/support/hostile.py. The engine `own` mutates lines, words, numbers and bytes;
`atheris` (pip install atheris) is guided by the branches taken, with the same mutations beside its own. Ends with 1 if
anything was found.
"""

from __future__ import annotations

import argparse
import faulthandler
import gzip
import hashlib
import inspect
import io
import random
import sys
import tarfile
import tempfile
import time
import traceback
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from screening.config import InputLimits
from screening.crystals.crystal import Crystal
from screening.sources.blocks import Item

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))

LARGEST = 64_000
LIMIT_S = 5.0  # processor time of one input; ordinary ones take a millisecond
HANG_S = 120.0  # beyond it the process ends, and the input is left as FOLDER/current
WORDS = """
0 -0 1 0.5 -1 1e999 -1e999 nan inf 1e-320 1e30 99999999999999999999 1.2.3 0.5(3) 0.5( . ? '' "" ' " ; data_ data_x loop_
save_ save_x stop_ global_ # _ _cell_length_a _cell_angle_gamma _atom_site_label _atom_site_fract_x _atom_site_Cartn_x
_atom_site_occupancy _atom_site_type_symbol _atom_site_calc_flag _atom_site_symmetry_multiplicity _atom_type_symbol
_atom_type_oxidation_number _symmetry_equiv_pos_as_xyz _space_group_symop_operation_xyz _symmetry_Int_Tables_number
_symmetry_space_group_name_H-M _space_group_name_Hall 'x,y,z' '-x,-y,-z' 'x+1/2,y,z' 'x+1/3,y,z' 'y,z,x' '-y,x-y,z'
'x,x,x' 'F_m_-3_m' 'P_1' '-P_1' 'P_4_(0_0_1)' Li Li+ Li1+ O2- D T Xx Og 225 166 180 179.9999999 90 120 60 1e-9 dum
""".split()  # a low line in quotes stands for a space


class FindError(Exception):
    """The reader did something that it must not do."""


def check_text(data: bytes) -> None:
    """Read the bytes as one file; raise whatever is no rejection, and `FindError` where a rule is broken."""
    from screening.config import InputLimits
    from screening.sources.blocks import items_of
    from screening.sources.raw import Raw

    limits = InputLimits()
    for item in items_of(Raw("fuzz.cif", "fuzz.cif", data), limits):
        check_item(item, limits)


def check_item(item: Item, limits: InputLimits) -> None:
    """Take one item to its clouds; raise whatever is no rejection."""
    from screening.config import CloudConfig
    from screening.crystals.cif import read_cif
    from screening.crystals.clouds import channel_clouds
    from screening.errors import RejectionError

    if item.rejection is not None:
        check_detail(item.rejection.detail)
        return
    try:
        crystal = read_cif(item.text, id=item.id, source=item.source, limits=limits)
        check_crystal(crystal, limits)
        clouds = channel_clouds(crystal, CloudConfig())
    except RejectionError as error:
        check_detail(error.detail)
        return
    for name, (_, positions, occupancies) in clouds.items():
        if not (np.isfinite(positions).all() and (occupancies > 0).all() and (occupancies <= 1).all()):
            raise FindError(f"cloud of {name}: a position or occupancy out of bounds")


def check_detail(detail: str) -> None:
    """Raise `FindError` where a detail is no short printable line."""
    if not detail.isprintable() or not 0 < len(detail) <= 300:
        raise FindError(f"detail: {detail[:200]!r}")


def check_crystal(crystal: Crystal, limits: InputLimits) -> None:
    """Raise `FindError` where a crystal breaks the rules of its class."""
    rules = {
        "lattice": np.isfinite(crystal.lattice).all() and crystal.volume >= 1.0,
        "positions": ((crystal.positions >= 0) & (crystal.positions < 1)).all(),
        "numbers": ((crystal.numbers >= 1) & (crystal.numbers <= 118)).all(),
        "occupancies": ((crystal.occupancies > 0) & (crystal.occupancies <= 1.5)).all(),
        "sites": 1 <= crystal.n_sites <= limits.max_sites
        and set(crystal.site_idx.tolist()) == set(range(crystal.n_sites)),
        "charges": not (np.abs(crystal.charges) > 20).any(),
        "formula": bool(crystal.formula),
        "unplaced": all(np.isfinite(amount) for amount in crystal.unplaced.values()),
    }
    broken = [name for name, held in rules.items() if not held]
    if broken:
        raise FindError(f"crystal: {', '.join(broken)}")


def check_archive(data: bytes, suffix: str, folder: Path) -> None:
    """Read the bytes as an archive; whatever comes of it must come as items."""
    from screening.config import InputLimits
    from screening.sources.listing import iter_items

    path = folder / f"fuzz{suffix}"
    path.write_bytes(data)
    limits = InputLimits()
    for item in iter_items([str(path)], limits):
        check_item(item, limits)


def mutated(data: bytes, seeds: list[bytes], rng: random.Random) -> bytes:
    """Return the text with a few lines, words, numbers or bytes changed."""
    for _ in range(rng.choice([1, 1, 2, 3, 8])):
        data = rng.choice(MUTATIONS)(data, seeds, rng)[:LARGEST]
    return data


def _line(data: bytes, seeds: list[bytes], rng: random.Random) -> bytes:
    lines = data.split(b"\n")
    at, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    chosen = rng.randrange(4)
    if chosen == 0:
        del lines[at]
    elif chosen == 1:
        lines.insert(at, lines[other])
    elif chosen == 2:
        lines[at], lines[other] = lines[other], lines[at]
    else:
        lines[at:at] = rng.choice(seeds).split(b"\n")[: rng.randrange(20)]
    return b"\n".join(lines)


def _word(data: bytes, seeds: list[bytes], rng: random.Random) -> bytes:
    words = data.split(b" ")
    at = rng.randrange(len(words))
    word = rng.choice(WORDS)
    words[at] = (word.replace("_", " ") if word[0] == "'" else word).encode() + rng.choice([b"", b"\n", b" "])
    return b" ".join(words)


def _number(data: bytes, seeds: list[bytes], rng: random.Random) -> bytes:
    digits = [at for at, byte in enumerate(data) if 48 <= byte <= 57]
    if not digits:
        return data
    at = rng.choice(digits)
    return data[:at] + rng.choice([b"", b"-", b".", b"e", b"9", b"0", b"(", b"9" * 40, b"e99"]) + data[at + 1 :]


def _byte(data: bytes, seeds: list[bytes], rng: random.Random) -> bytes:
    at = rng.randrange(len(data) + 1)
    return (
        data[:at] + rng.choice([b"", rng.randbytes(1), rng.randbytes(4), b"'", b"\n;"]) + data[at + rng.randrange(3) :]
    )


def _cut(data: bytes, seeds: list[bytes], rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def _repeat(data: bytes, seeds: list[bytes], rng: random.Random) -> bytes:
    at = rng.randrange(len(data) + 1)
    piece = data[at : at + rng.choice([1, 2, 8, 64])]
    return data[:at] + piece * rng.choice([2, 10, 1000]) + data[at:]


def _splice(data: bytes, seeds: list[bytes], rng: random.Random) -> bytes:
    other = rng.choice(seeds)
    return data[: rng.randrange(len(data) + 1)] + other[rng.randrange(len(other) + 1) :]


Mutation = Callable[[bytes, list[bytes], random.Random], bytes]
MUTATIONS: list[Mutation] = [_line, _line, _word, _word, _number, _number, _byte, _cut, _repeat, _splice]


def text_seeds(seed: int) -> list[bytes]:
    """Return the texts to begin with."""
    from hostile import texts

    from screening.data.known import write_known

    with tempfile.TemporaryDirectory() as folder:
        write_known(Path(folder))
        known = [path.read_bytes() for path in sorted(Path(folder).rglob("*.cif"))]
    return known + texts(seed=seed, largest=LARGEST // 2)


def archive_seeds(texts: list[bytes]) -> list[tuple[str, bytes]]:
    """Return a small zip and tars to begin with."""
    zipped, tarred = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive, tarfile.open(fileobj=tarred, mode="w") as tar:
        for number, data in enumerate(texts[:3]):
            archive.writestr(f"{number}.cif", data)
            info = tarfile.TarInfo(f"{number}.cif")
            info.size, info.pax_headers = len(data), {"path": f"{number}-é.cif"}
            tar.addfile(info, io.BytesIO(data))
    return [(".zip", zipped.getvalue()), (".tar", tarred.getvalue()), (".tar.gz", gzip.compress(tarred.getvalue(), 1))]


def fuzz(seconds: float, *, seed: int, finds: Path) -> int:
    """Run the own engine; return the number of different finds."""
    rng = random.Random(seed)
    seeds = text_seeds(seed)
    archives = archive_seeds(seeds)
    known: set[str] = set()
    runs = 0
    slowest = 0.0
    started = time.monotonic()
    told = started
    with tempfile.TemporaryDirectory() as scratch, (finds / "current").open("wb") as current:
        while time.monotonic() - started < seconds:
            if rng.random() < 0.1:
                suffix, whole = rng.choice(archives)
                changed = bytearray(whole)
                for _ in range(rng.choice([1, 2, 8, 32])):
                    # Headers and directories are where parsers go wrong; they are at the beginning and the end.
                    at = rng.choice([rng.randrange(len(changed)), rng.randrange(600), -1 - rng.randrange(400)])
                    changed[at] = rng.randrange(256)
                data = bytes(changed[: rng.choice([len(changed), len(changed), rng.randrange(len(changed))])])
            else:
                suffix, data = ".cif", mutated(rng.choice(seeds), seeds, rng)
            current.seek(0)
            current.write(data)
            current.truncate()
            current.flush()
            faulthandler.dump_traceback_later(HANG_S, exit=True)
            begun = time.process_time()
            try:
                if suffix == ".cif":
                    check_text(data)
                else:
                    check_archive(data, suffix, Path(scratch))
                taken = time.process_time() - begun
                slowest = max(slowest, taken)
                if taken > LIMIT_S:
                    raise FindError(f"took {taken:.1f} s")
            except Exception as error:
                _keep(error, data, suffix, finds=finds, known=known)
            faulthandler.cancel_dump_traceback_later()
            runs += 1
            if time.monotonic() - told > 60:
                told = time.monotonic()
                print(f"{told - started:.0f} s, {runs} inputs, {len(known)} finds, slowest {slowest:.2f} s", flush=True)
    (finds / "current").unlink()
    print(f"{time.monotonic() - started:.0f} s, {runs} inputs, {len(known)} finds, slowest {slowest:.2f} s")
    return len(known)


def _keep(error: Exception, data: bytes, suffix: str, *, finds: Path, known: set[str]) -> None:
    """Write an input that is a find of a new sort, and what it did."""
    frames = traceback.extract_tb(error.__traceback__)
    text = str(error) if isinstance(error, FindError) else ""
    sort = f"{type(error).__name__} {Path(frames[-1].filename).name}:{frames[-1].lineno} {text.split(':')[0][:20]}"
    if sort in known:
        return
    known.add(sort)
    path = finds / f"{hashlib.sha256(data).hexdigest()[:12]}{suffix}"
    path.write_bytes(data)
    print(f"{path}: {type(error).__name__}: {error}\n" + "".join(traceback.format_tb(error.__traceback__)), flush=True)


def fuzz_with_atheris(seconds: float, *, seed: int, finds: Path) -> None:
    """Run atheris, which ends the process; it stops at its first find."""
    import atheris

    from screening.crystals import cif, symmetry
    from screening.crystals import clouds as cloud
    from screening.sources import blocks

    # By function: atheris finds no modules behind the import hook of an editable install.
    for module in (cif, cloud, symmetry, blocks):
        for function in list(vars(module).values()):
            if inspect.isfunction(function) and function.__module__ == module.__name__:
                atheris.instrument_func(function)
    seeds = text_seeds(seed)
    corpus = finds / "corpus"
    corpus.mkdir(exist_ok=True)
    for data in seeds:
        (corpus / hashlib.sha256(data).hexdigest()[:12]).write_bytes(data)

    def mutate(data: bytes, max_size: int, number: int) -> bytes:
        rng = random.Random(number)
        changed = mutated(data, seeds, rng) if rng.random() < 0.8 else atheris.Mutate(data, max_size)
        return changed[:max_size]

    flags = [f"-max_total_time={seconds:.0f}", f"-seed={seed + 1}", f"-max_len={LARGEST}", f"-timeout={HANG_S:.0f}"]
    flags += ["-rss_limit_mb=2048", f"-artifact_prefix={finds}/", "-print_final_stats=1", str(corpus)]
    atheris.Setup(["fuzz_cif", *flags], check_text, custom_mutator=mutate)
    atheris.Fuzz()


def main() -> None:
    parser = argparse.ArgumentParser(prog="fuzz_cif", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="how long")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--engine", choices=["own", "atheris"], default="own")
    parser.add_argument("--finds", type=Path, default=Path("fuzz-finds"), help="folder for the inputs that are finds")
    chosen = parser.parse_args()
    chosen.finds.mkdir(parents=True, exist_ok=True)
    if chosen.engine == "atheris":
        fuzz_with_atheris(chosen.seconds, seed=chosen.seed, finds=chosen.finds)
        return
    sys.exit(1 if fuzz(chosen.seconds, seed=chosen.seed, finds=chosen.finds) else 0)


if __name__ == "__main__":
    main()
