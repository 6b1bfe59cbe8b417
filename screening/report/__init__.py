"""The page that people open, plots, and candidates as tables and CIFs."""

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
