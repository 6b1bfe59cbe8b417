"""SHAP values: which part computes them, and shap's own GPU explainer run with a CPU's arithmetic in its child."""

from __future__ import annotations

import importlib.util
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from synthetic import QUICK, labels

from screening.host import gpu as device
from screening.host.child import Answer
from screening.learn.model import Model
from screening.learn.train import train
from screening.ranking import shap as module
from screening.ranking.explain import explain
from screening.ranking.shap import MAX_GAP, ON_CPU, contributions
from screening.store.tables import FeatureTable

# shap's GPU explainer calls one compiled function; the CPU's has the same arguments and adds the same numbers. As
# Python starts, it is put in the GPU's place: inside shap (up to 0.53), or as the package shap-cuda.
STAND_IN = """
import importlib.abc, sys, types
def gpu(*args):
    FAULT
    import shap._cext as cpu
    cpu.dense_tree_shap(*args)
    args[16][...] += ERROR
part = types.ModuleType("shap._cext_gpu")
part.dense_tree_shap = gpu
sys.modules["shap._cext_gpu"] = part
"""


@pytest.fixture(scope="module")
def crystals(planted_table: FeatureTable) -> FeatureTable:
    return planted_table


@pytest.fixture(scope="module")
def model(planted_model: Model) -> Model:
    return planted_model


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_gpus", lambda: (device.Gpu(0, "A GPU", 1, (9, 0)),))
    monkeypatch.setattr(module, "has_backend", lambda: True)


def needs_own_explainer() -> None:
    spec = importlib.util.find_spec("shap")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    (shap,) = spec.submodule_search_locations
    if not (Path(shap) / "explainers" / "_gpu_tree.py").is_file():
        pytest.skip("shap keeps its GPU explainer in the package shap-cuda: not tested without it")


