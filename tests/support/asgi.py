"""One request to an ASGI application, its body in the chunks that a test wants. No test by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

Application = Callable[[Any, Any, Any], Awaitable[None]]


def post(app: Application, path: str, chunks: Sequence[bytes], *, ends: bool = True) -> tuple[int, bytes]:
    """Return status and body of the answer; a body that does not end stalls after its last chunk."""
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "scheme": "http",
        "headers": [(b"host", b"127.0.0.1"), (b"content-type", b"application/json")],
        "server": ("127.0.0.1", 8730),
        "client": ("127.0.0.1", 1),
    }
    waiting = [{"type": "http.request", "body": one, "more_body": True} for one in chunks]
    if ends:
        waiting.append({"type": "http.request", "body": b"", "more_body": False})
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if not waiting:
            await asyncio.sleep(3600)
        return waiting.pop(0)

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))  # type: ignore[arg-type]
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])
