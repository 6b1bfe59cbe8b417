"""The exact engine on a GPU: batches of clouds in, curves out, bit for bit what the CPU engine gives."""

from screening.gpu.cells import Cells, CurveSettings
from screening.gpu.pipeline import ReadShard, ShardCurves, curves_of_shard, finish_shard, read_shard, suits

__all__ = [
    "Cells",
    "CurveSettings",
    "ReadShard",
    "ShardCurves",
    "curves_of_shard",
    "finish_shard",
    "read_shard",
    "suits",
]
