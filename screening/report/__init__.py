"""The page that people open: a RUN folder → one report.html that needs no network, and the plots of an explanation.

text       numbers, formulas and JSON as they stand on the page
svg        the parts of a plot: scales, ticks, axes, marks
plots      measured against predicted, kinds of hole, beeswarm
run        the files of a RUN folder, read and checked
columns    what the columns of a ranking hold, and their cells
structures crystals read again from their sources, with their holes
details    everything about single candidates
score_plots calibration and learning curve
curves     curves of candidates, of their nearest conductors, and the training range, packed
page       all of it laid into templates/
"""

from screening.report.page import write_report
from screening.report.plots import write_explanation_plots

__all__ = ["write_explanation_plots", "write_report"]
