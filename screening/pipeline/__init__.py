"""The stages, one function each, and `run`, which calls them in order; the commands call the same functions."""

from screening.pipeline.all_stages import run
from screening.pipeline.options import LabelOptions, RunOptions
from screening.pipeline.ranked import Ranked, rank_crystals, report
from screening.pipeline.second import SecondCounts, second_stage
from screening.pipeline.training import explain_model, make_isotypes, train_model

__all__ = [
    "LabelOptions",
    "Ranked",
    "RunOptions",
    "SecondCounts",
    "explain_model",
    "make_isotypes",
    "rank_crystals",
    "report",
    "run",
    "second_stage",
    "train_model",
]
