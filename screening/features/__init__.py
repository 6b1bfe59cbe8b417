"""One batch of crystals → the rows of one shard."""

from screening.features.cuda import source_text
from screening.features.curves import (
    Column,
    betti_curves,
    columns,
    densities,
    grid,
    parse_column,
    rank_curves,
)
from screening.features.distances import distance_columns, distances_in
from screening.features.isolate import featurize_apart, rows_apart
from screening.features.shard import (
    Described,
    Prepared,
    assemble,
    clouds_of,
    describe,
    featurize,
    featurize_shard_in_time,
    persist,
    prepare,
    prepared_of,
    read_items,
    with_features,
    write_shard,
)

__all__ = [
    "Column",
    "Described",
    "Prepared",
    "assemble",
    "betti_curves",
    "clouds_of",
    "columns",
    "densities",
    "describe",
    "distance_columns",
    "distances_in",
    "featurize",
    "featurize_apart",
    "featurize_shard_in_time",
    "grid",
    "parse_column",
    "persist",
    "prepare",
    "prepared_of",
    "rank_curves",
    "read_items",
    "rows_apart",
    "source_text",
    "with_features",
    "write_shard",
]
