#!/usr/bin/env python
"""What a file of many entries costs beside the same crystals as CIF: memory, and processor time with features.

Usage: scripts/bench_formats.py FOLDER_OF_CIF [ENTRIES]. The crystals of the folder are repeated to ENTRIES (100,000)
entries of one .json.gz and one Parquet file, which are listed in a process of their own each: its memory at half and at
all of them, and its processor time. Then some crystals go through reading and features in every form.
"""

from __future__ import annotations

import gzip
import itertools
import json
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from benchmarks import record

from screening.config import Config
from screening.crystals import read_cif
from screening.errors import RejectionError
from screening.features import featurize
from screening.sources import Item, iter_items

DRAWN = 300  # crystals repeated
TIMED = 150  # of these, with features


def crystals(folder: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Return id, CIF text and pymatgen dict of the first crystals that can be read."""
    config, found = Config(), []
    for item in itertools.islice(iter_items([folder], config.input), 4 * DRAWN):
        try:
            crystal = read_cif(item.text, id=item.id, source=item.source, limits=config.input)
        except RejectionError:
            continue
        found.append((item.id, item.text.decode("utf-8", "replace"), crystal.to_pymatgen().as_dict()))
        if len(found) == DRAWN:
            break
    return found


def written(folder: Path, drawn: list[tuple[str, str, dict[str, Any]]], count: int) -> list[Path]:
    """Write the entries as one .json.gz and one Parquet file."""
    texts = [json.dumps(structure) for _, _, structure in drawn]
    packed, table = folder / "entries.json.gz", folder / "entries.parquet"
    with gzip.open(packed, "wt", compresslevel=1) as file:
        for n in range(count):
            mark = "[" if n == 0 else ","
            file.write(f'{mark}{{"material_id":"x{n}","e_above_hull":{n % 7},"structure":{texts[n % len(texts)]}}}')
        file.write("]")
    schema = pa.schema([("material_id", pa.string()), ("e_above_hull", pa.float64()), ("cif", pa.string())])
    with pq.ParquetWriter(table, schema) as out:
        for begin in range(0, count, 10_000):
            rows = range(begin, min(count, begin + 10_000))
            cifs = [drawn[n % len(drawn)][1] for n in rows]
            out.write_table(pa.table([[f"x{n}" for n in rows], [n % 7 for n in rows], cifs], schema=schema))
    return [packed, table]


def listed(path: str, count: int) -> None:
    """List a file; print its memory at half and at all entries, and the processor time."""
    begun, half = time.process_time(), 0
    n = 0
    for n, item in enumerate(iter_items([path], Config().input), start=1):
        assert item.rejection is None, item.rejection
        if n == count // 2:
            half = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    whole = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds = time.process_time() - begun
    print(f"{n} entries: {half / 1024:.0f} MiB at half, {whole / 1024:.0f} MiB at all, {seconds:.1f} s")


def timed(items: list[Item]) -> float:
    """Return the processor time of reading and features, ms per crystal."""
    featurize(items[:5], Config())
    begun = time.process_time()
    featurize(items, Config())
    return 1000 * (time.process_time() - begun) / len(items)


def main() -> None:
    """Write, list, time, and record."""
    if sys.argv[1] == "--list":
        listed(sys.argv[2], int(sys.argv[3]))
        return
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 100_000
    warnings.simplefilter("ignore")
    lines = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        drawn = crystals(sys.argv[1])
        paths = written(folder, drawn, count)
        for path in paths:
            words = [sys.executable, __file__, "--list", str(path), str(count)]
            done = subprocess.run(words, check=True, capture_output=True, text=True)
            lines.append(f"{''.join(path.suffixes)}, {path.stat().st_size / 2**20:.0f} MiB: {done.stdout.strip()}")
            print(lines[-1], flush=True)
        (folder / "cif").mkdir()
        for id, text, _ in drawn[:TIMED]:
            (folder / "cif" / f"{id}.cif").write_text(text)
        for name, path in (("CIF", folder / "cif"), ("JSON", paths[0]), ("Parquet of CIF", paths[1])):
            items = list(itertools.islice(iter_items([str(path)], Config().input), TIMED))
            lines.append(f"{name}: {timed(items):.2f} ms of processor per crystal, reading and features")
            print(lines[-1], flush=True)
    body = f"{len(drawn)} crystals repeated to {count:,} entries of one file; listing in a process of its own.\n\n"
    record("formats", "Formats beside CIF", body + "\n".join(f"- {line}" for line in lines))


if __name__ == "__main__":
    main()
