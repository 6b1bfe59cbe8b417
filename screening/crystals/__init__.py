"""Crystals: CIF text to flat arrays, their chemistry, and the point set of each channel."""

from screening.crystals.arrays import BoolArray, FloatArray, IntArray, wrap
from screening.crystals.chemistry import ANIONS, RADIOACTIVE, SCARCE, TOXIC, anion_mask, charge_balanced, chemical_scale
from screening.crystals.cif import read_cif
from screening.crystals.clouds import Cloud, Members, channel_clouds, channel_label, channel_members
from screening.crystals.crystal import CloudBatch, Crystal
from screening.crystals.document import parsed
from screening.crystals.families import families_among, family_words
from screening.crystals.flags import FLAGS, contradictions_among, flag_sentence
from screening.crystals.formulas import (
    WRITTEN_SYMBOL,
    anonymous_formula,
    parsed_formula,
    reduced_formula,
    written_amounts,
    written_formula,
)
from screening.crystals.neighbours import periodic_pairs

__all__ = [
    "ANIONS",
    "FLAGS",
    "RADIOACTIVE",
    "SCARCE",
    "TOXIC",
    "WRITTEN_SYMBOL",
    "BoolArray",
    "Cloud",
    "CloudBatch",
    "Crystal",
    "FloatArray",
    "IntArray",
    "Members",
    "anion_mask",
    "anonymous_formula",
    "channel_clouds",
    "channel_label",
    "channel_members",
    "charge_balanced",
    "chemical_scale",
    "contradictions_among",
    "families_among",
    "family_words",
    "flag_sentence",
    "parsed",
    "parsed_formula",
    "periodic_pairs",
    "read_cif",
    "reduced_formula",
    "wrap",
    "written_amounts",
    "written_formula",
]
