"""Predictions frozen before anything is measured, and scored later: `screening freeze RUN`, `screening score FROZEN`.

A frozen file is a .zip of four members: predictions.csv, card.md, frozen.json, and SHA256, one digest over the others.
Whoever published the digest can show later that nothing was changed.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import screening
from screening.crystals import FloatArray
from screening.data import write_members
from screening.errors import InputError
from screening.learn import Labels, load_model, spearman
from screening.runs import RunPaths, output_digests, ranking_path, read_ranking, read_record
from screening.spreadsheet import plain_cell, unguarded

FORMAT = "screening-frozen"
TABLE, CARD, RECORD, DIGEST = "predictions.csv", "card.md", "frozen.json", "SHA256"
TEXTS = ("id", "formula", "nearest")
NUMBERS = ("rank", "prediction", "lower", "upper", "chance", "prediction_composition", "nearest_measured")
MAX_BYTES = 2_000_000_000  # of one member, unpacked
EVERY = 2**62
TOPS = (10, 50, 100)


@dataclass(frozen=True, slots=True, eq=False)
class Frozen:
    """What a frozen file holds."""

    digest: str  # SHA-256 (hex) over all of it
    record: dict[str, Any]
    table: pd.DataFrame  # `TEXTS` and `NUMBERS`, in order of rank


def write_frozen(run: Path, out: Path, *, date: str) -> str:
    """Return the digest of the file written: predictions, intervals, model card, data digests and date of a RUN.

    Parameters
    ----------
    run
        Folder of a finished run.
    out
        A name that ends in .zip.
    date
        As it is to stand in the file, e.g. 2026-11-27.

    Raises
    ------
    InputError
        The run is unfinished or damaged, or `out` is no .zip.
    """
    if out.suffix != ".zip":
        raise InputError(f"{out}: frozen predictions are one .zip file")
    paths = RunPaths(run)
    record = read_record(paths.record)
    found = output_digests(paths)
    if record.outputs is None or found != record.outputs:
        raise InputError(f"{run} is unfinished, or not as its run left it: see `screening verify`")
    ranking = read_ranking(ranking_path(run), top=EVERY)
    columns = [name for name in (*TEXTS, *NUMBERS) if name in ranking]
    table = ranking[columns].assign(**{name: ranking[name].map(plain_cell) for name in TEXTS})
    training = load_model(paths.model).training
    told = {
        "format": FORMAT,
        "format_version": 1,
        "date": date,
        "version": screening.__version__,
        "seed": record.seed,
        "inputs_sha256": record.inputs_sha256,
        "outputs_sha256": found,
        "training_mean": float(training.log_sigma[~training.is_bound].mean()),
        "interval": record.scores.get("interval", {}).get("level"),
        "target": record.section("rank").get("target", -4.0),
        "n": len(table),
    }
    members = {
        CARD: (paths.model / CARD).read_bytes(),
        RECORD: (json.dumps(told, indent=1, sort_keys=True) + "\n").encode(),
        TABLE: table.to_csv(index=False, float_format="%.6g", lineterminator="\n").encode(),
    }
    digest = digest_of(members)
    write_members(out, [*members.items(), (DIGEST, f"{digest}\n".encode())])
    return digest


def digest_of(members: dict[str, bytes]) -> str:
    """Return the SHA-256 (hex) over names, lengths and contents of members, in order of name."""
    whole = hashlib.sha256()
    for name in sorted(members):
        whole.update(f"{name}\n{len(members[name])}\n".encode())
        whole.update(members[name])
    return whole.hexdigest()


def read_frozen(path: Path) -> Frozen:
    """Return what a frozen file holds, which is not trusted.

    Raises
    ------
    InputError
        It is none, too large, or not what its digest says.
    """
    members: dict[str, bytes] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            if sorted(archive.namelist()) != sorted((TABLE, CARD, RECORD, DIGEST)):
                raise InputError(f"{path} does not hold frozen predictions")
            for info in archive.infolist():
                if info.file_size > MAX_BYTES:
                    raise InputError(f"{path}: {info.filename} unpacks to more than {MAX_BYTES} bytes")
                members[info.filename] = archive.read(info)
        digest = members.pop(DIGEST).decode().strip()
        if digest_of(members) != digest:
            raise InputError(f"{path} is not what its digest says: it was changed")
        record = json.loads(members[RECORD])
        if record.get("format") != FORMAT or record.get("format_version") != 1:
            raise InputError(f"{path} holds frozen predictions of another version")
        table = pd.read_csv(io.BytesIO(members[TABLE]), dtype=dict.fromkeys(TEXTS, str), keep_default_na=True)
        for name in TEXTS:
            table[name] = table[name].fillna("").map(unguarded)
        numbers = table[[name for name in NUMBERS if name in table]].astype(np.float64)
    except (OSError, ValueError, KeyError, AttributeError, zipfile.BadZipFile, RuntimeError) as error:
        raise InputError(f"{path} cannot be read as frozen predictions: {error!s:.300}") from error
    table[list(numbers.columns)] = numbers
    return Frozen(digest, record, table)


def score_frozen(frozen: Frozen, measured: Labels) -> dict[str, Any]:
    """Return how frozen predictions fared on what was measured since, beside simple guesses on the same crystals.

    Over measured values: mean absolute error, Spearman, the share inside the interval. `hits` is the share of good
    conductors among the measured crystals of the first N ranks, and among all that were measured. Bounds count for
    `bounds_held` alone.

    Raises
    ------
    InputError
        Nothing that was measured had been predicted.
    """
    place = {str(id): row for row, id in enumerate(frozen.table["id"])}
    rows = np.array([row for row, id in enumerate(measured.ids) if str(id) in place], dtype=np.int64)
    if not len(rows):
        raise InputError("none of the measured crystals was predicted; do the ids match?")
    table = frozen.table.iloc[[place[str(id)] for id in measured.ids[rows]]].reset_index(drop=True)
    value, bound = measured.log_sigma[rows], measured.is_bound[rows]
    known = ~bound
    guesses = {
        "prediction": table["prediction"].to_numpy(dtype=np.float64),
        "mean": np.full(len(rows), float(frozen.record["training_mean"])),
        "nearest": table["nearest_measured"].to_numpy(dtype=np.float64),
    }
    if "prediction_composition" in table and table["prediction_composition"].notna().all():
        guesses["composition"] = table["prediction_composition"].to_numpy(dtype=np.float64)
    inside = (value >= table["lower"]) & (value <= table["upper"])
    good = known & (value >= float(frozen.record["target"]))
    return {
        "digest": frozen.digest,
        "date": frozen.record["date"],
        "n_measured": int(known.sum()),
        "n_bounds": int(bound.sum()),
        "not_predicted": len(measured) - len(rows),
        "coverage": float(inside[known].mean()) if known.any() else None,
        "models": {name: _judged(guess, value, bound) for name, guess in guesses.items()},
        "good": float(good[known].mean()) if known.any() else None,
        "hits": {
            str(top): {"n": int(first.sum()), "good": float(good[first].mean()) if first.any() else None}
            for top in TOPS
            if (first := known & (table["rank"].to_numpy(dtype=np.float64) <= top)) is not None
        },
    }


def _judged(guess: FloatArray, value: FloatArray, bound: Any) -> dict[str, float | None]:
    known = ~bound
    return {
        "mae": float(np.abs(guess[known] - value[known]).mean()) if known.any() else None,
        "spearman": spearman(value[known], guess[known]),
        "bounds_held": float((guess[bound] <= value[bound]).mean()) if bound.any() else None,
    }


def number(value: float | None) -> str:
    """Return a score with two digits, or that there is none."""
    return "n/a" if value is None else f"{value:.2f}"


def score_words(found: dict[str, Any]) -> list[str]:
    """Return the scores of frozen predictions as lines for a person."""
    lines = [f"frozen {found['date']}, SHA-256 {found['digest']}"]
    lines.append(
        f"{found['n_measured']} measured values and {found['n_bounds']} upper bounds of crystals that were predicted; "
        f"{found['not_predicted']} others"
    )
    lines += [
        f"{name:<12} MAE {number(one['mae'])}  Spearman {number(one['spearman'])}"
        + ("" if one["bounds_held"] is None else f"  bounds held {one['bounds_held']:.0%}")
        for name, one in found["models"].items()
    ]
    lines.append(f"inside the interval: {number(found['coverage'])}")
    lines += [
        f"first {top}: {one['n']} measured, {number(one['good'])} of them good (of all: {number(found['good'])})"
        for top, one in found["hits"].items()
    ]
    return lines
