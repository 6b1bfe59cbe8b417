"""Ranks crystals by lithium-ion conductivity predicted from the topology of their sublattices.

The rooms, in the order in which a crystal passes through them:

locations   a path or a URL
host        this machine: cores, memory, GPUs, child processes
store       the Zarr store of curves and facts, and its ledger
crystals    CIF text → Crystal → the point set of each channel, or a rejection
sources     files, folders, archives, lists → blocks of CIF text
homology    point sets → barcodes and percolation ranks
features    one batch of crystals → the rows of one shard
data        embedded tables: known conductors, ions, prototypes
generation  crystals that are made: charge-balanced substitution
learn       labels, splits, LightGBM, intervals
cluster     where tasks run; shards handed out and committed once
ranking     predictions and flags → ordered candidates; SHAP values summed to kinds of hole
runs        a RUN folder: its files, its record, how far it is, whether it is sound
report      the page that people open, and candidates as tables and CIFs
serve       the same page over a ranking of any length
commands    what subcommands do beyond calling a stage

pipeline    the stages in order; cli: the `screening` command; notebook: a finished run as objects;
transformer, matminer: the curves as a scikit-learn transformer and a matminer featurizer
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from screening.crystals import CloudBatch, Crystal
    from screening.errors import Code, Rejection, RejectionError, ScreeningError
    from screening.learn import shipped_model
    from screening.notebook import load, predict
    from screening.transformer import BettiTransformer

__version__ = "0.1.0"
__all__ = [
    "BettiTransformer",
    "CloudBatch",
    "Code",
    "Crystal",
    "Rejection",
    "RejectionError",
    "ScreeningError",
    "__version__",
    "load",
    "predict",
    "shipped_model",
]
# Imported when first asked for: the command's help needs none of them.
_HOMES = {
    "BettiTransformer": "screening.transformer",
    "CloudBatch": "screening.crystals",
    "Code": "screening.errors",
    "Crystal": "screening.crystals",
    "Rejection": "screening.errors",
    "RejectionError": "screening.errors",
    "ScreeningError": "screening.errors",
    "load": "screening.notebook",
    "predict": "screening.notebook",
    "shipped_model": "screening.learn",
}


def __getattr__(name: str) -> Any:
    """Return a name that is imported when it is first asked for."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'screening' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
