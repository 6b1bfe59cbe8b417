"""What kind of file something is: by its name where that says, else by its first bytes."""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache

from screening.crystals import kind_of_text
from screening.sources.files import PACKED

HEAD = 4000  # bytes that tell a kind


class Kind(StrEnum):
    """How a file is read."""

    CIF = "cif"
    JSON = "json"  # a list, an object or lines of entries
    TABLE = "csv"  # rows with a CIF or JSON column
    PARQUET = "parquet"
    DB = "ase-db"
    TRAJECTORY = "ase-traj"
    EXTXYZ = "extxyz"
    POSCAR = "poscar"
    RES = "res"
    XSF = "xsf"
    OTHER = "other"  # by its name no crystal


SINGLE = frozenset({Kind.POSCAR, Kind.RES, Kind.XSF})  # one crystal a file
MANY = frozenset({Kind.JSON, Kind.TABLE, Kind.PARQUET, Kind.DB, Kind.TRAJECTORY, Kind.EXTXYZ})
_SUFFIXES: dict[str, Kind] = {
    **dict.fromkeys((".cif", ".mcif"), Kind.CIF),
    **dict.fromkeys((".json", ".jsonl", ".ndjson"), Kind.JSON),
    **dict.fromkeys((".csv", ".tsv"), Kind.TABLE),
    **dict.fromkeys((".parquet", ".pq"), Kind.PARQUET),
    ".db": Kind.DB,
    ".traj": Kind.TRAJECTORY,
    **dict.fromkeys((".extxyz", ".xyz"), Kind.EXTXYZ),
    **dict.fromkeys((".vasp", ".poscar"), Kind.POSCAR),
    ".res": Kind.RES,
    ".xsf": Kind.XSF,
}
# Files whose suffix says that they are something else than a crystal.
OTHER_SUFFIXES = frozenset(
    """.txt .md .rst .toml .yaml .yml .xlsx .xls .ods .py .ipynb .pdf .png .svg .jpg .jpeg .gif .html .htm .bib .log .sh
    .doc .docx .ppt .pptx .tex .npz .npy .h5 .hdf5 .pkl .pickle .joblib""".split()
)
ARCHIVE_SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst", ".tzst")
_POSCAR = re.compile(r"(?:poscar|contcar)(?:[._-]|$)", re.IGNORECASE)
_BLOCK = re.compile(
    rb"\A(?:\xef\xbb\xbf)?(?:[ \t]*(?:#[^\r\n]*)?[\r\n])*[ \t]*data_\S*[ \t]*(?:#[^\r\n]*)?(?=[\r\n])", re.IGNORECASE
)
_TAG = re.compile(rb"[\r\n][ \t]*(?:loop_|_\w)", re.IGNORECASE)
_TEXTS = {
    "JSON": Kind.JSON,
    "a VASP POSCAR": Kind.POSCAR,
    "an XSF file": Kind.XSF,
    "a SHELX file": Kind.RES,
}


def is_archive(name: str) -> bool:
    """Return whether a file name says zip or tar."""
    return name.lower().endswith(ARCHIVE_SUFFIXES)


@lru_cache(maxsize=16)  # a file is asked after three times in a row
def kind_by_name(name: str) -> Kind | None:
    """Return the kind that a file name says, None where it says nothing."""
    base = name.replace("\\", "/").rpartition("/")[2]
    lowered = base.lower()
    if lowered.endswith(PACKED):
        base = base[: base.rfind(".")]
        lowered = base.lower()
    # By hand: `pathlib` takes 5 µs for it.
    suffix = lowered[lowered.rfind(".") :] if "." in lowered else ""
    kind = _SUFFIXES.get(suffix)
    if kind is not None:
        return kind
    if suffix in OTHER_SUFFIXES:
        return Kind.OTHER
    return Kind.POSCAR if _POSCAR.match(base) else None


def kind_by_content(data: bytes) -> Kind | None:
    """Return the kind that the first bytes of a file show, None where they show nothing but CIF."""
    head = data[:HEAD]
    if head.startswith(b"SQLite format 3\0"):
        return Kind.DB
    if head.startswith(b"PAR1"):
        return Kind.PARQUET
    if head.startswith(b"- of UlmASE-Trajectory"):
        return Kind.TRAJECTORY
    if b"\0" in head or looks_like_cif(head):
        return None
    text = head.decode("utf-8", "replace")
    if re.match(r"\s*\d+[ \t]*\r?\n[^\n]*\bLattice\s*=", text, re.IGNORECASE):
        return Kind.EXTXYZ
    return _TEXTS.get(kind_of_text(text) or "")


def looks_like_cif(head: bytes) -> bool:
    """Return whether a file begins with the header of a data block, comments before it, a tag or loop after it."""
    header = _BLOCK.match(head[:HEAD]) if b"data_" in head[:HEAD].lower() else None
    return header is not None and _TAG.search(head[:HEAD], header.end()) is not None


def is_hidden(name: str) -> bool:
    """Return whether the last part of a name begins with a dot."""
    return name.replace("\\", "/").rstrip("/").rpartition("/")[2].startswith(".")
