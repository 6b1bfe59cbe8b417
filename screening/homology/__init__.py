"""Persistent homology of point clouds: interchangeable engines with one signature, asked for by name."""

from screening.homology.barcodes import RESOLUTION, Barcodes, ticks
from screening.homology.engines import ENGINES, choose_engine, engine
from screening.homology.holes import Hole, hole_atoms, hole_groups, hole_lines, hole_table
from screening.homology.percolation import PercolationRanks, percolation_ranks
from screening.homology.periodic import PeriodicBarcode, periodic_barcodes
from screening.homology.primitive import primitive_cells

__all__ = [
    "ENGINES",
    "RESOLUTION",
    "Barcodes",
    "Hole",
    "PercolationRanks",
    "PeriodicBarcode",
    "choose_engine",
    "engine",
    "hole_atoms",
    "hole_groups",
    "hole_lines",
    "hole_table",
    "percolation_ranks",
    "periodic_barcodes",
    "primitive_cells",
    "ticks",
]
