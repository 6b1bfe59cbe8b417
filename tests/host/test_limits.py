"""Cores and memory that a container or batch system leaves to a process."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from screening.config import ClusterConfig
from screening.host.limits import cores, memory

ALL = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def groups(folder: Path, text: str, limits: dict[str, str]) -> dict[str, Path]:
    (folder / "cgroup").write_text(text)
    for name, limit in limits.items():
        file = folder / "mount" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(limit + "\n")
    return {"groups": folder / "cgroup", "mount": folder / "mount"}


@pytest.mark.parametrize(
    ("text", "limits", "expected"),
    [
        ("0::/\n", {}, ALL),
        ("0::/\n", {"memory.max": "max"}, ALL),
        ("0::/\n", {"memory.max": "1000000"}, 1_000_000),  # inside a container
        ("0::/job_7/step_0\n", {"job_7/memory.max": "2000000", "job_7/step_0/memory.max": "max"}, 2_000_000),
        ("0::/job_7/step_0\n", {"job_7/memory.max": "2000000", "job_7/step_0/memory.max": "1000000"}, 1_000_000),
        ("0::/not/shown/here\n", {"memory.max": "3000000"}, 3_000_000),
        ("0::/\n", {"memory.max": str(10 * ALL)}, ALL),
        ("4:memory:/slurm/job_7\n3:cpu:/x\n", {"memory/slurm/job_7/memory.limit_in_bytes": "1000000"}, 1_000_000),
        ("4:memory:/\n0::/\n", {"memory/memory.limit_in_bytes": "9223372036854771712"}, ALL),
        ("", {"memory.max": "1000"}, ALL),
        ("damaged", {}, ALL),
    ],
)
def test_memory_is_the_least_that_a_group_allows(
    text: str, limits: dict[str, str], expected: int, tmp_path: Path
) -> None:
    assert memory(**groups(tmp_path, text, limits)) == expected


def test_without_groups_it_is_the_machines(tmp_path: Path) -> None:
    assert memory(groups=tmp_path / "none", mount=tmp_path) == ALL


def test_workers_share_what_there_is() -> None:
    assert ClusterConfig(workers=4).memory_bytes() == memory() // 4
    assert ClusterConfig().memory_bytes() == memory() // cores()


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one core here: affinity has nothing to leave out")
def test_cores_are_those_of_the_affinity() -> None:
    whole = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(whole)})
        assert cores() == 1
    finally:
        os.sched_setaffinity(0, whole)
    assert cores() == len(whole)
