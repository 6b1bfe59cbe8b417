"""Text cells of a CSV table that a spreadsheet must not take for a formula."""

from __future__ import annotations

# The guard itself is guarded too, so that taking it off gives the text back.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "'")


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
