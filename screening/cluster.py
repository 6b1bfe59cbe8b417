"""Where tasks run: one context manager around a Dask client."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from distributed import Client, LocalCluster

from screening.config import ClusterConfig
from screening.errors import InputError


@contextmanager
def open_client(config: ClusterConfig) -> Iterator[Client]:
    """Yield a client of the scheduler named in the config, or of worker processes started here on loopback.

    Raises
    ------
    InputError
        The scheduler does not answer.
    """
    if config.scheduler is not None:
        try:
            client = Client(config.scheduler, timeout=20)
        except (OSError, ValueError, TimeoutError) as error:
            raise InputError(f"no Dask scheduler answers at {config.scheduler}: {error}") from error
        with client:
            yield client
        return
    with (
        tempfile.TemporaryDirectory(prefix="screening-dask-") as scratch,
        LocalCluster(
            n_workers=config.workers or os.cpu_count() or 1,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            local_directory=scratch,
            # A worker whose heartbeat meets the closing scheduler logs an error with a traceback; what is wrong with a
            # task or a worker reaches the client as an exception.
            silence_logs=logging.CRITICAL,
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client
