"""Persistent homology of point clouds: interchangeable engines with one signature, asked for by name."""

from screening.homology.barcodes import PHASE, RESOLUTION, Barcodes, radii_of, ticks
from screening.homology.drawn_holes import hole_groups
from screening.homology.engines import ENGINES, choose_engine, engine
from screening.homology.holes import Hole, hole_atoms, hole_lines, hole_table
from screening.homology.percolation import PercolationRanks, percolation_ranks, ranks_of_cells
from screening.homology.periodic import NEVER, PRIME, SEED, PeriodicBarcode, periodic_barcodes, unit_powers
from screening.homology.primitive import primitive_cells

__all__ = [
    "ENGINES",
    "NEVER",
    "PHASE",
    "PRIME",
    "RESOLUTION",
    "SEED",
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
    "radii_of",
    "ranks_of_cells",
    "ticks",
    "unit_powers",
]
