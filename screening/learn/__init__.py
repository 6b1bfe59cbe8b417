"""Labels, fair splits, LightGBM, intervals: from features and measured conductivities to a judged model."""

from screening.learn.agreement import composition_notes
from screening.learn.boosting import Rows, fit, parameters, read_booster
from screening.learn.dataset import Dataset, join
from screening.learn.differences import Difference, Differences, PairScale, differences, pair_scale
from screening.learn.evaluate import compare_bounds, evaluate, seeded
from screening.learn.header import Training
from screening.learn.isotype_files import write_isotypes
from screening.learn.labels import Labels, read_labels
from screening.learn.learner import Learner, choose_learner, training_rows
from screening.learn.load import load_model
from screening.learn.made import Made, make
from screening.learn.model import Model, Prediction
from screening.learn.parallel import all_of, at_a_time, opened
from screening.learn.precheck import check_count, check_match
from screening.learn.predict import predict_structures, settings_of
from screening.learn.scores import family_caution, score_lines, spearman
from screening.learn.shipped import shipped_model, write_shipped
from screening.learn.space import FeatureSpace
from screening.learn.splits import NEAR_DUPLICATE
from screening.learn.table import read_table
from screening.learn.train import train
from screening.learn.view import band_below

__all__ = [
    "NEAR_DUPLICATE",
    "Dataset",
    "Difference",
    "Differences",
    "FeatureSpace",
    "Labels",
    "Learner",
    "Made",
    "Model",
    "PairScale",
    "Prediction",
    "Rows",
    "Training",
    "all_of",
    "at_a_time",
    "band_below",
    "check_count",
    "check_match",
    "choose_learner",
    "compare_bounds",
    "composition_notes",
    "differences",
    "evaluate",
    "family_caution",
    "fit",
    "join",
    "load_model",
    "make",
    "opened",
    "pair_scale",
    "parameters",
    "predict_structures",
    "read_booster",
    "read_labels",
    "read_table",
    "score_lines",
    "seeded",
    "settings_of",
    "shipped_model",
    "spearman",
    "train",
    "training_rows",
    "write_isotypes",
    "write_shipped",
]
