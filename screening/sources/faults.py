"""What may be wrong with a whole file of entries."""

from __future__ import annotations


class NoStructureError(Exception):
    """It holds no structure at all."""


class DamagedError(Exception):
    """It is not what its name says, or breaks off; the entries before were read."""


class BoundError(Exception):
    """It passes a limit; the rest of it was not read."""
