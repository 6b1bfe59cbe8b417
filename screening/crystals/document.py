"""The bytes of a CIF file → its data blocks, with what files of the field get wrong in the syntax set right."""

from __future__ import annotations

import contextlib
import re

import gemmi

from screening.crystals.cif2 import as_cif1, is_cif2
from screening.crystals.foreign import kind_of_bytes, kind_of_text
from screening.errors import Code, RejectionError

# A block begins with its name; what follows on the line after a blank belongs to the name unless it is a tag, a
# comment or another word of the syntax.
_HEADER = re.compile(r"((?:^|(?<=\r))[ \t]*data_)([^\n\r]*)", re.IGNORECASE | re.MULTILINE)
_AFTER_NAME = re.compile(r"[ \t](?=_|#|loop_|save_|data_)", re.IGNORECASE)
_NOT_IN_A_NAME = re.compile(r"[^!-~]")
_POSITION = re.compile(r":(\d+):(\d+)\(")
# What a reader sees of the line that stopped the parser.
LONGEST_LINE = 60
LONGEST_DETAIL = 200
# A text without the header of CIF 2.0 is tried as that up to this length; real files are shorter. Characters.
MOST_TRANSLATED = 1_000_000


def text_of(data: bytes) -> str:
    """Return the text of a CIF file: UTF-8, with or without byte order mark, else Latin-1, which never fails."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def parsed(data: bytes) -> gemmi.cif.Document:
    """Return the data blocks of a file; tags and names that stand twice are left to whoever needs them.

    Raises
    ------
    RejectionError
        empty: nothing but white space; not-cif: with the kind of file that it looks like, or the line that is no CIF.
    """
    if not data or data.isspace():
        raise RejectionError(Code.EMPTY, "the file is empty")
    kind = kind_of_bytes(data)
    if kind is not None:
        raise RejectionError(Code.NOT_CIF, f"not CIF: looks like {kind}")
    if b"\0" in data:
        raise RejectionError(Code.NOT_CIF, "not text: it holds NUL bytes")
    return parsed_text(text_of(data))


def parsed_text(text: str) -> gemmi.cif.Document:
    """Return the data blocks of a text; raises as `parsed` does."""
    try:
        return gemmi.cif.read_string(as_cif1(text) if is_cif2(text) else text, check_level=0)
    except (ValueError, RuntimeError) as error:
        first = error
    for mended in _mended(text):
        try:
            return gemmi.cif.read_string(mended, check_level=0)
        except (ValueError, RuntimeError):
            continue
    raise RejectionError(Code.NOT_CIF, printable(_explained(text, str(first)), most=LONGEST_DETAIL)) from first


def printable(text: str, *, most: int) -> str:
    """Return the beginning of what a file says, fit for one line of a table: foreign text is hostile there too."""
    return "".join(char if char.isprintable() else "?" for char in text[:most])


def _mended(text: str) -> list[str]:
    """Return the text with block names as CIF wants them, and as CIF 1.1 where it has marks of CIF 2.0."""
    named = _HEADER.sub(_with_name, text)
    mended = [] if named == text else [named]
    marked = "'''" in text or '"""' in text or re.search(r"[ \t\n][\[{]", text)
    if is_cif2(text) or (marked and len(text) <= MOST_TRANSLATED):
        with contextlib.suppress(ValueError):
            mended.append(as_cif1(named))
    return mended


def _with_name(header: re.Match[str]) -> str:
    after = _AFTER_NAME.search(header[2])
    name, rest = (header[2], "") if after is None else (header[2][: after.start()], header[2][after.start() :])
    return header[1] + _NOT_IN_A_NAME.sub("_", name.strip()) + rest


def _explained(text: str, message: str) -> str:
    """Return why a text is no CIF, in the words of its readers."""
    if is_cif2(text):
        return f"CIF 2.0 that cannot be read: {_where(text, message)}"
    if not re.search(r"(?:^|\r)[ \t]*data_", text, re.IGNORECASE | re.MULTILINE):
        kind = kind_of_text(text)
        if kind is not None:
            return f"not CIF: looks like {kind}"
        if re.search(r"(?:^|\r)[ \t]*_\w", text, re.MULTILINE):
            return "not CIF: it has tags, but no line that begins a data block (data_NAME)"
        return f"not CIF: no line begins a data block (data_NAME); {_where(text, message)}"
    return f"not CIF: {_where(text, message)}"


def _where(text: str, message: str) -> str:
    position = _POSITION.search(message)
    if position is None:
        return message
    lines = re.split(r"\r\n|\r|\n", text)
    number = int(position[1])
    line = lines[number - 1].strip() if number <= len(lines) else ""
    rest = message[message.rfind("): ") + 3 :] if "): " in message else message
    return f"line {number} {_quoted(line)}: {_WORDS.get(rest) or _guess(rest, line)}"


def _quoted(line: str) -> str:
    return f"'{line[:LONGEST_LINE]}'" if line else "(the end of the file)"


_WORDS = {
    "unterminated text field": "a text field opened by a semicolon is not closed",
    "unterminated 'string'": "a quote is not closed on its line",
    'unterminated "string"': "a quote is not closed on its line",
    "expected block header (data_)": "a data block begins with data_NAME",
}


def _guess(rest: str, line: str) -> str:
    if rest.startswith("Wrong number of values in loop"):
        return "the number of values in this table is no multiple of the number of its columns"
    if rest == "parse error":
        if re.match(r"_\S+\s+[^\s'\";]\S*\s+\S", line):
            return "a value with blanks stands in quotes"
        return "a value that belongs to no tag, or a tag without a value"
    return rest
