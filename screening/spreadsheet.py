"""Text that neither a spreadsheet takes for a formula nor a terminal for a command."""

from __future__ import annotations

import re

# The guard itself is guarded too, so that taking it off gives the text back.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "'")
# Controls, line ends, and what turns the direction of writing: a name with these is not what it looks like.
UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_NUMBERED = re.compile(r"\\u([0-9a-f]{4})")


def seen(text: str) -> str:
    """Return text with each character that moves a cursor or turns the direction of writing as its number."""
    return UNSEEN.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def unseen(text: str) -> str:
    """Return text with the characters that `seen` wrote as numbers.

    A name that holds such a number by itself becomes another one: ask first what is there under the name as it is.
    """
    return _NUMBERED.sub(lambda match: chr(int(match[1], 16)), text)


def plain_cell(text: str) -> str:
    """Return `text`, with ``'`` before it where a spreadsheet would read a formula (it begins with = + - @ or tab)."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def unguarded(cell: str) -> str:
    """Return a text cell of a CSV file without the ``'`` that keeps spreadsheets from running it as a formula."""
    bare = cell.removeprefix("'")
    return bare if plain_cell(bare) == cell else cell


def plain_text(text: str) -> str:
    """Return text for Markdown: one line, with the characters that Markdown or HTML would take for markup escaped."""
    line = " ".join(text.split())
    return "".join(f"\\{letter}" if letter in "\\`*_{}[]()#+!|<>&~$" else letter for letter in line)
