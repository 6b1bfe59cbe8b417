"""Shards → a cluster and back: a bounded number and size in flight, the costly ones first, each committed once.

Every shard completes even if workers die: one that a worker did not survive is computed crystal by crystal.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import distributed
from distributed.comm.core import CommClosedError

from screening.cluster.client import is_remote, open_client
from screening.cluster.progress import Progress
from screening.cluster.revive import Reviver
from screening.cluster.routes import Routes, Way
from screening.config import Config
from screening.errors import InputError, ScreeningError, StoreError, UnavailableError
from screening.host import Device, versions
from screening.sources import Shard
from screening.store import FeatureStore, LedgerEntry

# A shard that was taken apart does not end its worker; it may still be on one that another shard ends.
MAX_FAILURES = 20
ASK_WORKERS = 0.5  # s between two questions to the scheduler how many workers there are


class Window:
    """Shards that are listed but not handed out: about as many as are in flight, and no more bytes than allowed.

    Of these the costliest goes first, so that no worker is left with a long shard when the others have finished. What a
    shard costs is told by the bytes of its texts: nearly all of a large one are sites and symmetry operations, and the
    time of a crystal grows with its sites.

    Parameters
    ----------
    work
        Shards in listing order.
    most_bytes
        Of the texts of shards in the window and in flight; one shard more may begin below it.
    """

    def __init__(self, work: Iterator[Shard], *, most_bytes: int) -> None:
        self._work = work
        self._most = most_bytes
        self._waiting: list[Shard] = []
        self._held = 0  # bytes in the window and in flight

    def take(self, count: int, *, ahead: int) -> Iterator[Shard]:
        """Yield at most `count` shards to hand out, the costliest of the next `ahead` first."""
        for _ in range(count):
            self._fill(ahead)
            if not self._waiting:
                return
            best = max(range(len(self._waiting)), key=lambda place: (self._waiting[place].size, -place))
            yield self._waiting.pop(best)

    def done(self, shard: Shard) -> None:
        """Give back the bytes of a shard that has come back for good."""
        self._held -= shard.size

    def _fill(self, ahead: int) -> None:
        while len(self._waiting) < ahead and self._held < self._most:
            following = next(self._work, None)
            if following is None:
                return
            self._waiting.append(following)
            self._held += following.size


class Flight(NamedTuple):
    """Shards that were handed out as one piece of work."""

    shards: list[Shard]  # more than one only on the way through a GPU
    way: Way
    failures: int  # of pieces before this one that held the same shard
    since: float  # time.monotonic()


def compute(  # noqa: PLR0913, PLR0915 - what is computed, how, where, and who is told; one loop
    store: FeatureStore,
    work: Iterator[Shard],
    *,
    config: Config,
    device: Device,
    progress: Progress,
    known: int = 0,
) -> None:
    """Run the shards of `work` on the cluster with a bounded number and size in flight; commit each as it comes back.

    A shard that a worker did not survive, or that failed, is computed once more crystal by crystal; one that a GPU did
    not return, on a core first. `known`: see `Routes`.

    Raises
    ------
    StoreError
        The store cannot be written, or the scheduler is gone.
    InputError, DeviceUnavailableError, EngineUnavailableError
        As of `open_client`; or the workers have other versions.
    """
    path = str(store.path.resolve())
    window = Window(work, most_bytes=config.cluster.bytes_in_flight * 2**20)
    flying: dict[Any, Flight] = {}  # by key of the future
    with open_client(config, device) as client:
        if is_remote(config.cluster):
            _check_versions(client)
        progress.started = time.perf_counter()
        _tell_dashboard(client, progress)
        routes = Routes(client, path, config=config, device=device, progress=progress, known=known)
        _tell_security(client, config, progress)

        asked = -math.inf

        def on_cores() -> int:
            """Return how many shards may be in flight for the workers' cores; workers may come and go."""
            nonlocal asked
            if time.monotonic() - asked > ASK_WORKERS:
                asked = time.monotonic()
                workers = len(client.scheduler_info(n_workers=-1)["workers"])
                if workers != progress.workers:
                    progress.say(f"{workers} worker{'s' if workers != 1 else ''}")
                    progress.workers = workers
            return config.cluster.in_flight * max(1, progress.workers)

        def submit(shards: list[Shard], way: Way, *, failures: int = 0) -> distributed.Future[list[LedgerEntry]]:
            store.reserve((max(shard.index for shard in shards) + 1) * store.shard_rows)
            future = routes.submit_apart(shards[0]) if failures else routes.submit(shards, way)
            flying[future.key] = Flight(shards, way, failures, time.monotonic())
            return future

        def more() -> Iterator[distributed.Future[list[LedgerEntry]]]:
            """Yield what may be handed out now."""
            cores = on_cores()
            room = cores + routes.ahead() - sum(len(flight.shards) for flight in flying.values())
            following = window.take(max(0, room), ahead=cores)
            while shards := list(itertools.islice(following, routes.bundle())):
                yield submit(shards, routes.way())

        pending = distributed.as_completed(list(more()))
        reviver = Reviver(client, progress)
        for future in _as_they_come(pending, reviver):
            flight = flying.pop(future.key)
            entries, fault = _outcome(future, path, on_gpu=flight.way == "batch")
            if entries is None and flight.way == "batch":
                routes.failed(fault, since=flight.since)
                for shard in flight.shards:
                    pending.add(submit([shard], "core"))
                continue
            if entries is None:
                index = flight.shards[0].index
                if flight.failures == MAX_FAILURES:
                    raise StoreError(f"shard {index} cannot be computed: {fault}")
                if flight.failures == 0:
                    progress.say(f"shard {index} is retried crystal by crystal: {fault}")
                pending.add(submit(flight.shards, flight.way, failures=flight.failures + 1))
                continue
            if flight.way == "batch":
                routes.returned()
            reviver.returned()
            for entry, shard in zip(entries, flight.shards, strict=True):
                store.commit(entry)
                window.done(shard)
                progress.count(entry)
            for following in more():
                pending.add(following)
        routes.tell_counts()


