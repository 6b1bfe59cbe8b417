"""Workers of this machine that are gone for good, started again.

Dask's nanny starts a worker anew that has died. One whose worker dies while it starts closes itself, and a cluster
closes one whose worker has been away for some time, as on a busy machine; nothing brings either back, and a run would
wait for ever.
"""

from __future__ import annotations

import time
from typing import Any

import distributed
from distributed.core import Status

from screening.cluster.progress import Progress
from screening.errors import StoreError

LOOK_EVERY = 2.0  # s
MOST_IN_VAIN = 20  # times a worker is started again without a shard coming back meanwhile
GONE = (Status.closed, Status.failed)


class Reviver:
    """Looks after the workers that a run has started here; of workers elsewhere their own scheduler takes care.

    Parameters
    ----------
    client
        Of the run.
    progress
        Is told.
    """

    def __init__(self, client: distributed.Client, progress: Progress) -> None:
        self._cluster: Any = client.cluster if isinstance(client.cluster, distributed.LocalCluster) else None
        self._progress = progress
        self._looked = time.monotonic()
        self._in_vain = 0
        self._seen: set[Any] = set(self._cluster.workers) if self._cluster is not None else set()

    def returned(self) -> None:
        """Note that a shard came back."""
        self._in_vain = 0

    def look(self) -> None:
        """Start again what is gone; does nothing if called again within `LOOK_EVERY`.

        Raises
        ------
        StoreError
            Workers end as soon as they are started.
        """
        now = time.monotonic()
        if self._cluster is None or now - self._looked < LOOK_EVERY:
            return
        self._looked = now
        workers = dict(self._cluster.workers)
        gone = [name for name, worker in workers.items() if worker.status in GONE]
        # Those that were never there are being started for the first time.
        gone += [name for name in self._cluster.worker_spec if name in self._seen and name not in workers]
        self._seen |= workers.keys()
        if not gone:
            return
        if self._in_vain >= MOST_IN_VAIN:
            raise StoreError("workers end as soon as they are started; the same command goes on from here")
        self._in_vain += 1
        self._progress.say(f"{len(gone)} worker{'s' if len(gone) != 1 else ''} gone; started again")
        self._cluster.loop.add_callback(self._start)

    def _start(self) -> None:
        """Let the cluster start what its plan holds and is not there; on the thread of its loop."""
        for name, worker in list(self._cluster.workers.items()):
            if worker.status in GONE:
                del self._cluster.workers[name]
        self._cluster.scale(len(self._cluster.worker_spec))
