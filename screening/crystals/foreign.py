"""What a text that is no CIF looks like, in the words of the people who made it."""

from __future__ import annotations

import re
from collections.abc import Callable

# Enough of a file to tell its kind; the rest may be gigabytes.
HEAD = 4000

_BINARY = (
    (b"\x1f\x8b", "gzip data: its name should end in .gz"),
    (b"PK\x03\x04", "a ZIP archive (or a document of an office program)"),
    (b"BZh", "bzip2 data: its name should end in .bz2"),
    (b"\xfd7zXZ", "xz data: its name should end in .xz"),
    (b"\x28\xb5\x2f\xfd", "zstd data: its name should end in .zst"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"\xd0\xcf\x11\xe0", "a document of an office program"),
    (b"\x7fELF", "a program"),
    (b"\x89HDF", "HDF5 data"),
    (b"\x80\x04", "a Python pickle"),
    (b"SQLite format", "an SQLite database"),
)
_STARTS = tuple(start for start, _ in _BINARY)
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eEdD][-+]?\d+)?"
_THREE = rf"[ \t]*{_NUMBER}(?:[ \t]+{_NUMBER}){{2}}\b.*"
_POSCAR = re.compile(rf"[^\n]*\n[ \t]*{_NUMBER}[^\n]*\n{_THREE}\n{_THREE}\n{_THREE}\n")
_XYZ = re.compile(rf"\s*\d+[ \t]*\n[^\n]*\n[ \t]*[A-Za-z]{{1,2}}\d*[ \t]+{_NUMBER}[ \t]+{_NUMBER}[ \t]+{_NUMBER}")
_LOWERED = (
    ("<!doctype html", "an HTML page, such as the error page of a download"),
    ("<html", "an HTML page, such as the error page of a download"),
    ("<?xml", "XML"),
    ("version https://git-lfs", "a Git LFS pointer: the file itself was not fetched"),
    ("{\\rtf", "an RTF document"),
    ("titl ", "a SHELX file"),
    ("header ", "a PDB file"),
    ("cryst1", "a PDB file"),
    ("%block", "a CASTEP cell file"),
    ("&control", "a Quantum ESPRESSO input"),
    ("&system", "a Quantum ESPRESSO input"),
    ("lattice_vector", "an FHI-aims geometry"),
    ("primvec", "an XSF file"),
    ("crystal\nprimvec", "an XSF file"),
    ("lammps", "a LAMMPS data file"),
    ("%!ps", "PostScript"),
    ("---\n", "YAML"),
)


def kind_of_bytes(data: bytes) -> str | None:
    """Return what binary data look like by their first bytes, None where they might be text."""
    if data.startswith(_STARTS):
        return next(kind for start, kind in _BINARY if data.startswith(start))
    head = data[:200]
    if b"\0" not in head:
        return None
    # Every second byte of Latin letters in UTF-16 is zero, three of four in UTF-32.
    letters = head.replace(b"\0\0", b"\0")
    wide = head[:2] in (b"\xff\xfe", b"\xfe\xff") or (head.count(b"\0") * 3 > len(head) and b"d\0a\0" in letters)
    return "text in UTF-16 or UTF-32: save it as UTF-8" if wide else None


def kind_of_text(text: str) -> str | None:
    """Return what a text looks like by its first lines, None where nothing is recognised."""
    head = text[:HEAD].replace("\r\n", "\n").replace("\r", "\n").lstrip("\ufeff")
    bare = head.lstrip()
    lowered = bare[:200].lower()
    for start, kind in _LOWERED:
        if lowered.startswith(start):
            return kind
    for kind, looks in _PATTERNS:
        if looks(head, bare):
            return kind
    return None


def _json(_head: str, bare: str) -> bool:
    return re.match(r"\{\s*(?:\"|\}|\Z)|\[\s*(?:[\[{\"\d\]-]|\Z)", bare) is not None


def _res(head: str, _bare: str) -> bool:
    return re.search(r"^(?:CELL|ZERR|SFAC)\s+\S", head, re.MULTILINE) is not None and "_cell_" not in head.lower()


def _pdb(head: str, _bare: str) -> bool:
    return re.search(r"^(?:ATOM  |HETATM)[ \d]{5} ", head, re.MULTILINE) is not None


def _molfile(head: str, _bare: str) -> bool:
    return "V2000" in head or "V3000" in head


def _table(_head: str, bare: str) -> bool:
    lines = bare.splitlines()[:3]
    return len(lines) > 1 and any(min(line.count(mark) for line in lines) >= 2 for mark in (",", "\t", ";"))


_PATTERNS: tuple[tuple[str, Callable[[str, str], bool]], ...] = (
    ("a VASP POSCAR", lambda head, bare: _POSCAR.match(head) is not None or _POSCAR.match(bare) is not None),
    ("an XYZ file", lambda head, _bare: _XYZ.match(head) is not None),
    ("JSON", _json),
    ("XML or an HTML page", lambda _head, bare: re.match(r"<[A-Za-z!?]", bare) is not None),
    ("a PDB file", _pdb),
    ("a SHELX file", _res),
    ("a MOL file", _molfile),
    ("a LAMMPS data file", lambda head, _bare: re.search(r"^\s*\d+\s+atoms\s*$", head, re.MULTILINE) is not None),
    ("an FHI-aims geometry", lambda head, _bare: re.search(r"^\s*lattice_vector\s", head, re.MULTILINE) is not None),
    (
        "a Quantum ESPRESSO input",
        lambda head, _bare: (
            re.search(r"^\s*(?:&(?:control|system)|ATOMIC_POSITIONS)", head, re.MULTILINE | re.IGNORECASE) is not None
        ),
    ),
    ("an XSF file", lambda head, _bare: re.search(r"^\s*PRIMVEC\s*$", head, re.MULTILINE) is not None),
    ("a table of values", _table),
)
