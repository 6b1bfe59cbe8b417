"""What this process may use of the machine: cores and memory, as containers and batch systems limit them."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

GROUPS = Path("/proc/self/cgroup")
MOUNT = Path("/sys/fs/cgroup")


def cores() -> int:
    """Return the number of cores, no more than the CPU affinity and the quota of the container allow."""
    from joblib import cpu_count

    found: int = cpu_count()
    return found


def memory(*, groups: Path = GROUPS, mount: Path = MOUNT) -> int:
    """Return the memory, bytes: that of the machine, or the least that a control group around this process allows.

    Parameters
    ----------
    groups
        Which groups the process is in, one line each (``proc(5)``, cgroups of version 1 or 2).
    mount
        Where the kernel shows groups as folders.
    """
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    try:
        lines = groups.read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    for line in lines:
        _, _, rest = line.partition(":")
        kinds, _, path = rest.partition(":")
        if kinds in ("", "memory"):
            folder, name = (mount, "memory.max") if kinds == "" else (mount / "memory", "memory.limit_in_bytes")
            # A group has no more than those around it. In a container the path may be one that is not shown there.
            inside = PurePosixPath(path.lstrip("/"))
            limits += [_limit(folder / part / name) for part in (inside, *inside.parents)]
    return min(limit for limit in limits if limit > 0)


def _limit(file: Path) -> int:
    """Return the number in a file, 0 where there is none: no file, or the word ``max``."""
    try:
        text = file.read_text(encoding="utf-8").strip()
    except OSError:
        return 0
    return int(text) if text.isdecimal() else 0
