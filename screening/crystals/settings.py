"""The symbols of space groups as people write them → settings of the tables, the likeliest first.

A symbol often leaves the origin, the axes or the cell choice open. Every setting that it may mean is given, so that
the reader can take the one that the rest of the file allows.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from typing import NamedTuple

import gemmi

# The longest name in the tables has 12 characters without its setting; the rest leaves room for spaces and remarks. A
# longer name is no group, and the search for its setting takes time that grows with the cube of its length.
MAX_NAME = 80
# Databases write origin and axes as a last letter: Z for origin 2, S for origin 1, H and R for the axes.
_LETTER = re.compile(r"(.+?)\s*:?\s*([ZSHR])\Z", re.IGNORECASE)
_LETTERS = {"Z": "2", "S": "1", "H": "H", "R": "R"}
_REMARK_TEXTS = (
    (r"(?:\borigin|\bori|\bo\.?\s?c\.?)[\s_]*(?:choice|no\.?|at|@|=|:)?[\s_]*#?([12])\b(?!/)", r"\1"),
    (r"\b(?:first|1st)[\s_]+origin(?:[\s_]+choice)?", "1"),
    (r"\b(?:second|2nd)[\s_]+origin(?:[\s_]+choice)?", "2"),
    (
        r"\borigin[\s_]*(?:choice)?[\s_]*(?:at|@|on)?[\s_]*(?:an?\s|the\s)?(?:inversion\s)?(?:cent\w+|-1\b|-3m?\b)[^()]*",
        "2",
    ),
    (r"\bo([12])\b", r"\1"),
    (r"[(\[]\s*:?([12HR])\s*[)\]]", r"\1"),
    (r"[(\[]\s*Z\s*[)\]]", "2"),
    (r"[(\[]\s*S\s*[)\]]", "1"),
    (r"\b(?:origin|setting|choice)[\s_]*[:=]?[\s_]*([12])\b", r"\1"),
    (r"\b(?:hexagonal|hex|obverse)\b\.?(?:[\s_]*(?:axes|setting|cell))?", "H"),
    (r"\b(?:rhombohedral|rhomb?|primitive)\b\.?(?:[\s_]*(?:axes|setting|cell))?", "R"),
)
_REMARKS = tuple((re.compile(pattern, re.IGNORECASE), value) for pattern, value in _REMARK_TEXTS)
_AXIS = re.compile(r"\b(?:unique[\s_]+)?axis[\s_]*[:=]?[\s_]*([abc])\b", re.IGNORECASE)
_CELL_CHOICE = re.compile(r"\bcell[\s_]+choice[\s_]*[:=]?[\s_]*([1-9])\b", re.IGNORECASE)
_NUMBER = re.compile(
    r"[\s,]*[(\[]?\s*(?:no|nr|number|sg|it|#)\s*\.?\s*[:#=]?\s*\d{1,3}\s*[)\]]?|[(\[]\s*\d{2,3}\s*[)\]]", re.IGNORECASE
)
_CODE = re.compile(r"([12])?(-?[abc][1-9]?|abc|ba-c|cab|-cba|bca|a-cb)?\Z")
# The wave vector in the name of a superspace group, such as (00g) or (1/2,0,γ).
_WAVE_VECTOR = re.compile(r"\(\s*[-+\d/abgαβγ,. ]*[abgαβγ][-+\d/abgαβγ,. ]*\)")
# The classes in the order of the tables, with how many groups each has.
_CLASSES = (
    "C1 1,Ci 1,C2 3,Cs 4,C2h 6,D2 9,C2v 22,D2h 28,C4 6,S4 2,C4h 6,D4 10,C4v 12,D2d 12,D4h 20,C3 4,C3i 2,D3 7,C3v 6,"
    "D3d 6,C6 6,C3h 1,C6h 2,D6 6,C6v 4,D3h 4,D6h 4,T 5,Th 7,O 8,Td 6,Oh 10"
)
_OTHER_CLASSES = {"s2": "ci", "s1": "cs", "c1h": "cs", "s6": "c3i", "v": "d2", "vh": "d2h", "vd": "d2d", "s3": "c3h"}
_OTHER_CLASSES |= {"c1v": "cs", "s4v": "d2d"}


class Wanted(NamedTuple):
    """What a remark or code says about the setting."""

    ext: str = ""  # 1, 2, H or R
    axes: str = ""  # such as b1 or cab


# A digit under a bar, by combining characters and by TeX; what typesetting leaves; subscripts of screw axes.
_OVERLINED = re.compile(r"(\d)[\u0304\u0305\u0333]")
_TEX_BAR = re.compile(r"\\(?:bar|overline)\s*\{?\s*(\d)\s*\}?")
_MARKUP = re.compile(r"</?\w+>|[$~\\'\"]")
_SUBSCRIPT = re.compile(r"_?\{(\d)\}|(?<=\d)_(\d)")
_SCREW = re.compile(r"(?<=[2346])\s?\((\d)\)")
_BRACKETS = re.compile(r"[(\[][^()\[\]]*[)\]]?")
_BLANKS = re.compile(r"\s+")
# The axes of a full symbol.
_PRINCIPAL_AXIS = re.compile(r"[A-Z]-?[46][1-5]?/[a-z](?!-3)", re.IGNORECASE)
_ROTATION_OVER = re.compile(r"(?:2_?1?|4[1-3]?)/(?=[a-z])", re.IGNORECASE)


def is_superspace(name: str) -> bool:
    """Return whether a name is that of a superspace group: a modulated structure."""
    return len(name) <= MAX_NAME and _WAVE_VECTOR.search(name) is not None


@lru_cache(maxsize=4096)
def settings_of_name(
    name: str, code: str = "", *, hexagonal: bool = False, reference: bool = False
) -> tuple[gemmi.SpaceGroup, ...]:
    """Return the settings that a Hermann-Mauguin name may mean, the likeliest first; none where it is unknown.

    Parameters
    ----------
    name
        Short or full, with or without blanks, underscores and parentheses, with or without the setting.
    code
        The coordinate system code stated beside it, such as 2, b1, -cba or h.
    hexagonal
        Whether the cell has hexagonal axes; it tells what a name of a rhombohedral group means.
    reference
        Whether the name is of the type of group rather than of the setting at hand.
    """
    if len(name) > MAX_NAME:
        return ()
    symbol, wanted = _plain(name)
    base, explicit = _found((name, symbol), gamma=120.0 if hexagonal else 90.0)
    if base is None:
        return ()
    coded = _decoded(code)
    wanted = Wanted(wanted.ext or coded.ext, wanted.axes or coded.axes)
    family = settings_of_number(int(base.number))
    short = not explicit and _BLANKS.sub("", symbol) != base.hm.replace(" ", "")
    same = [group for group in family if group.hm == base.hm or (short and _same_axis_open(group, base))]
    if reference and not explicit and not wanted.ext:
        same.sort(key=lambda group: (group.hm != base.hm, not group.is_reference_setting() and group.ext in "12"))
        same.sort(key=lambda group: group.ext in ("H", "R") and group.ext != base.ext)
    else:
        same.sort(key=lambda group: (group.hm != base.hm, group.ext != base.ext))
    pool = same if not reference else same + [group for group in family if group not in same]
    chosen = _narrowed(pool, family, wanted)
    return tuple(chosen[:1] if explicit and not wanted.ext else chosen)


def settings_of_number(number: int) -> tuple[gemmi.SpaceGroup, ...]:
    """Return all settings of a group, the first of the tables first."""
    return _families()[number]


@cache
def _families() -> dict[int, tuple[gemmi.SpaceGroup, ...]]:
    families: dict[int, list[gemmi.SpaceGroup]] = {}
    for group in gemmi.spacegroup_table():
        families.setdefault(int(group.number), []).append(group)
    return {number: tuple(family) for number, family in families.items()}


@lru_cache(maxsize=1024)
def settings_for_number(
    number: int, code: str = "", letter: str = "", *, hexagonal: bool = False
) -> tuple[gemmi.SpaceGroup, ...]:
    """Return the settings that a number may mean; the cell tells rhombohedral axes from hexagonal ones.

    Parameters
    ----------
    number
        1 to 230.
    code
        The coordinate system code stated beside it.
    letter
        The centring letter that the setting must have; empty: any.
    hexagonal
        Whether the cell has hexagonal axes.
    """
    usual = settings_of_name(
        gemmi.find_spacegroup_by_number(number).hm, code, hexagonal=hexagonal, reference=bool(code)
    )
    family = (*usual, *(group for group in settings_of_number(number) if group not in usual))
    letters = "HR" if letter in ("H", "R") else letter
    return tuple(group for group in family if not letter or group.hm[0] in letters)


def number_of_schoenflies(symbol: str) -> int:
    """Return the number of the group that a symbol such as D2h^16, D_2h^16 or C2h.5 names, 0 where it names none."""
    if len(symbol) > MAX_NAME:
        return 0
    text = re.sub(r"[\s{}$]", "", unicodedata.normalize("NFKC", symbol.replace("^", "."))).lower()
    match = re.match(r"([a-z]_?\d?[a-z]*?)[.\-,(]*(\d{1,2})\)?\Z", text.replace("_", "", 1))
    if match is None:
        return 0
    wanted, place = _OTHER_CLASSES.get(match[1], match[1]), int(match[2])
    before = 0
    for name, count in (entry.split() for entry in _CLASSES.split(",")):
        if name.lower() == wanted:
            return before + place if 1 <= place <= int(count) else 0
        before += int(count)
    return 0


def _found(names: tuple[str, ...], *, gamma: float) -> tuple[gemmi.SpaceGroup | None, bool]:
    """Return the first group that one of the names finds, and whether the name tells its origin or axes."""
    for name in dict.fromkeys(names):
        match = _LETTER.match(name)
        variants = [name] if match is None else [name, f"{match[1]} :{_LETTERS[match[2].upper()]}"]
        variants += [name[: name.index(":")]] if ":" in name else []
        for variant in variants:
            for written in dict.fromkeys((variant, _short(variant))):
                group = gemmi.find_spacegroup_by_name(written, 90.0, gamma)
                if group is not None:
                    return group, ":" in written or written.lstrip().upper().startswith("H") or variant is not name
    return None, False


def _plain(name: str) -> tuple[str, Wanted]:
    """Return a name without remarks and marks of typesetting, and what the remarks say of the setting."""
    text = _OVERLINED.sub(r"-\1", unicodedata.normalize("NFD", name))
    text = unicodedata.normalize("NFKC", text).replace("\u2212", "-").replace("\u2013", "-").replace("\u00af", "-")
    text = _TEX_BAR.sub(r"-\1", text)
    text = _MARKUP.sub("", text)
    text = _SUBSCRIPT.sub(r"\1\2", text)
    text = _SCREW.sub(r"\1", text)
    axis, choice = _AXIS.search(text), _CELL_CHOICE.search(text)
    text = _CELL_CHOICE.sub(" ", _AXIS.sub(" ", text))
    axes = "" if axis is None else axis[1].lower() + ("" if choice is None else choice[1])
    ext = ""
    for pattern, value in _REMARKS:
        match = pattern.search(text)
        if match is not None:
            ext = ext or match.expand(value).upper()
            text = text[: match.start()] + " " + text[match.end() :]
    text = _NUMBER.sub(" ", text)
    text = _BRACKETS.sub(" ", text).replace("_", " ").strip(" ,;:.")
    return text, Wanted(ext, axes)


def _short(name: str) -> str:
    """Return the short symbol of a full one: F 4/m -3 2/m is F m -3 m, P 4/n 2/m 2/m is P 4/n m m."""
    text = _BLANKS.sub("", name)
    colon = text.find(":")
    text, setting = (text, "") if colon < 0 else (text[:colon], text[colon:])
    # The principal axis of a tetragonal or hexagonal group keeps its rotation; in a cubic one -3 stands second.
    first = _PRINCIPAL_AXIS.match(text)
    kept = first[0] if first is not None else text[:1]
    rest = _ROTATION_OVER.sub("", text[len(kept) :])
    # One rotation over one plane is a monoclinic group, which is short already.
    return name if text.count("/") < 2 and "3" not in text else kept + rest + setting


def _decoded(code: str) -> Wanted:
    text = code.strip().lower()
    if text in ("h", "r"):
        return Wanted(ext=text.upper())
    match = _CODE.match(re.sub(r"[\s:]", "", text))
    if match is not None:
        return Wanted(match[1] or "", match[2] or "")
    return _plain(code)[1] if len(code) <= MAX_NAME else Wanted()


def _narrowed(
    pool: list[gemmi.SpaceGroup], family: tuple[gemmi.SpaceGroup, ...], wanted: Wanted
) -> list[gemmi.SpaceGroup]:
    """Return the settings that meet what is wanted, or all of them where none does."""
    if wanted.axes:
        axes = "" if wanted.axes == "abc" else wanted.axes
        meant = [group for group in (*pool, *family) if _has_axes(group, axes)]
        pool = list(dict.fromkeys(meant)) or pool
    return [group for group in pool if group.ext == wanted.ext] or pool


def _has_axes(group: gemmi.SpaceGroup, axes: str) -> bool:
    return group.qualifier == axes or (len(axes) == 1 and axes in "abc" and group.qualifier in (f"{axes}1", axes))


def _same_axis_open(group: gemmi.SpaceGroup, base: gemmi.SpaceGroup) -> bool:
    """Return whether a monoclinic group is another but for its unique axis, which a short name leaves open."""
    if not 3 <= base.number <= 15:
        return False
    one, other = ([part for part in hm.split() if part != "1"] for hm in (group.hm, base.hm))
    return one == other
