"""Lists the crystals that standard input names, and writes their shards to standard output; see `ListedApart`."""

from __future__ import annotations

import fcntl
import os
import pickle
import sys
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import IO

from screening.errors import ScreeningError
from screening.host import receive, send
from screening.sources.blocks import Item
from screening.sources.shards import ListedHere, Shard

AHEAD = 8  # shards that are listed and not yet packed and sent
PIPE_BYTES = 1 << 20  # some shards; what the system gives by itself holds half of one


def main() -> None:
    """Answer one request: paths, limits and the size of a shard."""
    # What a library prints must not come between the messages.
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with suppress(OSError):  # more than this user may have
            fcntl.fcntl(output, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    crystals, limits, size = pickle.loads(receive(sys.stdin.buffer))  # noqa: S301 - from the process that started this
    listed = ListedHere(crystals, limits)
    with suppress(BrokenPipeError):  # nobody asks for more
        try:
            _send_shards(listed, size, output)
            send(output, pickle.dumps(listed.passed))
        except ScreeningError as error:
            send(output, pickle.dumps(error))


def _send_shards(listed: ListedHere, size: int, output: IO[bytes]) -> None:
    """Send all shards in order; packing and sending are done beside listing, mostly without the interpreter's lock."""
    with ThreadPoolExecutor(max_workers=1) as packer:
        waiting: deque[Future[None]] = deque()
        for index, group in enumerate(listed.groups(size)):
            waiting.append(packer.submit(_send_shard, index, group, output))
            if len(waiting) > AHEAD:
                waiting.popleft().result()
        for sent in waiting:
            sent.result()


def _send_shard(index: int, group: list[Item], output: IO[bytes]) -> None:
    send(output, pickle.dumps(Shard.of(index, group), pickle.HIGHEST_PROTOCOL))


if __name__ == "__main__":
    main()
