"""The exact engine on a GPU: batches of clouds in, curves out, bit for bit what the CPU engine gives."""

from screening.gpu.cells import Cells, CurveSettings
from screening.gpu.collector import MOST_CLOUDS
from screening.gpu.pipeline import (
    ReadShard,
    ShardCurves,
    collector_counts,
    curves_of_shards,
    finish_shards,
    read_shards,
    suits,
)

__all__ = [
    "MOST_CLOUDS",
    "Cells",
    "CurveSettings",
    "ReadShard",
    "ShardCurves",
    "collector_counts",
    "curves_of_shards",
    "finish_shards",
    "read_shards",
    "suits",
]
