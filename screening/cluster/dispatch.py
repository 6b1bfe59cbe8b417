"""Shards → a cluster and back: a bounded number and size in flight, the costly ones first, each committed once.

Every shard completes even if workers die: one that a worker did not survive is computed crystal by crystal.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Iterator
from typing import Any

import distributed
from distributed.comm.core import CommClosedError

from screening.cluster.client import GPU, is_remote, open_client
from screening.cluster.progress import Progress
from screening.config import Config
from screening.errors import InputError, ScreeningError, StoreError
from screening.features import (
    assemble,
    featurize_apart,
    featurize_shard_in_time,
    inputs_digest,
    persist,
    prepare,
    write_shard,
)
from screening.homology import ENGINES
from screening.host import Device, versions
from screening.sources import Item
from screening.store import FeatureStore, LedgerEntry

# A shard that was taken apart does not end its worker; it may still be on one that another shard ends.
MAX_FAILURES = 20
ASK_WORKERS = 0.5  # s between two questions to the scheduler how many workers there are

Work = tuple[int, list[Item]]  # index of a shard, and its inputs


def shards_of(items: Iterator[Item], size: int) -> Iterator[list[Item]]:
    """Yield the items in lists of `size`, the last one shorter."""
    while shard := list(itertools.islice(items, size)):
        yield shard


def cost(shard: list[Item]) -> int:
    """Return what a shard is expected to cost, in units of its own: the bytes of its texts.

    Nearly all of a large text are sites and symmetry operations, and the time of a crystal grows with its sites.
    """
    return sum(len(item.text) for item in shard)


class Window:
    """Shards that are listed but not handed out: about as many as are in flight, and no more bytes than allowed.

    Of these the costliest goes first, so that no worker is left with a long shard when the others have finished.

    Parameters
    ----------
    work
        Shards in listing order.
    most_bytes
        Of the texts of shards in the window and in flight; one shard more may begin below it.
    """

    def __init__(self, work: Iterator[Work], *, most_bytes: int) -> None:
        self._work = work
        self._most = most_bytes
        self._waiting: list[Work] = []
        self._held = 0  # bytes in the window and in flight

    def take(self, count: int, *, ahead: int) -> Iterator[Work]:
        """Yield at most `count` shards to hand out, the costliest of the next `ahead` first."""
        for _ in range(count):
            self._fill(ahead)
            if not self._waiting:
                return
            best = max(range(len(self._waiting)), key=lambda place: (cost(self._waiting[place][1]), -place))
            yield self._waiting.pop(best)

    def done(self, shard: list[Item]) -> None:
        """Give back the bytes of a shard that has come back for good."""
        self._held -= cost(shard)

    def _fill(self, ahead: int) -> None:
        while len(self._waiting) < ahead and self._held < self._most:
            following = next(self._work, None)
            if following is None:
                return
            self._waiting.append(following)
            self._held += cost(following[1])


def compute(
    store: FeatureStore,
    work: Iterator[Work],
    *,
    config: Config,
    device: Device,
    progress: Progress,
) -> None:
    """Run the shards of `work` on the cluster with a bounded number and size in flight; commit each as it comes back.

    A shard that a worker did not survive, or that failed, is computed once more crystal by crystal.

    Raises
    ------
    StoreError
        The store cannot be written, or the scheduler is gone.
    InputError, DeviceUnavailableError, EngineUnavailableError
        As of `open_client`; or the workers have other versions.
    """
    path = str(store.path.resolve())
    window = Window(work, most_bytes=config.cluster.bytes_in_flight * 2**20)
    flying: dict[Any, tuple[int, list[Item], int]] = {}  # by key of the future: index, inputs, failures so far
    with open_client(config, device) as client:
        if is_remote(config.cluster):
            _check_versions(client)
        progress.started = time.perf_counter()
        _tell_dashboard(client, progress)
        _tell_security(client, config, progress)

        asked = -math.inf

        def room() -> int:
            """Return how many shards may be in flight; workers may come and go."""
            nonlocal asked
            if time.monotonic() - asked > ASK_WORKERS:
                asked = time.monotonic()
                workers = len(client.scheduler_info(n_workers=-1)["workers"])
                if workers != progress.workers:
                    progress.say(f"{workers} worker{'s' if workers != 1 else ''}")
                    progress.workers = workers
            return config.cluster.in_flight * max(1, progress.workers)

        def submit(index: int, shard: list[Item], *, failures: int = 0) -> distributed.Future[LedgerEntry]:
            store.reserve((index + 1) * store.shard_rows)
            if failures:
                needs = {"resources": GPU} if ENGINES[config.homology.engine].needs_gpu else {}
                future = client.submit(featurize_apart, path, index, shard, config, pure=False, **needs)
            elif device.kind == "cpu":
                future = client.submit(featurize_shard_in_time, path, index, shard, config, pure=False)
            else:
                future = submit_steps(client, path, index, shard, config=config, device=device)
            flying[future.key] = (index, shard, failures)
            return future

        most = room()
        pending = distributed.as_completed([submit(*shard) for shard in window.take(most, ahead=most)])
        for future in pending:
            index, shard, failures = flying.pop(future.key)
            entry, fault = _outcome(future, path)
            if entry is None:
                if failures == MAX_FAILURES:
                    raise StoreError(f"shard {index} cannot be computed: {fault}")
                if failures == 0:
                    progress.say(f"shard {index} is retried crystal by crystal: {fault}")
                pending.add(submit(index, shard, failures=failures + 1))
                continue
            store.commit(entry)
            window.done(shard)
            progress.count(entry)
            most = room()
            for following in window.take(max(0, most - pending.count()), ahead=most):
                pending.add(submit(*following))


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


def _outcome(future: distributed.Future[LedgerEntry], path: str) -> tuple[LedgerEntry | None, str]:
    """Return the entry of a finished shard, or None and what went wrong with it.

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
    except ScreeningError:
        raise
    except distributed.KilledWorker:
        return None, "a worker ended on it"
    except Exception as error:
        return None, f"{type(error).__name__}: {error}"


def submit_steps(  # noqa: PLR0913
    client: distributed.Client, path: str, index: int, shard: list[Item], *, config: Config, device: Device
) -> distributed.Future[LedgerEntry]:
    """Return the future of a shard whose steps are tasks of their own; only those that use a GPU ask for one.

    While one shard's task has the GPU, the worker's other threads parse the next shards and write the last ones.
    """
    on_gpu = {"resources": GPU}
    prepared = client.submit(prepare, shard, config, pure=False)
    needs = on_gpu if ENGINES[config.homology.engine].needs_gpu else {}
    homology = client.submit(persist, prepared, config, pure=False, **needs)
    rows = client.submit(assemble, prepared, homology, config, device.arrays, pure=False, **on_gpu)
    return client.submit(write_shard, path, index, rows, inputs_digest(shard), pure=False)
