"""A model on structures that somebody holds: features by the model's own settings, and what it says of each."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd

from screening.config import Config
from screening.crystals import Crystal, as_crystals
from screening.elements import SYMBOLS
from screening.errors import Rejection
from screening.features import assemble, distances_in, persist, prepared_of
from screening.learn.model import Model

BATCH = 64  # structures computed at a time
TARGET = -4.0  # log10 S/cm


def predict_structures(
    model: Model, structures: Iterable[Any], *, target: float = TARGET, threads: int = 1
) -> pd.DataFrame:
    """Return what a model says of structures, one row each, in their order.

    Columns: ``formula``; ``prediction``, ``lower``, ``upper`` (log10 S/cm); ``chance`` of reaching `target`;
    ``conductivity`` (S/cm); ``distance`` to the nearest training crystal (1 = edge of the domain), ``in_domain``;
    ``nearest``, ``nearest_formula``, ``nearest_measured``; ``rejected``, which says why where the rest is empty.

    Parameters
    ----------
    model
        A trained model.
    structures
        Structures of pymatgen, Atoms of ASE, CIF texts, paths of files with one crystal, or a DataFrame with a column
        of these; anything that can be iterated over.
    target
        Conductivity that the chance is of reaching, log10 S/cm.
    threads
        Of LightGBM; no value depends on it.

    Raises
    ------
    InputError
        Something else stands among the structures.
    """
    config = settings_of(model)
    given = as_crystals(structures)
    parts = [_part(model, part, config, target, threads) for part in iter(lambda: list(islice(given, BATCH)), [])]
    if not parts:
        return pd.DataFrame(columns=[*_COLUMNS])
    return pd.concat(parts, ignore_index=True)


_COLUMNS = (
    "formula", "prediction", "lower", "upper", "chance", "conductivity", "distance", "in_domain", "nearest",
    "nearest_formula", "nearest_measured", "rejected",
)  # fmt: skip


def settings_of(model: Model) -> Config:
    """Return the settings that the features of a model were computed with."""
    kept = model.header.features_config
    sections = {name: kept[name] for name in ("cloud", "homology", "curves") if name in kept}
    config = Config.model_validate(sections)
    homology = config.homology.model_copy(update={"engine": model.header.engine})
    return config.model_copy(update={"homology": homology})


def _part(model: Model, given: list[Crystal | Rejection], config: Config, target: float, threads: int) -> pd.DataFrame:
    prepared = prepared_of(given, config, stage="predict")
    rows = assemble(prepared, persist(prepared, config), config)
    used = np.array([place not in prepared.refused for place in range(len(given))])
    features, composition = rows.features[used], rows.composition[used]
    found = model.predict(features, distances=distances_in(rows, config.cloud)[used], threads=threads)
    nearest, distance = model.space.nearest(features)
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = np.where(distance > 0, distance / model.domain_radius, 0.0)
    unseen = (composition != 0) & ~np.isin(np.array(SYMBOLS), model.header.elements)
    table = pd.DataFrame(
        {
            "formula": prepared.facts.formulas,
            "prediction": found.mean,
            "lower": found.lower,
            "upper": found.upper,
            "chance": model.chance(found.mean, target=target, deviation=found.deviation),
            "conductivity": 10.0**found.mean,
            "distance": distance,
            "in_domain": (distance <= 1.0) & ~unseen.any(axis=1),
            "nearest": model.training.ids[nearest],
            "nearest_formula": model.training.formula[nearest],
            "nearest_measured": model.training.log_sigma[nearest],
        },
        index=np.flatnonzero(used),
    ).reindex(range(len(given)))
    refused = prepared.refused
    why = [f"{refused[k].code.value}: {refused[k].detail}" if k in refused else "" for k in range(len(given))]
    return table.assign(rejected=why)[[*_COLUMNS]]
