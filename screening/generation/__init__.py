"""Crystals that are made: charge-balanced substitution into known structures, and compounds put onto their nearest."""

from screening.generation.exact_cif import exact_cif, plain_name
from screening.generation.exchange import crystal_cif
from screening.generation.generate import write_candidates
from screening.generation.isotypes import Isotype, NoTemplateError, Templates, Unplaced, share_vector
from screening.generation.series import net_charge, unit_formula
from screening.generation.variants import Series, series_of

__all__ = [
    "Isotype",
    "NoTemplateError",
    "Series",
    "Templates",
    "Unplaced",
    "crystal_cif",
    "exact_cif",
    "net_charge",
    "plain_name",
    "series_of",
    "share_vector",
    "unit_formula",
    "write_candidates",
]
