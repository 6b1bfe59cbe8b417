"""Labels, fair splits, LightGBM, intervals: from features and measured conductivities to a judged model."""

from screening.learn.compare import CompareOptions, compare
from screening.learn.device import Learner, choose_learner
from screening.learn.evaluate import compare_bounds, evaluate
from screening.learn.labels import Labels, read_labels
from screening.learn.model import Model, Prediction, load_model
from screening.learn.scores import score_lines
from screening.learn.train import train

__all__ = [
    "CompareOptions",
    "Labels",
    "Learner",
    "Model",
    "Prediction",
    "choose_learner",
    "compare",
    "compare_bounds",
    "evaluate",
    "load_model",
    "read_labels",
    "score_lines",
    "train",
]
