"""Candidates of a run taken elsewhere: as a table, as structures, as a summary to read, as references to cite."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from screening.config import InputLimits
from screening.errors import InputError
from screening.learn import family_caution
from screening.locations import write_whole
from screening.ranking import COUNT_COLUMNS, CellKind, kind_of
from screening.report.remarks import remarks
from screening.report.sheets import workbook
from screening.report.start import start_notebook
from screening.report.structures import p1_cif
from screening.report.text import counted, level, power
from screening.report.words import LIMITS, REFERENCES
from screening.runs import ranking_path, read_json, read_ranking, read_record, read_training, with_barriers
from screening.sources import Missing, Wanted, find_crystals
from screening.spreadsheet import plain_cell, plain_text, unguarded

DOI = re.compile(r"10\.\d{4,9}/[^\s\"<>{}\\]+")
UNITS = {  # of columns, for tables whose heads do not say them
    "prediction, lower, upper, measured": "log10 of S/cm at room temperature",
    "distance": "to the nearest training crystal; 1 is the edge of the domain",
}
EPOCH = (1980, 1, 1, 0, 0, 0)  # of files in archives: the same input gives the same bytes


class Exported(NamedTuple):
    """What was written."""

    rows: int  # candidates
    lost: tuple[str, ...] = ()  # ids and reasons of those whose structure cannot be read again


def export_candidates(
    run_dir: Path,
    target: Path,
    *,
    top: int | None = None,
    ids: Sequence[str] | None = None,
    address: str | None = None,
) -> Exported:
    """Return how many candidates were written to `target`, in a form that its suffix names, and what lacks.

    ``.csv`` (text cells guarded as in ranking.csv), ``.parquet``, ``.xlsx`` (a sheet to read, with pictures, then the
    table), ``.md`` (a summary to read), ``.bib`` (the DOIs of their nearest known conductors, and of data and methods),
    ``.zip`` (a CIF in P 1 of each, the table, and in missing.txt those whose source is gone), ``.ipynb`` (a notebook to
    start from).

    Parameters
    ----------
    run_dir
        The RUN folder.
    target
        File to write.
    top
        The first so many of the ranking; None for all.
    ids
        Only these, e.g. of a shortlist.
    address
        Where a notebook finds the RUN, if not in `run_dir`.

    Raises
    ------
    InputError
        Another suffix, no finished run, an id that is not in the ranking, or a table too large for the form.
    MissingExtraError
        ``.xlsx`` without the extra `xlsx`.
    """
    lost: list[str] = []
    writers: dict[str, Callable[[Path, pd.DataFrame], bytes]] = {
        ".csv": lambda _, frame: as_csv(frame).encode(),
        ".parquet": lambda _, frame: _parquet(frame),
        ".xlsx": lambda run, frame: workbook(run, frame, _facts(run)),
        ".md": lambda run, frame: _markdown(run, frame).encode(),
        ".bib": lambda run, frame: _bibtex(run, frame).encode(),
        ".zip": lambda run, frame: _zip(run, frame, lost),
        ".ipynb": lambda run, frame: start_notebook(address or str(run.resolve()), frame, listed=ids is not None),
    }
    if target.suffix not in writers:
        raise InputError(f"{target}: candidates are written as {', '.join(writers)}")
    frame = chosen(run_dir, top=top, ids=ids)
    content = writers[target.suffix](run_dir, frame)
    target.parent.mkdir(parents=True, exist_ok=True)
    write_whole(target, content)
    return Exported(len(frame), tuple(lost))


def chosen(run_dir: Path, *, top: int | None, ids: Sequence[str] | None) -> pd.DataFrame:
    """Return rows of the ranking of a run, in its order, with typed columns."""
    frame = with_barriers(read_ranking(ranking_path(run_dir), top=top), run_dir)
    if ids is not None:
        missing = sorted(set(ids) - set(frame["id"]))
        if missing:
            raise InputError(f"{len(missing)} of the ids are not in the ranking, for example {missing[0]!r:.200}")
        frame = frame[frame["id"].isin(set(ids))].reset_index(drop=True)
    return frame


def read_ids(path: Path) -> list[str]:
    """Return the ids in a file: the column ``id`` of a CSV, such as the page exports, or one id a line.

    Raises
    ------
    InputError
        The file cannot be read or holds no id.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines(keepends=True)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read {path}: {error}") from error
    rows = list(csv.reader(lines))
    if rows and "id" in rows[0]:
        place = rows[0].index("id")
        ids = [unguarded(row[place]) for row in rows[1:] if len(row) > place and row[place]]
    else:
        ids = [line.strip() for line in lines if line.strip()]
    if not ids:
        raise InputError(f"{path} holds no id")
    return ids


