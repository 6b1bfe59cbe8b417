"""The second stage: bond-valence site energies of the mobile ion, and its barriers."""

from screening.energy.charges import NoBarrier, NoBarrierError, atom_charges
from screening.energy.landscape import Landscape, Pathway, landscape

__all__ = ["Landscape", "NoBarrier", "NoBarrierError", "Pathway", "atom_charges", "landscape"]
