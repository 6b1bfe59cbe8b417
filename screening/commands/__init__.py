"""What subcommands do beyond calling a stage.

A name is imported when it is first asked for: `compare` alone brings in a zoo of learners.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from screening.commands.barcode import draw, read_one
    from screening.commands.bench import config_lines, measure, sample
    from screening.commands.compare import ENGINES, compare_crystals
    from screening.commands.doctor import LEGEND, findings
    from screening.commands.fetch import Query, fetch_optimade, list_cod
    from screening.commands.inspect import Inspected, inspected

__all__ = [
    "ENGINES",
    "LEGEND",
    "Inspected",
    "Query",
    "compare_crystals",
    "config_lines",
    "draw",
    "fetch_optimade",
    "findings",
    "inspected",
    "list_cod",
    "measure",
    "read_one",
    "sample",
]
_HOMES = {
    "ENGINES": "compare",
    "LEGEND": "doctor",
    "compare_crystals": "compare",
    "config_lines": "bench",
    "draw": "barcode",
    "Query": "fetch",
    "fetch_optimade": "fetch",
    "list_cod": "fetch",
    "findings": "doctor",
    "Inspected": "inspect",
    "inspected": "inspect",
    "measure": "bench",
    "read_one": "barcode",
    "sample": "bench",
}


def __getattr__(name: str) -> Any:
    """Return a name of a command that is imported when it is first asked for."""
    if name in _HOMES:
        return getattr(import_module(f"screening.commands.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'screening.commands' has no attribute {name!r}")
