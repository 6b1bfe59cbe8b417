"""What workers are asked that tests start: by a module that they find, whatever else is called `tests` there."""

from __future__ import annotations

import multiprocessing

from screening.host import versions as true_versions


def versions_elsewhere() -> dict[str, str]:
    """Versions of which one is not what the process has: every process but the test's own tells the truth."""
    return true_versions() | ({"gemmi": "0.0.1"} if multiprocessing.parent_process() is None else {})
