"""Labels joined to features: one row per labelled crystal that was featurized, the others counted with a reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from screening.crystals import BoolArray, FloatArray, IntArray
from screening.errors import ModelError, Rejection
from screening.learn.conventional import atomic_fractions, conventional_features
from screening.learn.labels import Labels, ObjectArray
from screening.learn.leaks import Relation
from screening.learn.made import Made
from screening.learn.names import merged_families, publication_keys
from screening.learn.space import FeatureSpace
from screening.learn.splits import Pairs, connected_groups, equal_pairs, links
from screening.learn.told import Told, tell
from screening.store import FeatureTable

N_CLUSTERS = 12  # structural clusters that are left out one after the other
MIN_LABELS = 10  # fewer measured values cannot be split, stopped early and judged


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Labelled crystals with features, in order of id, and labels without a crystal."""

    ids: ObjectArray  # (n,) str
    target: FloatArray  # (n,) log10 S/cm, or the bound
    is_bound: BoolArray  # (n,)
    columns: tuple[str, ...]
    features: NDArray[np.float32]  # (n, n_columns)
    conventional_columns: tuple[str, ...]
    conventional: FloatArray  # (n, n_conventional)
    fractions: FloatArray  # (n, 119) atomic fractions
    formula: ObjectArray  # (n,) str
    publication: ObjectArray  # (n,) str, "" = unknown
    family: ObjectArray  # (n,) str, "" = unknown
    pairs: dict[str, Pairs]  # crystals that must not be parted, by reason
    groups: IntArray  # (n,) connected components of the pairs
    missing: tuple[dict[str, str], ...]  # labelled ids without features, with reason
    flags: ObjectArray  # (n,) str, names of flags joined by ;
    made: Made | None = None  # labelled compounds without a crystal, which train and never judge
    relation: Relation | None = None  # of these to the crystals
    distances: NDArray[np.float32] | None = None  # (n, n_distances) Å between sublattices; None of an older store
    told: Told | None = None  # labelled compositions without a crystal: the composition alone is learned from them too

    def __len__(self) -> int:
        return len(self.ids)

    def publication_groups(self) -> tuple[dict[str, Pairs], IntArray]:
        """Return pairs and groups of a split by publication alone, the split that other studies of these data use.

        Raises
        ------
        ModelError
            The labels state no publication.
        """
        if not (self.publication != "").any():
            raise ModelError("the labels state no publication")
        pairs = {"publication": equal_pairs(publication_keys(self.publication))}
        return pairs, connected_groups(len(self), pairs)

    def cluster_groups(self) -> tuple[dict[str, Pairs], IntArray]:
        """Return pairs and groups of a split by structure: clusters of the feature space, near-duplicates whole.

        Ward's clusters, for other linkages put nearly all crystals into one. Equal compositions of different structure
        may stand on two sides: it is structures that are held back.
        """
        from sklearn.cluster import AgglomerativeClustering

        points = FeatureSpace.of(self.features).points
        n_clusters = min(N_CLUSTERS, len(self))
        label = AgglomerativeClustering(n_clusters, linkage="ward").fit_predict(points)
        pairs = {
            "cluster": equal_pairs(label.astype(str).astype(object)),
            "near-duplicate": self.pairs["near-duplicate"],
        }
        return pairs, connected_groups(len(self), pairs)

    def family_groups(self) -> tuple[dict[str, Pairs], IntArray] | None:
        """Return pairs and groups of a split by chemical family, or None where the labels state no family."""
        if not (self.family != "").any():
            return None
        related = {name: self.pairs[name] for name in ("composition", "near-duplicate")}
        related["family"] = equal_pairs(self.family)
        return related, connected_groups(len(self), related)


def join(
    table: FeatureTable, labels: Labels, *, rejections: Sequence[Rejection] = (), made: Made | None = None
) -> Dataset:
    """Return the labelled crystals of `table`.

    Raises
    ------
    ModelError
        An id stands twice in the table, a feature is infinite, or fewer than `MIN_LABELS` measured labels remain.
    """
    row_of: dict[str, int] = {}
    labelled = set(labels.ids)
    for row, id in enumerate(table.ids):
        if id in labelled and row_of.setdefault(id, row) != row:
            raise ModelError(f"crystal {id!r} appears twice in the features; a label cannot tell which is meant")
    found = np.array([id in row_of for id in labels.ids], dtype=np.bool_)
    chosen = np.flatnonzero(found)[np.argsort(labels.ids[found].astype(str), kind="stable")]
    rows = np.array([row_of[id] for id in labels.ids[chosen]], dtype=np.int64)
    n_measured = int((~labels.is_bound[chosen]).sum())
    if n_measured < MIN_LABELS:
        raise ModelError(
            f"{n_measured} measured labels belong to featurized crystals, at least {MIN_LABELS} are needed; "
            f"of {len(labels)} labels {len(labels) - len(chosen)} have no features (do the ids match the file names?)"
        )
    features = table.features[rows]
    check_finite(features, table.columns)
    names, conventional = conventional_features(table)
    fractions = atomic_fractions(table)[rows]
    texts = {name: _chosen(getattr(labels, name), chosen) for name in ("publication", "family", "composition")}
    pairs = links(
        fractions=fractions, features=features, names=(publication_keys(texts["publication"]), texts["composition"])
    )
    return Dataset(
        ids=labels.ids[chosen],
        target=labels.log_sigma[chosen],
        is_bound=labels.is_bound[chosen],
        columns=table.columns,
        features=features,
        conventional_columns=tuple(names),
        conventional=conventional[rows],
        fractions=fractions,
        formula=table.facts["formula"].to_numpy(dtype=object)[rows],
        publication=texts["publication"],
        family=merged_families(texts["family"]),
        pairs=pairs,
        groups=connected_groups(len(rows), pairs),
        missing=_missing(labels.ids[~found], rejections, made),
        flags=table.facts["flags"].to_numpy(dtype=object)[rows],
        made=made,
        relation=None
        if made is None
        else Relation.of(
            ids=labels.ids[chosen],
            features=features,
            fractions=fractions,
            publication=texts["publication"],
            made=made,
        ),
        distances=None if table.distances is None else table.distances[rows],
        told=tell(labels, set(row_of)),
    )


def check_finite(features: NDArray[Any], columns: Sequence[str]) -> None:
    """Return nothing if no feature is infinite (NaN stands for not computed); raise `ModelError` otherwise."""
    infinite = np.isinf(features)
    if infinite.any():
        row, column = np.argwhere(infinite)[0]
        raise ModelError(f"feature {columns[column]} of row {row} is infinite: the store is damaged")


def _chosen(texts: ObjectArray | None, rows: IntArray) -> ObjectArray:
    return np.full(len(rows), "", dtype=object) if texts is None else texts[rows]


def _missing(ids: ObjectArray, rejections: Sequence[Rejection], made: Made | None) -> tuple[dict[str, str], ...]:
    """Return the labels that are not used, with the reason; those that a structure was made for are used."""
    reasons: dict[str, str] = {} if made is None else {one["id"]: one["reason"] for one in made.refused}
    reasons |= {rejection.id: f"rejected: {rejection.code.value}" for rejection in rejections}
    used = set() if made is None else set(made.ids.tolist())
    return tuple({"id": str(id), "reason": reasons.get(id, "not in the features")} for id in ids if id not in used)
