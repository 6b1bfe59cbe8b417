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
    from screening.commands.freeze import read_frozen, score_frozen, score_words, write_frozen
    from screening.commands.inspect import Inspected, inspected
    from screening.commands.isotypes import write_isotypes_of
    from screening.commands.predict import is_crystal, prediction_json, prediction_lines, predictions
    from screening.commands.series import SeriesOptions, best_lines, make_series

__all__ = [
    "ENGINES",
    "LEGEND",
    "Inspected",
    "Query",
    "SeriesOptions",
    "best_lines",
    "compare_crystals",
    "config_lines",
    "draw",
    "fetch_optimade",
    "findings",
    "inspected",
    "is_crystal",
    "list_cod",
    "make_series",
    "measure",
    "prediction_json",
    "prediction_lines",
    "predictions",
    "read_frozen",
    "read_one",
    "sample",
    "score_frozen",
    "score_words",
    "write_frozen",
    "write_isotypes_of",
]
_HOMES = {
    "SeriesOptions": "series",
    "best_lines": "series",
    "make_series": "series",
    "ENGINES": "compare",
    "LEGEND": "doctor",
    "compare_crystals": "compare",
    "config_lines": "bench",
    "draw": "barcode",
    "Query": "fetch",
    "fetch_optimade": "fetch",
    "list_cod": "fetch",
    "findings": "doctor",
    "write_frozen": "freeze",
    "Inspected": "inspect",
    "inspected": "inspect",
    "measure": "bench",
    "read_frozen": "freeze",
    "read_one": "barcode",
    "sample": "bench",
    "score_frozen": "freeze",
    "score_words": "freeze",
    "write_isotypes_of": "isotypes",
    "is_crystal": "predict",
    "prediction_json": "predict",
    "prediction_lines": "predict",
    "predictions": "predict",
}


def __getattr__(name: str) -> Any:
    """Return a name of a command that is imported when it is first asked for."""
    if name in _HOMES:
        return getattr(import_module(f"screening.commands.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'screening.commands' has no attribute {name!r}")
