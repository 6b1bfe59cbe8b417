"""The process that ripser++ lives in: it reads distance matrices from standard input and writes bars.

ripser++ ends its whole process on any CUDA error and prints where it likes, so it gets a process of its own whose
standard output is moved out of the way before the library is loaded. Its first message is the free memory of the GPU.
Requests are read ahead by a thread, so that the library never waits for the other side, nor the other side for it.
A request is the highest dimension, the number of points, the threshold, and the lower triangle of distances; an answer
is, per dimension, a number of bars and the bars.

Source of the library's interface: `run_main` in ripser++.cu, ripserplusplus 1.1.2.
"""

from __future__ import annotations

import ctypes
import os
import queue
import struct
import sys
import threading
import time
from pathlib import Path

import numpy as np

from screening.host import receive, send

HEADER = struct.Struct("<qqd")  # highest dimension, points, threshold
COUNT = struct.Struct("<q")
READY = struct.Struct("<q")  # bytes of GPU memory that are free; UNKNOWN where the driver does not say
UNKNOWN = -1
DRIVER = "libcuda.so.1"
POLL = 0.5  # s between two looks at the parent


class _Bar(ctypes.Structure):
    _fields_ = (("birth", ctypes.c_float), ("death", ctypes.c_float))


class _Bars(ctypes.Structure):
    _fields_ = (("count", ctypes.c_int64), ("bars", ctypes.POINTER(_Bar)))


class _Result(ctypes.Structure):
    _fields_ = (("dimensions", ctypes.c_int64), ("sets", ctypes.POINTER(_Bars)))


def serve(library: str) -> None:
    """Answer requests until standard input ends."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    libc = ctypes.CDLL(None, use_errno=True)
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    companion = Path(library).with_name("libphmap.so")  # its hash map, which it is not linked to by place
    if companion.exists():
        ctypes.CDLL(str(companion), mode=ctypes.RTLD_GLOBAL)
    run = ctypes.CDLL(library).run_main
    run.restype = _Result
    libc.free.argtypes = [ctypes.c_void_p]
    # Twelve points are more than the ten below which it crashes; without a GPU the process ends here.
    spread = np.random.default_rng(0).uniform(1.0, 2.0, size=66).astype(np.float32)
    _bars(run, libc, spread, n_points=12, max_dim=1, threshold=2.0)
    send(answers, READY.pack(_free_memory()))
    requests: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()  # bounded by who sends them
    threading.Thread(target=_read, args=(requests,), daemon=True).start()
    while (request := requests.get()) is not None:
        max_dim, n_points, threshold = HEADER.unpack_from(request)
        lower = np.frombuffer(request, dtype=np.float32, offset=HEADER.size).copy()
        found = _bars(run, libc, lower, n_points=n_points, max_dim=max_dim, threshold=threshold)
        send(answers, b"".join(COUNT.pack(len(bars)) + bars.tobytes() for bars in found))


def _read(requests: queue.SimpleQueue[bytes | None]) -> None:
    """Put each request into the queue, and None at their end."""
    try:
        while True:
            requests.put(receive(sys.stdin.buffer))
    except EOFError:
        requests.put(None)


def _free_memory() -> int:
    """Return the free bytes of the GPU whose context the library has made current in this thread, or UNKNOWN."""
    try:
        driver = ctypes.CDLL(DRIVER)
    except OSError:
        return UNKNOWN
    free, total = ctypes.c_size_t(), ctypes.c_size_t()
    status = driver.cuMemGetInfo_v2(ctypes.byref(free), ctypes.byref(total))
    return UNKNOWN if status else free.value


def _end_with(parent: int) -> None:
    """End this process soon after its parent, even while the library computes (which does not hold the interpreter).

    Linux can signal a process at its parent's end, but takes the end of the thread that started it for that.
    """
    while os.getppid() == parent:
        time.sleep(POLL)
    os._exit(0)


def _bars(  # noqa: PLR0913
    run: ctypes._FuncPointer,
    libc: ctypes.CDLL,
    lower: np.ndarray[tuple[int], np.dtype[np.float32]],
    *,
    n_points: int,
    max_dim: int,
    threshold: float,
) -> list[np.ndarray[tuple[int, int], np.dtype[np.float32]]]:
    """Return (bars, 2) float32 per dimension; what the library allocated for them is freed."""
    words = [b"--dim", str(max_dim).encode(), b"--threshold", repr(threshold).encode(), b"--format", b"lower-distance"]
    arguments = (ctypes.c_char_p * len(words))(*words)
    matrix = lower.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
    result = run(len(words), arguments, matrix, len(lower), n_points, n_points)
    found = []
    for dim in range(result.dimensions):
        one = result.sets[dim]
        if one.count:
            pairs = np.ctypeslib.as_array(ctypes.cast(one.bars, ctypes.POINTER(ctypes.c_float)), (one.count, 2))
            found.append(pairs.copy())
        else:
            found.append(np.empty((0, 2), dtype=np.float32))
        libc.free(ctypes.cast(one.bars, ctypes.c_void_p))
    libc.free(ctypes.cast(result.sets, ctypes.c_void_p))
    return found


if __name__ == "__main__":
    serve(sys.argv[1])
