"""One batch of crystals → the rows of one shard."""

from screening.features.curves import Column, betti_curves, columns, grid, parse_column, rank_curves
from screening.features.isolate import featurize_apart
from screening.features.shard import (
    Prepared,
    assemble,
    clouds_of,
    featurize,
    featurize_shard_in_time,
    inputs_digest,
    persist,
    prepare,
    read_items,
    write_shard,
)

__all__ = [
    "Column",
    "Prepared",
    "assemble",
    "betti_curves",
    "clouds_of",
    "columns",
    "featurize",
    "featurize_apart",
    "featurize_shard_in_time",
    "grid",
    "inputs_digest",
    "parse_column",
    "persist",
    "prepare",
    "rank_curves",
    "read_items",
    "write_shard",
]
