"""Embedded tables: known conductors, ions, prototypes, elements that are hard to use."""

from screening.data.hard_elements import hard_elements
from screening.data.ions import (
    CHARGE_TOLERANCE,
    MAX_COMBINATIONS,
    ionic_radius,
    neutral_charges,
    substitutes,
    usual_charges,
)
from screening.data.known import known_conductors, write_known
from screening.data.measured import write_measured
from screening.data.members import write_members
from screening.data.templates import Template, prototype_templates, template_of

__all__ = [
    "CHARGE_TOLERANCE",
    "MAX_COMBINATIONS",
    "Template",
    "hard_elements",
    "ionic_radius",
    "known_conductors",
    "neutral_charges",
    "prototype_templates",
    "substitutes",
    "template_of",
    "usual_charges",
    "write_known",
    "write_measured",
    "write_members",
]
