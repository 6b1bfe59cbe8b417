"""Crystals that are made: charge-balanced substitution into known structures."""

from screening.generation.generate import write_candidates

__all__ = [
    "write_candidates",
]
