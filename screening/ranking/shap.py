"""SHAP values of a model's predictions: on a CUDA GPU where shap can and agrees, otherwise as LightGBM does it.

LightGBM's values are exact in double precision, and those on the CPU are the same to the last bit. shap's
GPUTreeExplainer computes the same values in single precision; it runs in a process of its own, and its values count
only if they add up to the predictions and equal LightGBM's for some of the crystals.
"""

from __future__ import annotations

import importlib.util
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from screening.crystals import FloatArray
from screening.errors import EngineUnavailableError, UnavailableError
from screening.host import Wanted, answer_of, find_gpus
from screening.learn import Model, read_booster

MAX_GAP = 1e-4  # between GPU and CPU, log units; single precision over some hundred trees stays below 1e-5
CHECKED = 16  # crystals that are computed by both
TIME_LIMIT = 600.0  # s
ON_CPU = "LightGBM on the CPU"


@dataclass(frozen=True, slots=True, eq=False)
class Contributions:
    """SHAP values and how they were computed."""

    values: FloatArray  # (n, n_columns) log units; row sums + expected = prediction
    expected: float  # mean prediction over the trees' training crystals, log10 S/cm
    method: str  # what computed them and why, one line for a person


def contributions(
    model: Model, features: NDArray[Any], *, device: Wanted = "cpu", time_limit: float = TIME_LIMIT
) -> Contributions:
    """Return the SHAP values of features (n, n_columns), n > 0, which add up to the predictions.

    That the GPU cannot be used is told in `method` and no error, also for ``cuda``: the values are the same.

    Raises
    ------
    ModelError
        The shape does not fit, or values computed on the CPU do not add up to the predictions.
    """
    why = ""
    if device != "cpu":
        try:
            return _on_gpu(model, features, time_limit=time_limit)
        except UnavailableError as error:
            why = f": {error}"
    values, expected = model.contributions(features)
    return Contributions(values, expected, ON_CPU + why)


def _on_gpu(model: Model, features: NDArray[Any], *, time_limit: float) -> Contributions:
    gpu = find_gpus()[0]
    if not has_backend():
        raise EngineUnavailableError(
            "shap's GPU part is not installed: pip install shap-cuda of shap's own version (Python 3.12 or later)"
        )
    expected_values, expected = model.contributions(features[:CHECKED])
    values = _in_child(model, features, time_limit=time_limit)
    gap = float(np.abs(values[:CHECKED] - expected_values).max())
    total = float(np.abs(values.sum(axis=1) + expected - model.tree_mean(features)).max())
    # Written so that NaN is refused.
    if not (gap < MAX_GAP and total < MAX_GAP):
        raise EngineUnavailableError(
            f"the GPU's values were refused: {gap:.1g} from LightGBM's, sums {total:.1g} from the predictions"
        )
    return Contributions(values, expected, f"shap on {gpu.name}, {gap:.1g} from LightGBM's values")


def has_backend() -> bool:
    """Return whether shap's GPU part is installed: shap-cuda, or built into shap itself."""
    if importlib.util.find_spec("shap_cuda") is not None:
        return True
    shap = importlib.util.find_spec("shap")
    folders = (shap.submodule_search_locations or []) if shap else []
    return any(True for folder in folders for _ in Path(folder).glob("_cext_gpu*.so"))


def _in_child(model: Model, features: NDArray[Any], *, time_limit: float) -> FloatArray:
    with tempfile.TemporaryDirectory(prefix="screening-shap-") as folder:
        seen = model.view(features)
        np.save(Path(folder) / "features.npy", seen)
        for index, text in enumerate(model.texts):
            (Path(folder) / f"booster-{index}.txt").write_text(text, encoding="utf-8", newline="\n")
        code = f"from screening.ranking.shap import _answer; _answer({folder!r}, boosters={len(model.texts)})"
        try:
            answer = answer_of(code, time_limit=time_limit)
        except TimeoutError as error:
            raise EngineUnavailableError(f"shap on the GPU {error}") from error
        if answer.status != 0 or not (Path(folder) / "shap.npy").is_file():
            raise EngineUnavailableError(f"shap on the GPU ended with status {answer.status}: {answer.words}")
        values: FloatArray = np.load(Path(folder) / "shap.npy", allow_pickle=False)
    if values.shape != seen.shape:
        raise EngineUnavailableError(f"shap on the GPU gave {values.shape} values for {seen.shape} features")
    return model.view.spread(values)


def _answer(folder: str, *, boosters: int) -> None:
    """Write the mean SHAP values of the boosters in `folder`, computed on the GPU, beside them."""
    import shap

    features = np.load(Path(folder) / "features.npy", allow_pickle=False).astype(np.float64)
    total = np.zeros(features.shape)
    for index in range(boosters):
        text = (Path(folder) / f"booster-{index}.txt").read_text(encoding="utf-8")
        explainer = shap.GPUTreeExplainer(read_booster(text, n_features=features.shape[1]))
        total += np.asarray(explainer.shap_values(features, check_additivity=False), dtype=np.float64)
    np.save(Path(folder) / "shap.npy", total / boosters)
