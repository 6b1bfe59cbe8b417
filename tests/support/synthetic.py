"""Feature tables with a planted signal: what `read_table` would return for crystals whose answer is known."""

from __future__ import annotations

import numpy as np
import pandas as pd

from screening.config import FEATURES_VERSION, Config
from screening.elements import NUMBERS
from screening.learn.labels import Labels
from screening.store.tables import FeatureTable

RADII = [f"{radius:.2f}" for radius in np.arange(2.0, 5.0, 0.25)]
COLUMNS = tuple(
    [f"{channel}/{curve}/{radius}" for channel in ("Li", "anion") for curve in ("beta1", "rank2") for radius in RADII]
    + ["Li/number_density"]
)
PLANTED = "Li/beta1/3-4"  # the kind of hole that decides the target
# Made-up compositions are no salts: tests of other things order by the prediction and hold nothing back.
PLAIN = {"objective": "mean", "charge_balance": False, "require_any_anion": [], "fold": "none"}
QUICK = Config.model_validate(
    {
        "rank": PLAIN,
        "cloud": {"channels": ["mobile", "anion"]},
        "learn": {"folds": 3, "repeats": 2, "trees": 60, "learning_rate": 0.2, "min_leaf": 3, "seeds": 2, "l2": 1.0},
    }
)


def header(config: Config = QUICK, *, columns: tuple[str, ...] = COLUMNS) -> dict[str, object]:
    return {
        "format": "screening-features",
        "format_version": 1,
        "config": config.features_config(),
        "features_hash": config.features_hash(),
        "features_version": FEATURES_VERSION,
        "engine": config.homology.engine,
        "versions": {"screening": "0"},
        "columns": list(columns),
    }


def table(n: int, *, seed: int, prefix: str = "c") -> FeatureTable:
    """Return `n` crystals: smooth random curves, a random cell, Li-X-O or Li-X-S compositions."""
    rng = np.random.default_rng(seed)
    n_curves = len(COLUMNS) // len(RADII)
    heights = rng.gamma(2.0, 2.0, size=(n, n_curves, 4)).repeat(len(RADII) // 4, axis=2)
    features = np.column_stack([heights.reshape(n, -1), rng.uniform(0.01, 0.04, n)]).astype(np.float32)
    composition = np.zeros((n, 119), dtype=np.float32)
    composition[:, NUMBERS["Li"]] = rng.integers(1, 12, n)
    composition[np.arange(n), rng.integers(11, 35, n)] += rng.integers(1, 12, n)
    composition[np.arange(n), rng.choice([8, 16], n)] += rng.integers(1, 20, n)
    lengths = rng.uniform(4, 12, size=(n, 3))
    facts = pd.DataFrame(
        {
            "source": [f"folder/{prefix}{row}.cif" for row in range(n)],
            "formula": [f"LiX{row}" for row in range(n)],
            "flags": ["disordered" if row % 3 == 0 else "" for row in range(n)],
            "n_sites": composition.sum(axis=1).astype(np.int64),
            "volume": lengths.prod(axis=1),
            "spacegroup": np.ones(n, dtype=np.int64),
            **dict(zip("abc", lengths.T, strict=True)),
            **dict.fromkeys(("alpha", "beta", "gamma"), 90.0),
            "r_cut/Li": np.where(np.arange(n) % 5 == 0, 4.0, 8.0),
            "r_cut/anion": 7.0,
        }
    )
    ids = np.array([f"{prefix}{row}" for row in range(n)], dtype=object)
    return FeatureTable(
        ids=ids, columns=COLUMNS, features=features, facts=facts, composition=composition, header=header()
    )


def planted(features: np.ndarray) -> np.ndarray:
    """Return the true log10 conductivity: lithium rings alive between 3 and 4 Å, and nothing else."""
    chosen = [column for column, name in enumerate(COLUMNS) if name in ("Li/beta1/3.25", "Li/beta1/3.75")]
    true: np.ndarray = -8.0 + 0.6 * features[:, chosen].astype(np.float64).sum(axis=1) / 2
    return true


def labels(crystals: FeatureTable, n: int, *, seed: int, n_bounds: int = 0) -> Labels:
    """Return noisy labels of the first `n` crystals; the `n_bounds` lowest are stated as bounds one unit above."""
    rng = np.random.default_rng(seed)
    target = planted(crystals.features[:n]) + rng.normal(0, 0.1, n)
    is_bound = np.zeros(n, dtype=np.bool_)
    is_bound[np.argsort(target)[:n_bounds]] = True
    publication = np.array([f"10.1/{row // 2}" for row in range(n)], dtype=object)
    family = np.array([f"family {row // 2 % 4}" for row in range(n)], dtype=object)
    return Labels(
        ids=crystals.ids[:n].copy(),
        log_sigma=np.where(is_bound, target + 1.0, target),
        is_bound=is_bound,
        publication=publication,
        family=family,
    )
