"""Crystals that are made: charge-balanced substitution into known structures, and compounds put onto their nearest."""

from screening.generation.exchange import crystal_cif
from screening.generation.generate import write_candidates
from screening.generation.isotypes import Isotype, NoTemplateError, Templates, Unplaced, share_vector

__all__ = [
    "Isotype",
    "NoTemplateError",
    "Templates",
    "Unplaced",
    "crystal_cif",
    "share_vector",
    "write_candidates",
]
