"""Learners against feature sets on nested grouped folds; imported by that command alone."""

from screening.learn.compare.nested import CompareOptions, Comparison, compare

__all__ = [
    "CompareOptions",
    "Comparison",
    "compare",
]
