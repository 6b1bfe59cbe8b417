"""Ranks crystals by lithium-ion conductivity predicted from the topology of their sublattices.

The modules, in the order in which a crystal passes through them:

sources     files, folders, archives → blocks of CIF text
cif         CIF text → Crystal, or a rejection
cloud       Crystal → the point set of each channel (mobile ion, anions, cations, framework, all)
homology    point sets → barcodes and percolation ranks
vectorize   barcodes → curves
store       the Zarr store of curves and facts
featurize   one batch of crystals → one shard of the store
learn       labels, splits, LightGBM, intervals
explain     SHAP values summed to kinds of hole
rank        predictions and flags → ordered candidates
report      the page that people open
cluster     where tasks run
pipeline    all of the above, in order
cli         the `screening` command
transformer the curves as a scikit-learn transformer
matminer    the same as a matminer featurizer
notebook    a finished run as objects: `screening.load`
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from screening.crystal import CloudBatch, Crystal
from screening.errors import Code, Rejection, RejectionError, ScreeningError

if TYPE_CHECKING:
    from screening.notebook import load
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
]
# Imported when asked for: they bring in scikit-learn, pandas and Zarr.
_LAZY = {"BettiTransformer": "screening.transformer", "load": "screening.notebook"}


def __getattr__(name: str) -> Any:
    """Return a name that is imported when it is first asked for."""
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'screening' has no attribute {name!r}")
