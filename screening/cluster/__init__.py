"""Where tasks run, and how shards are handed out and committed once."""

from screening.cluster.featurize_all import featurize_all, fill, settle
from screening.cluster.progress import Event, Progress

__all__ = [
    "Event",
    "Progress",
    "featurize_all",
    "fill",
    "settle",
]
