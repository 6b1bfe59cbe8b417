"""The lock of a store that is on an object store: an object that its holder renews, since nothing there locks files.

``lock/00000001.json`` is put only if it is not there, so one of several runs gets it. A run that is killed leaves it
behind; the next run takes number 2, 3, ... and again only one gets it. Whether a holder is dead is known at once on
its own machine (its process is gone), elsewhere after its object stood still for `PATIENCE` seconds: no clocks are
compared.
"""

from __future__ import annotations

import json
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import psutil

from screening.errors import ScreeningError, StoreError
from screening.locations import Remote

BEAT = 10.0  # s between two renewals
PATIENCE = 45.0  # s without a renewal after which a holder on another machine counts as dead


def this_process() -> dict[str, Any]:
    """Return what names this process: with its time of birth a pid is one process, even after it is used again."""
    process = psutil.Process()
    return {"pid": process.pid, "born": process.create_time(), "host": socket.gethostname()}


def is_alive(state: dict[str, Any]) -> bool | None:
    """Return whether the process that is named so still runs; None if it ran on another machine."""
    if state["host"] != socket.gethostname():
        return None
    try:
        return bool(psutil.Process(state["pid"]).create_time() == state["born"])
    except psutil.NoSuchProcess:
        return False


class Lease:
    """A lock that is held; `check` says so before anything is committed under it."""

    def __init__(self, lock: Remote) -> None:
        self._lock = lock
        self._state = {**this_process(), "machine": _machine(), "token": uuid.uuid4().hex}
        self._beats = 0
        self._lost = ""
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="screening-lease", daemon=True)
        try:
            lock.write_new(self._text())
        except FileExistsError as error:
            raise StoreError(f"{lock.parent.parent} is being written by another run; see `screening status`") from error
        self._thread.start()

    def check(self) -> None:
        """Return nothing while the lock is held.

        Raises
        ------
        StoreError
            Another run took it, because this one stood still for too long, or it cannot be renewed.
        """
        if self._lost:
            raise StoreError(self._lost)

    def release(self) -> None:
        """Give the lock back."""
        self._over.set()
        self._thread.join()
        if not self._lost:
            self._lock.unlink()

    def _text(self) -> bytes:
        return json.dumps({**self._state, "beat": self._beats}).encode()

    def _renew(self) -> None:
        while not self._over.wait(BEAT):
            self._beats += 1
            try:
                if json.loads(self._lock.read_bytes())["token"] != self._state["token"]:
                    raise FileNotFoundError
                self._lock.write_bytes(self._text())
            except FileNotFoundError:
                self._lost = f"{self._lock.parent.parent} was taken over by another run while this one was suspended"
                return
            except ScreeningError as error:
                self._lost = str(error)
                return


@contextmanager
def held(folder: Remote) -> Iterator[Lease]:
    """Hold the lock whose objects are in `folder`; given back at the end, however it ends.

    Raises
    ------
    StoreError
        Another run holds it.
    """
    taken = _last_taken(folder)
    number = int(taken[-1].name.removesuffix(".json")) + 1 if taken else 1
    lease = Lease(folder / f"{number:08d}.json")
    try:
        for old in taken:
            old.unlink()
        yield lease
    finally:
        lease.release()


def _last_taken(folder: Remote) -> list[Remote]:
    """Return the locks that dead runs left behind, in order."""
    while taken := sorted((entry.location for entry in folder.iterdir() if not entry.folder), key=str):
        state = _settled(taken[-1])
        if state == "held":
            raise StoreError(f"{folder.parent} is being written by another run; see `screening status`")
        if state == "dead":
            break
    return taken


def _settled(lock: Remote) -> Literal["held", "dead", "gone"]:
    """Return the state of a lock: on this machine at once, elsewhere after watching whether it is renewed."""
    begin = time.monotonic()
    first = _read(lock)
    if first is not None and first["machine"] == _machine():
        return "held" if is_alive(first) else "dead"
    now = first
    while first is not None and time.monotonic() - begin < PATIENCE:
        time.sleep(min(1.0, PATIENCE / 10))
        now = _read(lock)
        if now != first:
            break
    return "gone" if now is None else "dead" if now == first else "held"


def _read(lock: Remote) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(lock.read_bytes())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise StoreError(f"{lock} is damaged; remove it if no run writes there") from error
    return found


def _machine() -> str:
    """Return what two processes share that see each other's pids: host name, start of the kernel, name space."""
    boot, space = Path("/proc/sys/kernel/random/boot_id"), Path("/proc/self/ns/pid")
    parts = [socket.gethostname()]
    if boot.is_file():
        parts += [boot.read_text(encoding="ascii").strip(), str(space.readlink())]
    return " ".join(parts)
