"""The page over a ranking of any length, served on loopback."""

from screening.serve.app import serve

__all__ = [
    "serve",
]
