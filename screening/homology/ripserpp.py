"""Barcodes of flat-torus supercells by ripser++ on a GPU; the same bars as the CPU engines give.

ripser++ leaves out bars that never die. So one vertex is added at distance c to all others, with c one tick beyond the
largest radius asked for, and everything is computed up to c (coning):

* Up to the radius nothing changes but that there is one more component, the added vertex.
* At c the added vertex makes the complex a cone, in which every class has died. So a class that is alive at the radius
  dies exactly at c, and no class that matters is born there: bars [c, c) have no length and are left out.
* In dimension 0 the added vertex is one more component, and one component never dies: the k components that are alive
  at the radius give exactly k bars that end at c.

So a bar that ends at c is one that never ends. Distances beyond the radius are set beyond c first, since the next tick
is c itself.

What ripser++ cannot do is done by RedZeD and told per cloud: fewer than ten points and dimension 0 alone (it crashes),
more simplices than fit into memory (it allocates for all of them, whatever the radius), a crash, a time-out.

Source: S. Zhang, M. Xiao and H. Wang, GPU-accelerated computation of Vietoris-Rips persistence barcodes, SoCG 2020;
coning: ours.
"""

from __future__ import annotations

import atexit
import dataclasses
import importlib.util
import os
from collections import deque
from collections.abc import Iterator
from functools import cache
from math import comb
from pathlib import Path

import numpy as np
import psutil

from screening.crystals import CloudBatch, FloatArray
from screening.errors import EngineUnavailableError
from screening.homology.barcodes import Barcodes, Fallback
from screening.homology.ripserpp_process import ChildDiedError, FloatBars, RipserppProcess, request
from screening.homology.supercell import MAX_POINTS, Bars, Problem, rips_redzed, torus_barcodes

LIBRARY_VARIABLE = "SCREENING_RIPSERPP_LIBRARY"
MIN_POINTS = 10
# What it allocates per simplex of dimension max_dim, whether within the radius or not. Where the GPU has less it would
# compute on the CPU and not say so.
DEVICE_BYTES = 76
HOST_BYTES = 48
MEMORY = 8 * 2**30  # bytes of GPU memory taken to be free where the driver does not say
TIME_LIMIT = 300.0  # s a cloud


def barcodes_ripserpp(  # noqa: PLR0913
    clouds: CloudBatch,
    *,
    r_max: FloatArray,
    max_dim: int = 2,
    threads: int = 1,
    max_points: int = MAX_POINTS,
    memory: int | None = None,
    time_limit: float = TIME_LIMIT,
) -> Barcodes:
    """Return what `barcodes_redzed` returns, computed by ripser++ in a process of its own.

    Parameters
    ----------
    clouds
        Point sets.
    r_max
        (n_clouds,) Å.
    max_dim
        Highest dimension.
    threads
        Not used: the GPU does one cloud at a time.
    max_points
        Most points in a supercell; a cloud that needs more is computed up to the radius that fits, as `r_cut` says.
    memory
        Most GPU memory for a cloud, bytes; clouds that need more, or more of the host's memory than is free, are done
        by RedZeD. None: what the GPU had free when the process started.
    time_limit
        Longest time for a cloud, s; then it is done by RedZeD.

    Raises
    ------
    EngineUnavailableError
        ripser++ is not installed.
    DeviceUnavailableError
        It is, and no GPU answers it.
    """
    process = _process(str(library()), os.getpid())
    redzed = rips_redzed()
    fallbacks: list[Fallback] = []

    def by_redzed(problem: Problem, dimension: int, reason: str) -> Bars:
        fallbacks.append(Fallback(problem.cloud, reason))
        return redzed(problem, dimension)

    def reduce(problems: Iterator[Problem], dimension: int) -> Iterator[Bars]:
        ahead: deque[Problem | Bars] = deque()  # given to ripser++, or done already; in order

        def requests() -> Iterator[bytes]:
            for problem in problems:
                reason = _refusal(len(problem.distances), dimension, memory=memory, process=process)
                if reason is not None:
                    ahead.append(by_redzed(problem, dimension, reason))
                    continue
                ahead.append(problem)
                yield cone_request(problem.distances, dimension, problem.limit)

        for answer in process.answers(requests(), time_limit=time_limit):
            while not isinstance(problem := ahead.popleft(), Problem):
                yield problem
            if isinstance(answer, ChildDiedError | TimeoutError):
                yield by_redzed(problem, dimension, "crash" if isinstance(answer, ChildDiedError) else "timeout")
            else:
                yield bars_below_cone(answer, problem.limit)
        yield from (bars for bars in ahead if not isinstance(bars, Problem))

    with process:
        found = torus_barcodes(clouds, reduce, r_max=r_max, max_dim=max_dim, max_points=max_points)
    return dataclasses.replace(found, fallbacks=tuple(sorted(fallbacks, key=lambda one: one.cloud)))


