"""Labels without a crystal: compounds of a table, the structures made for them, and what trains beside the crystals.

A compound is made on the nearest labelled crystal of its space group (`screening.generation`); nearer or not, it never
judges a model, and what it trains is bound by `screening.learn.leaks`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from screening.config import Config
from screening.crystals import BoolArray, Crystal, FloatArray, IntArray, parsed_formula
from screening.elements import NUMBERS, SYMBOLS
from screening.errors import InputError
from screening.features import assemble, distances_in, persist, prepared_of
from screening.generation import NoTemplateError, Templates, Unplaced, share_vector
from screening.learn.labels import Labels, ObjectArray

MOST = 0.0  # log10 S/cm; no ion conductor at room temperature has 1 S/cm: a mistake of the table
USED_RULES = ("cell", "spacegroup")  # templates of other rules hurt the scores on crystals left out: docs/learning.md
_MISPRINT = re.compile(r"(?<![\d.])0\d")  # P04 for PO4


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """Labelled compounds with structures that were made, in order of id, and their templates."""

    ids: ObjectArray  # (n,) str
    target: FloatArray  # (n,) log10 S/cm, or the bound
    is_bound: BoolArray  # (n,)
    publication: ObjectArray  # (n,) str
    template: IntArray  # (n,) rows of the templates
    rule: ObjectArray  # (n,) str
    distance: FloatArray  # (n,) from the template
    features: NDArray[np.float32]  # (n, n_columns)
    fractions: FloatArray  # (n, 119) atomic fractions, of the composition as stated
    template_ids: ObjectArray  # (n_templates,) str
    template_features: NDArray[np.float32]  # (n_templates, n_columns)
    template_fractions: FloatArray  # (n_templates, 119)
    distances: NDArray[np.float32] | None = None  # (n, n_distances) Å between sublattices
    refused: tuple[dict[str, str], ...] = ()  # id and reason of the compounds that are not used

    def __len__(self) -> int:
        return len(self.ids)

    def frame(self) -> pd.DataFrame:
        """Return one row per compound: id, template, rule, distance, used, reason."""
        rows = [
            {"id": str(id), "template": str(self.template_ids[at]), "rule": rule, "distance": distance, "reason": ""}
            for id, at, rule, distance in zip(self.ids, self.template, self.rule, self.distance, strict=True)
        ]
        rows += [{"id": one["id"], "template": "", "rule": "", "distance": np.nan, "reason": one["reason"]}
                 for one in self.refused]  # fmt: skip
        return pd.DataFrame(rows, columns=["id", "template", "rule", "distance", "reason"]).sort_values(
            "id", kind="stable", ignore_index=True
        )


def compound(labels: Labels, row: int) -> Unplaced | str:
    """Return what a label states of a compound beside its conductivity, or why that is not enough."""
    text = "" if labels.composition is None else re.sub(r"\s+", "", str(labels.composition[row]))
    if not text:
        return "not in the features, and no composition stated"
    if labels.log_sigma[row] > MOST:
        return f"a conductivity of 10^{labels.log_sigma[row]:g} S/cm is none of an ion conductor"
    stated = None if _MISPRINT.search(text) else parsed_formula(text)
    if stated is None or not set(stated.amounts) <= set(NUMBERS):
        return f"not in the features, and its composition {text:.60} cannot be read"
    cell = None if labels.cell is None or np.isnan(labels.cell[row]).any() else tuple(map(float, labels.cell[row]))
    group = 0 if labels.spacegroup is None else int(labels.spacegroup[row])
    return Unplaced(str(labels.ids[row]), stated.amounts, group, cell)  # type: ignore[arg-type]


def make(
    labels: Labels, placed: set[str], templates: Mapping[str, Crystal], config: Config, *, limit: float | None = None
) -> tuple[Made | None, list[Crystal]]:
    """Return the labelled compounds that no crystal stands for, and their structures; None where nothing can be made.

    Parameters
    ----------
    labels
        All labels.
    placed
        Ids that the features hold: crystals of their own.
    templates
        By id, what structures are made on.
    config
        Settings of the features and of learning.
    limit
        Largest distance from a template; that of the settings when not given.
    """
    rows = [row for row in np.argsort(labels.ids.astype(str), kind="stable") if str(labels.ids[row]) not in placed]
    try:
        nearest = Templates(templates.values(), ion=config.cloud.mobile_ion)
    except InputError:
        return None, []
    found, refused = [], []
    for row in rows:
        wanted = compound(labels, row)
        if isinstance(wanted, str):
            refused.append({"id": str(labels.ids[row]), "reason": wanted})
            continue
        try:
            isotype = nearest.made(wanted, limit=config.learn.isotypes if limit is None else limit, rules=USED_RULES)
        except NoTemplateError as error:
            refused.append({"id": wanted.id, "reason": str(error)})
            continue
        found.append((row, wanted, isotype))
    if not found:
        return None, []
    features, distances, unusable = _features([isotype.crystal for _, _, isotype in found], config)
    refused += [{"id": found[at][1].id, "reason": reason} for at, reason in unusable.items()]
    kept = [at for at in range(len(found)) if at not in unusable]
    if not kept:
        return None, []
    names = sorted({found[at][2].template for at in kept})
    bases, _, broken = _features([templates[name] for name in names], config)
    if broken:
        raise InputError(f"template {names[min(broken)]} cannot be featurized: {broken[min(broken)]}")
    chosen = np.array([found[at][0] for at in kept], dtype=np.int64)
    made = Made(
        ids=labels.ids[chosen],
        target=labels.log_sigma[chosen],
        is_bound=labels.is_bound[chosen],
        publication=np.full(len(kept), "", dtype=object) if labels.publication is None else labels.publication[chosen],
        template=np.array([names.index(found[at][2].template) for at in kept], dtype=np.int64),
        rule=np.array([found[at][2].rule for at in kept], dtype=object),
        distance=np.array([found[at][2].distance for at in kept], dtype=np.float64),
        features=features[kept],
        distances=distances[kept],
        fractions=np.array([share_vector(found[at][1].composition) for at in kept]),
        template_ids=np.array(names, dtype=object),
        template_features=bases,
        template_fractions=np.array([share_vector(templates[name].composition()) for name in names]),
        refused=tuple(sorted(refused, key=lambda one: one["id"])),
    )
    return made, [found[at][2].crystal for at in kept]


def _features(
    crystals: Sequence[Crystal], config: Config
) -> tuple[NDArray[np.float32], NDArray[np.float32], dict[int, str]]:
    """Return features and distances, (n, ...) each, of crystals, and the places of those without, with the reason."""
    prepared = prepared_of(crystals, config)
    rows = assemble(prepared, persist(prepared, config), config)
    unusable = {at: refusal.detail for at, refusal in prepared.refused.items()}
    return rows.features, distances_in(rows, config.cloud), unusable


def elements_of(fractions: FloatArray) -> tuple[str, ...]:
    """Return the elements that occur in atomic fractions (n, 119)."""
    return tuple(SYMBOLS[number] for number in np.flatnonzero(fractions.any(axis=0)))
