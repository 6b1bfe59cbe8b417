"""Lists the crystals that standard input names, and writes their shards to standard output; see `ListedApart`."""

from __future__ import annotations

import os
import pickle
import sys
from contextlib import suppress

from screening.errors import ScreeningError
from screening.host import receive, send
from screening.sources.shards import ListedHere


def main() -> None:
    """Answer one request: paths, limits and the size of a shard."""
    # What a library prints must not come between the messages.
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    crystals, limits, size = pickle.loads(receive(sys.stdin.buffer))  # noqa: S301 - from the process that started this
    listed = ListedHere(crystals, limits)
    with suppress(BrokenPipeError):  # nobody asks for more
        try:
            for shard in listed.shards(size):
                send(output, pickle.dumps(shard, pickle.HIGHEST_PROTOCOL))
            send(output, pickle.dumps(listed.passed))
        except ScreeningError as error:
            send(output, pickle.dumps(error))


if __name__ == "__main__":
    main()