def coned(
    distances: FloatArray, max_dim: int, limit: int, *, process: RipserppProcess, time_limit: float
) -> list[FloatArray]:
    """Return all bars of one matrix up to `limit`, one (bars, 2) float64 array of ticks per dimension.

    inf = alive at `limit`.

    Parameters
    ----------
    distances
        Tick distances (n, n), whole numbers below 2**24, which float32 holds exactly.
    max_dim, limit
        Highest dimension, largest tick.
    process, time_limit
        Who computes, and how long at most, s.

    Raises
    ------
    ChildDiedError, TimeoutError
        The process died on it, or took too long.
    """
    with process:
        (answer,) = process.answers(iter([cone_request(distances, max_dim, limit)]), time_limit=time_limit)
    if isinstance(answer, Exception):
        raise answer
    return bars_below_cone(answer, limit)


def cone_request(distances: FloatArray, max_dim: int, limit: int) -> bytes:
    """Return what `RipserppProcess.answers` takes: the distances with the added vertex; see `coned`."""
    cone = float(limit + 1)
    n = len(distances)
    if not (distances >= 0).all() or not np.isfinite(distances).all() or cone + 1 >= 2**24:
        raise ValueError("distances must be whole numbers of ticks from 0 to below 2**24")
    within = np.where(distances <= limit, distances, cone + 1)
    lower = np.concatenate([within[np.tri(n, k=-1, dtype=bool)], np.full(n, cone)]).astype(np.float32)
    return request(lower, n_points=n + 1, max_dim=max_dim, threshold=cone)


def bars_below_cone(answer: FloatBars, limit: int) -> Bars:
    """Return the bars of an answer to `cone_request`, those that end at the cone as never ending."""
    bars = [one.astype(np.float64) for one in answer]
    for one in bars:
        one[one[:, 1] == float(limit + 1), 1] = np.inf
    return bars


def library() -> Path:
    """Return the shared library of ripser++: the one an environment variable names, or the installed package's.

    Raises
    ------
    EngineUnavailableError
        There is none.
    """
    named = os.environ.get(LIBRARY_VARIABLE)
    if named:
        if not Path(named).is_file():
            raise EngineUnavailableError(f"{LIBRARY_VARIABLE} names {named}, which is no file")
        return Path(named)
    package = importlib.util.find_spec("ripserplusplus")  # looked up, not imported: importing it loads CUDA
    for folder in (package.submodule_search_locations or ()) if package else ():
        for path in sorted(Path(folder).rglob("libpyripser++*")):
            return path
    raise EngineUnavailableError("engine ripserpp needs ripser++: run scripts/install_ripserpp (needs nvcc)")


def _refusal(n_points: int, max_dim: int, *, memory: int | None, process: RipserppProcess) -> str | None:
    """Return why ripser++ is not asked, as a stable code; None if it is."""
    if n_points < MIN_POINTS:
        return "few-points"
    if max_dim == 0:
        return "dimension"
    if memory is None:
        free = process.free_memory()
        memory = MEMORY if free is None else free
    simplices = comb(n_points + 1, max_dim + 1)
    fits = simplices * DEVICE_BYTES <= memory and simplices * HOST_BYTES <= psutil.virtual_memory().available
    return None if fits else "memory"


@cache
def _process(path: str, _owner: int) -> RipserppProcess:
    """Return the process of this program (by its id: a fork must not speak into the pipes of the other)."""
    process = RipserppProcess(path)
    atexit.register(process.close)
    return process
