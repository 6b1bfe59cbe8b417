"""The second stage: bond-valence site energies of the mobile ion, and the barriers at which its region runs on."""

from screening.energy.batch import BARRIERS_VERSION, BarrierRow, barrier_rows, row_of
from screening.energy.charges import NoBarrier, NoBarrierError, atom_charges
from screening.energy.landscape import Landscape, Pathway, landscape

__all__ = [
    "BARRIERS_VERSION",
    "BarrierRow",
    "Landscape",
    "NoBarrier",
    "NoBarrierError",
    "Pathway",
    "atom_charges",
    "barrier_rows",
    "landscape",
    "row_of",
]
