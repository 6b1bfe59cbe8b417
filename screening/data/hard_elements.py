"""Elements that speak against making a compound in quantity: radioactive, toxic, scarce or costly, each with source."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import Any


@cache
def _table() -> dict[str, dict[str, Any]]:
    text = resources.files(__package__).joinpath("hard_elements.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


@cache
def hard_elements(kind: str) -> frozenset[str]:
    """Return the symbols of one kind: ``radioactive``, ``toxic``, ``scarce`` or ``costly``."""
    return frozenset(str(_table()[kind]["elements"]).split())


def source_of(kind: str) -> str:
    """Return where a kind of hard elements is taken from."""
    return str(_table()[kind]["source"])
