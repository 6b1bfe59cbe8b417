"""The page that people open, plots, and candidates as tables and CIFs.

A name is imported when it is first asked for: processes that draw candidates need neither the page nor plots.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from screening.report.barcode import Sublattice, draw_barcode
    from screening.report.details import Details
    from screening.report.export import export_candidates, read_ids
    from screening.report.leaderboard import leaderboard_lines, write_leaderboard_plot
    from screening.report.page import list_data, page_policy, render, write_report
    from screening.report.plots import write_explanation_plots
    from screening.report.structures import p1_cif
    from screening.report.text import formula

__all__ = [
    "Details",
    "Sublattice",
    "draw_barcode",
    "export_candidates",
    "formula",
    "leaderboard_lines",
    "list_data",
    "p1_cif",
    "page_policy",
    "read_ids",
    "render",
    "write_explanation_plots",
    "write_leaderboard_plot",
    "write_report",
]
_HOMES = {
    "Details": "details",
    "Sublattice": "barcode",
    "draw_barcode": "barcode",
    "export_candidates": "export",
    "formula": "text",
    "leaderboard_lines": "leaderboard",
    "list_data": "page",
    "p1_cif": "structures",
    "page_policy": "page",
    "read_ids": "export",
    "render": "page",
    "write_explanation_plots": "plots",
    "write_leaderboard_plot": "leaderboard",
    "write_report": "page",
}


def __getattr__(name: str) -> Any:
    """Return a name of a module that is imported when it is first asked for."""
    if name in _HOMES:
        return getattr(import_module(f"screening.report.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'screening.report' has no attribute {name!r}")
