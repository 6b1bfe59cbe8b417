"""CIF 2.0 → CIF 1.1: what the newer syntax adds, written so that a reader of the older one takes it.

Triple-quoted strings become text fields; lists and tables become one quoted value each, which no item that places an
atom has. Source: Bernstein et al., J. Appl. Cryst. 49 (2016) 277, for the syntax; the translation is ours.
"""

from __future__ import annotations

import re

import gemmi

HEADER = "#\\#CIF_2.0"
# Lists and tables within each other; beyond it is nobody's data.
DEEPEST = 100
_TOKEN = re.compile(
    r"(?P<space>\s+)|(?P<comment>#[^\n]*)"
    r"|(?P<triple>'''.*?'''|\"\"\".*?\"\"\")(?P<colon3>:?)"
    r"|(?P<quoted>'[^'\n]*'|\"[^\"\n]*\")(?P<colon>:?)"
    r"|(?P<open>[\[{])|(?P<close>[\]}])"
    r"|(?P<bare>[^\s\[\]{}'\"#][^\s\[\]{}]*)|(?P<other>.)",
    re.DOTALL,
)
_FIELD = re.compile(r"\n;(.*?)\n;(?=\s|\Z|[\]}])", re.DOTALL)


def is_cif2(text: str) -> bool:
    """Return whether a text says in its first line that it is CIF 2.0."""
    return text.lstrip("\ufeff").startswith(HEADER)


def as_cif1(text: str) -> str:
    """Return the same data blocks in the syntax of CIF 1.1.

    Raises
    ------
    ValueError
        A list or table that is not closed, or a character that begins no value.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    pieces: list[str] = []
    at, depth, began = 0, 0, 0
    last_end = _last_end_of_field(text)
    while at < len(text):
        # Beyond the last end of a field none is looked for: to the end of the text, at every line.
        field = _FIELD.match(text, at) if at < last_end else None
        if field is not None:
            if depth == 0:
                pieces.append(field[0])
            at = field.end()
            continue
        token = _TOKEN.match(text, at)
        if token is None or token["other"] is not None:
            raise ValueError(f"line {text.count(chr(10), 0, at) + 1}: {text[at]!r} begins no value")
        start, at = at, _end(token)
        if token["open"]:
            began, depth = (start if depth == 0 else began), depth + 1
        elif token["close"]:
            depth -= 1
            if depth == 0:
                pieces.append(_as_value(text[began:at]))
        elif depth == 0:
            pieces.append(_as_value((token["triple"])[3:-3]) if token["triple"] else _plain(token))
        if not 0 <= depth <= DEEPEST:
            raise ValueError(f"line {text.count(chr(10), 0, start) + 1}: lists or tables that do not match")
    if depth:
        raise ValueError(f"line {text.count(chr(10), 0, began) + 1}: a list or table that is not closed")
    return "".join(pieces)


def _last_end_of_field(text: str) -> int:
    return max((match.start() for match in re.finditer(r"\n;(?=\s|\Z|[\]}])", text)), default=0)


def _end(token: re.Match[str]) -> int:
    """Return where to go on: before a line break, which may begin a text field."""
    space = token["space"]
    if space and "\n" in space:
        # The last line break of the space is looked at again unless it is all there is.
        last = token.start() + space.rindex("\n")
        return last if last > token.start() else last + 1
    return token.end()


def _plain(token: re.Match[str]) -> str:
    quoted = token["quoted"]
    return _as_value(quoted[1:-1]) if quoted else token[0]


def _as_value(text: str) -> str:
    """Return the text as one value of CIF 1.1."""
    if "\n;" in text:
        text = text.replace("\n;", "\n ;")
    if "\n" in text or ("'" in text and '"' in text):
        return f"\n;{text}\n;"
    return str(gemmi.cif.quote(text)) if text else "''"