def as_csv(frame: pd.DataFrame) -> str:
    """Return a ranking as CSV; text cells that a spreadsheet would take for a formula get ``'`` before them."""
    guarded = frame.copy()
    for name, kind in _kinds(frame).items():
        if kind == "text":
            guarded[name] = frame[name].map(lambda cell: plain_cell(str(cell)))
        elif name in COUNT_COLUMNS and (frame[name].dropna() % 1 == 0).all():
            guarded[name] = frame[name].astype("Int64")
    return str(guarded.to_csv(index=False, lineterminator="\n"))


def _kinds(frame: pd.DataFrame) -> dict[str, CellKind]:
    return {str(name): kind_of(str(name), frame[name]) for name in frame.columns}


def _parquet(frame: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False, compression="zstd")
    return buffer.getvalue()


def _facts(run_dir: Path) -> list[tuple[str, str]]:
    rejected = pd.read_csv(run_dir / "rejected.csv", usecols=["id"], dtype=str, keep_default_na=False)
    record = read_record(run_dir / "run.json", n_rejected=len(rejected))
    counts = record.counts
    caution = family_caution(record.scores)
    return [
        ("program", f"screening {record.version}"),
        ("seed", str(record.seed)),
        ("engine", record.engine),
        ("SHA-256 of the inputs", record.inputs_sha256),
        ("found", str(counts.found)),
        ("described", str(counts.featurized)),
        ("rejected", str(counts.rejected)),
        ("labelled", str(counts.labelled)),
        *UNITS.items(),
        *([("held back", counted(record.held_back))] if record.held_back else []),
        *([("marks", counted(record.marks))] if record.marks else []),
        *([("chances", caution)] if caution else []),
    ]