def stand_in(folder: Path, monkeypatch: pytest.MonkeyPatch, *, fault: str = "pass") -> None:
    needs_own_explainer()
    code = STAND_IN.replace("FAULT", fault).replace("ERROR", "0.0")
    (folder / "sitecustomize.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(folder))


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Puts shap's part in this process: what it computes is that of the child, whose start takes four seconds."""

    def stand_in_here(*, error: str = "0.0") -> None:
        needs_own_explainer()
        monkeypatch.setitem(sys.modules, "shap._cext_gpu", ModuleType("stands until the code has run"))
        exec(STAND_IN.replace("FAULT", "pass").replace("ERROR", error), {})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            explainer = importlib.import_module("shap.explainers._gpu_tree")
        monkeypatch.setattr(explainer, "_cext_gpu", sys.modules["shap._cext_gpu"])

        def answer(code: str, *, time_limit: float) -> Answer:
            exec(code, {})
            return Answer(0, b"", "no message")

        monkeypatch.setattr(module, "answer_of", answer)

    return stand_in_here


def test_the_cpu_is_exact_and_asks_for_no_gpu(
    crystals: FeatureTable, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "find_gpus", None)
    found = contributions(model, crystals.features, device="cpu")
    values, expected = model.contributions(crystals.features)
    np.testing.assert_array_equal(found.values, values)
    assert (found.expected, found.method) == (expected, ON_CPU)
    np.testing.assert_allclose(
        found.values.sum(axis=1) + expected, model.tree_mean(crystals.features), rtol=0, atol=1e-9
    )


@pytest.mark.parametrize("wanted", ["auto", "cuda"])
def test_without_a_gpu_or_shaps_part_lightgbm_computes_and_it_is_said_why(
    wanted: device.Wanted, crystals: FeatureTable, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "DRIVER", "libcuda-that-is-not-there.so.1")
    monkeypatch.setattr(module, "answer_of", None)  # no process is started
    plain = contributions(model, crystals.features)
    found = contributions(model, crystals.features, device=wanted)
    np.testing.assert_array_equal(found.values, plain.values)
    assert found.method.startswith(f"{ON_CPU}: no CUDA GPU here")
    monkeypatch.setattr(module, "find_gpus", lambda: (device.Gpu(0, "A GPU", 1, (9, 0)),))
    monkeypatch.setattr(module, "has_backend", lambda: False)
    found = contributions(model, crystals.features, device=wanted)
    assert found.method.startswith(f"{ON_CPU}: shap's GPU part is not installed")
    explained = explain(crystals, model, device=wanted, ids=["c1"])
    assert explained.method == found.method


@pytest.mark.usefixtures("gpu")
def test_shaps_gpu_explainer_gives_lightgbms_values(
    crystals: FeatureTable, model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(tmp_path, monkeypatch)
    found = contributions(model, crystals.features, device="cuda")
    assert found.method.startswith("shap on A GPU")
    exact = contributions(model, crystals.features)
    np.testing.assert_allclose(found.values, exact.values, rtol=0, atol=1e-9)
    assert found.expected == exact.expected


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize(
    "error",
    [
        "2e-4",
        "float('nan')",
        "__import__('numpy').arange(20)[:, None, None] // 16 * 2e-4",  # rows computed once alone
    ],
)
def test_a_gpu_that_errs_is_not_believed(
    error: str, here: Callable[..., None], crystals: FeatureTable, model: Model
) -> None:
    here(error=error)
    found = contributions(model, crystals.features[:20], device="cuda")
    assert found.method.startswith(ON_CPU)
    assert "refused" in found.method
    np.testing.assert_array_equal(found.values, contributions(model, crystals.features[:20]).values)


@pytest.mark.slow
@pytest.mark.usefixtures("gpu")
def test_a_gpu_that_fails_is_not_believed(
    crystals: FeatureTable, model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(tmp_path, monkeypatch, fault="raise RuntimeError('no kernel image')")
    found = contributions(model, crystals.features[:20], device="cuda")
    assert found.method.startswith(ON_CPU)
    assert "no kernel image" in found.method
    np.testing.assert_array_equal(found.values, contributions(model, crystals.features[:20]).values)


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize(
    ("left", "why"),
    [
        (Answer(-6, b"", "no message"), "ended with status -6"),
        (Answer(0, b"", "no message"), "ended with status 0"),
        (TimeoutError("took longer than 5 s"), "took longer than 5 s"),
    ],
)
def test_a_child_without_an_answer_is_not_believed(
    left: Answer | TimeoutError, why: str, crystals: FeatureTable, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How real children end so is for the tests of `host.child`."""

    def ended(code: str, *, time_limit: float) -> Answer:
        if isinstance(left, TimeoutError):
            raise left
        return left

    monkeypatch.setattr(module, "answer_of", ended)
    found = contributions(model, crystals.features[:20], device="cuda", time_limit=5.0)
    assert found.method.startswith(ON_CPU)
    assert why in found.method
    np.testing.assert_array_equal(found.values, contributions(model, crystals.features[:20]).values)


def test_values_of_missing_curves_that_shap_reads_otherwise_are_refused_or_right(
    crystals: FeatureTable, here: Callable[..., None], gpu: None
) -> None:
    """NaN in columns with and without NaN in training: whatever shap makes of it, what comes back is LightGBM's."""
    here()
    features = crystals.features.copy()
    features[::3, 30:40] = np.nan
    holed = FeatureTable(
        ids=crystals.ids,
        columns=crystals.columns,
        features=features,
        facts=crystals.facts,
        composition=crystals.composition,
        header=crystals.header,
    )
    trained = train(holed, labels(crystals, 90, seed=1), QUICK)
    asked = features.copy()
    asked[1::4, 0:30] = np.nan
    exact = contributions(trained, asked)
    np.testing.assert_allclose(contributions(trained, asked, device="cuda").values, exact.values, rtol=0, atol=MAX_GAP)
    seen = contributions(trained, features, device="cuda")
    assert seen.method.startswith("shap on A GPU")
    np.testing.assert_allclose(seen.values, contributions(trained, features).values, rtol=0, atol=1e-9)


def test_the_backend_is_found_without_importing_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    before = module.has_backend()
    (tmp_path / "shap_cuda.py").write_text("raise RuntimeError('imported')")
    importlib.invalidate_caches()
    assert module.has_backend()
    assert "shap_cuda" not in sys.modules or before
