"""Connections whose request does not come are closed: the server below waits for a head as long as the other likes."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

import h11
from uvicorn import Config
from uvicorn.protocols.http.h11_impl import H11Protocol


class Impatient(H11Protocol):
    """A connection that is closed where the head of its next request is not complete after `longest` seconds.

    The clock starts when the connection is made or the last answer was given, and bytes that trickle in do not set it
    back. What comes after a head, the body, is timed by those who read it.
    """

    longest: ClassVar[float] = 10.0

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self._clock: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock."""
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Stop the clock where a head is complete."""
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        """Start the clock again."""
        super().on_response_complete()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock for good."""
        self._stop()
        super().connection_lost(exc)

    def _watch(self) -> None:
        if self.conn.their_state is not h11.IDLE:
            self._stop()
        elif self._clock is None:
            self._clock = self.loop.call_later(self.longest, self._give_up)

    def _stop(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None

    def _give_up(self) -> None:
        self._clock = None
        if not self.transport.is_closing():
            self.transport.close()


def server_config(app: Any) -> Config:
    """Return what uvicorn needs to know to serve an application."""
    return Config(app, http=Impatient, log_level="error", lifespan="off", ws="none", server_header=False)