def _markdown(run_dir: Path, frame: pd.DataFrame) -> str:
    lines = ["# Candidates", ""]
    facts = [(name, told) for name, told in _facts(run_dir) if name not in ("chances", *UNITS)]
    lines += [f"- {plain_text(name)}: {plain_text(told)}" for name, told in facts]
    config = read_json(run_dir / "run.json").get("config", {})
    reached = level(float(config.get("rank", {}).get("target", -4.0)))
    share = f"{100 * float(config.get('learn', {}).get('interval', 0.8)):.0f} %"
    names = ["rank", "crystal", "id", "σ (S/cm)", f"{share} interval (S/cm)", f"chance of {reached} S/cm or more"]
    names += ["nearest known", "its measured σ (S/cm)", "its publication", "remarks"]
    lines += ["", f"| {' | '.join(names)} |", f"|{'---|' * len(names)}"]
    bounds, publications = _bounds(run_dir), _publications(run_dir)
    for row in frame.to_dict("records"):
        chance = row.get("chance")
        told = "" if chance is None or np.isnan(chance) else f"{100 * chance:.0f} %"
        near = f"{'< ' if row['nearest'] in bounds else ''}{power(row['nearest_measured'])}"
        cells = [
            str(row["rank"]),
            plain_text(row["formula"]),
            plain_text(row["id"]),
            power(row["prediction"]),
            f"{power(row['lower'])} to {power(row['upper'])}",
            told,
            plain_text(row["nearest_formula"]),
            near,
            plain_text(publications.get(str(row["nearest"]), "")),
            plain_text("; ".join(remarks({str(name): cell for name, cell in row.items()}))),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    caution = family_caution(read_json(run_dir / "model" / "scores.json"))
    lines += ["", f"Chances: {plain_text(caution)}"] if caution else []
    lines += ["", "## What the numbers cannot say", "", *(f"- {limit}" for limit in LIMITS), "", "## To cite", ""]
    lines += [f"- {words}{f' <{address}>' if address else ''}" for words, address in REFERENCES]
    return "\n".join(lines) + "\n"


def _publications(run_dir: Path) -> dict[str, str]:
    training = read_training(run_dir / "model", ("id", "publication"))
    return {str(id): str(where or "") for id, where in zip(training["id"], training["publication"], strict=True)}


def _bounds(run_dir: Path) -> set[str]:
    training = read_training(run_dir / "model", ("id", "is_bound"))
    return set(training["id"][training["is_bound"].astype(bool)])


def _bibtex(run_dir: Path, frame: pd.DataFrame) -> str:
    """Return BibTeX: the publications of the nearest known conductors, in the order of the list, then data and methods.

    Titles and authors are not known here; reference managers fill them in by DOI.
    """
    training = read_training(run_dir / "model", ("id", "formula", "publication"))
    known = {str(row["id"]): row for row in training.to_dict("records")}
    entries: dict[str, str] = {}
    unnamed = 0
    for nearest in dict.fromkeys(frame["nearest"]):
        row = known.get(str(nearest))
        found = DOI.search(str(row["publication"] or "")) if row else None
        if row is None or found is None:
            unnamed += 1
            continue
        entries.setdefault(found[0], f"nearest known conductor {row['formula']} ({row['id']})")
    for words, address in REFERENCES:
        found = DOI.search(address)
        if found:
            entries.setdefault(found[0], words)
    parts = [f"% {unnamed} of the nearest known conductors have no DOI in the labels.\n"] if unnamed else []
    for place, (doi, note) in enumerate(entries.items(), start=1):
        told = {"doi": doi, "url": f"https://doi.org/{doi}", "note": _tex(note)}
        fields = ",\n".join(f"  {name} = {{{value}}}" for name, value in told.items())
        parts.append(f"@misc{{screening{place},\n{fields}\n}}\n")
    return "\n".join(parts)


def _tex(text: str) -> str:
    """Return text on one line, with the characters that TeX would take for commands escaped."""
    special = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    return "".join(special.get(c, f"\\{c}" if c in "&%$#_{}" else c) for c in " ".join(text.split()))


def _zip(run_dir: Path, frame: pd.DataFrame, lost: list[str]) -> bytes:
    rejected = pd.read_csv(run_dir / "rejected.csv", usecols=["id"], dtype=str, keep_default_na=False)
    record = read_record(run_dir / "run.json", n_rejected=len(rejected))
    limits = InputLimits.model_validate(record.section("input"))
    wanted = [Wanted(*map(str, row)) for row in zip(frame["id"], frame["source"], frame["formula"], strict=True)]
    found = find_crystals(wanted, limits)
    files = {"shortlist.csv": as_csv(frame)}
    for one, name in zip(wanted, file_names([one.id for one in wanted]), strict=True):
        crystal = found[one.id]
        if isinstance(crystal, Missing):
            lost.append(f"{one.id}: {crystal.reason}")
        else:
            files[name] = p1_cif(crystal)
    if lost:
        files["missing.txt"] = "\n".join(lost) + "\n"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, EPOCH), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def file_names(ids: Sequence[str]) -> list[str]:
    """Return a file name for each id: safe on every system, each once, also where case does not count."""
    seen: set[str] = set()
    names = []
    for id in ids:
        stem = re.sub(r"^\.+", "_", re.sub(r"[^A-Za-z0-9_.-]", "_", id))[:100] or "crystal"
        name, count = stem, 1
        while name.lower() in seen:
            count += 1
            name = f"{stem}-{count}"
        seen.add(name.lower())
        names.append(f"{name}.cif")
    return names