def _as_they_come(pending: Any, reviver: Reviver) -> Iterator[Any]:
    """Yield futures as they are done, those that are added meanwhile too; while none is, workers are looked after."""
    while not pending.is_empty():
        if pending.has_ready():
            yield next(pending)
            continue
        with pending.thread_condition:
            pending.thread_condition.wait(timeout=0.1)
        reviver.look()


def _tell_dashboard(client: distributed.Client, progress: Progress) -> None:
    """Say where Dask's dashboard is, if one is served: it needs bokeh."""
    if "dashboard" in client.scheduler_info(n_workers=-1)["services"]:
        progress.dashboard = str(client.dashboard_link)
        progress.say(f"dashboard {progress.dashboard}")


def _tell_security(client: distributed.Client, config: Config, progress: Progress) -> None:
    """Say once where anyone who reaches the scheduler can run code on its workers."""
    address = str(client.scheduler_info(n_workers=-1)["address"])
    if config.cluster.kind == "local" and not address.startswith("tls://"):
        progress.say(f"scheduler {address} is not protected: whoever can reach it can run code on its workers")


def _check_versions(client: distributed.Client) -> None:
    """Return nothing if every worker there computes with the versions of this process.

    Raises
    ------
    InputError
        One differs, or cannot import this package: its rows might not be those that this process would give.
    """
    ours = versions()
    try:
        found: dict[str, dict[str, str]] = client.run(versions)
    except Exception as error:
        raise InputError(f"the workers cannot run this program; install it there: {error}") from error
    for address, theirs in found.items():
        different = [f"{name} {theirs.get(name)}, here {ours[name]}" for name in ours if theirs.get(name) != ours[name]]
        if different:
            raise InputError(f"worker {address} has other versions: {'; '.join(different)}")


def _outcome(
    future: distributed.Future[list[LedgerEntry]], path: str, *, on_gpu: bool = False
) -> tuple[list[LedgerEntry] | None, str]:
    """Return the entries of finished shards, or None and what went wrong with it, a GPU that is not there included.

    Raises
    ------
    StoreError
        The store cannot be written, or the scheduler is gone: no other shard would do better.
    """
    try:
        return future.result(), ""
    except (distributed.CancelledError, CommClosedError) as error:
        raise StoreError("the Dask scheduler is gone; the same command goes on from here") from error
    except OSError as error:
        told = error.strerror or str(error)
        raise StoreError(f"{path} cannot be written: {told}; the same command goes on from here") from error
    except UnavailableError as error:
        if not on_gpu:
            raise
        return None, str(error)
    except ScreeningError:
        raise
    except distributed.KilledWorker:
        return None, "a worker ended on it"
    except Exception as error:
        return None, f"{type(error).__name__}: {error}"
