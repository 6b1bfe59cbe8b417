"""Crystals: CIF text to flat arrays, their chemistry, and the point set of each channel."""

from screening.crystals.arrays import BoolArray, FloatArray, IntArray, wrap
from screening.crystals.batch import CrystalBatch
from screening.crystals.cells import crystals_of
from screening.crystals.charges import charges_can_balance
from screening.crystals.chemistry import ANIONS, anion_mask, charge_balanced, chemical_scale
from screening.crystals.cif import Unit, read_cif, read_unit
from screening.crystals.clouds import (
    Cloud,
    Members,
    channel_batches,
    channel_clouds,
    channel_label,
    channel_members,
)
from screening.crystals.consistency import covalent_radii
from screening.crystals.crystal import CloudBatch, Crystal
from screening.crystals.direct import crystal_of_arrays
from screening.crystals.document import parsed
from screening.crystals.entries import STRUCTURE_CLASSES, ase_arrays, pymatgen_arrays, read_entry
from screening.crystals.families import families_among, family_words
from screening.crystals.flags import FLAGS, contradictions_among, flag_sentence
from screening.crystals.foreign import kind_of_text
from screening.crystals.formulas import (
    WRITTEN_SYMBOL,
    anonymous_amounts,
    anonymous_formula,
    parsed_formula,
    reduced_formula,
    written_amounts,
    written_formula,
)
from screening.crystals.given import as_crystal, as_crystals
from screening.crystals.neighbours import periodic_pairs
from screening.crystals.prototypes import UNKNOWN, prototype

__all__ = [
    "ANIONS",
    "FLAGS",
    "STRUCTURE_CLASSES",
    "UNKNOWN",
    "WRITTEN_SYMBOL",
    "BoolArray",
    "Cloud",
    "CloudBatch",
    "Crystal",
    "CrystalBatch",
    "FloatArray",
    "IntArray",
    "Members",
    "Unit",
    "anion_mask",
    "anonymous_amounts",
    "anonymous_formula",
    "as_crystal",
    "as_crystals",
    "ase_arrays",
    "channel_batches",
    "channel_clouds",
    "channel_label",
    "channel_members",
    "charge_balanced",
    "charges_can_balance",
    "chemical_scale",
    "contradictions_among",
    "covalent_radii",
    "crystal_of_arrays",
    "crystals_of",
    "families_among",
    "family_words",
    "flag_sentence",
    "kind_of_text",
    "parsed",
    "parsed_formula",
    "periodic_pairs",
    "prototype",
    "pymatgen_arrays",
    "read_cif",
    "read_entry",
    "read_unit",
    "reduced_formula",
    "wrap",
    "written_amounts",
    "written_formula",
]
