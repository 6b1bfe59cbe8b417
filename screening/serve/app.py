"""The page of a run for lists of any length, served to one's own browser: `screening serve RUN`."""

from __future__ import annotations

import hmac
import ipaddress
import json
import secrets
import socket
import threading
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from screening.errors import InputError, MissingExtraError, ScreeningError
from screening.report import Details, list_data, page_policy, render
from screening.runs import ranking_path, read_ranking, read_run
from screening.serve.listing import Listing
from screening.serve.question import read_question
from screening.sources import Wanted, absent
from screening.store import tables_by_id

LOOPBACK = ("127.0.0.1", "::1", "localhost")
FIRST = 50  # rows read for the page itself
LOOKED_AT = 1_000  # candidates whose files are looked for at the start
STRUCTURES = 5_000  # most structures in one bundle
KEPT = 256  # candidates whose details are kept in memory

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Desk:
    """What is asked of a run: its page, rows of its ranking, details of candidates.

    Parameters
    ----------
    run_dir
        The RUN folder.

    Raises
    ------
    InputError
        It holds no finished run.
    """

    def __init__(self, run_dir: Path) -> None:
        run = read_run(run_dir, top=FIRST)
        self.details = Details(run_dir, run.record, index=_started(run_dir / "features.zarr"))
        self.listing = Listing(run_dir / run.ranking_name)
        listed = {"columns": self.listing.described(), "families": self.listing.families(), "rows": []}
        data = {**list_data(run, self.details), "mode": "served", **listed}
        self.page = render(run, data, kept=None)
        self.policy = page_policy(self.page)
        self._kept: dict[str, dict[str, Any]] = {}
        self._lock = threading.Lock()  # one candidate is computed at a time; the rows of the list wait for none

    def answer(self, path: str, question: dict[str, Any]) -> Any:
        """Return the answer to a question, ready for JSON.

        Raises
        ------
        InputError
            There is no such question, or it is not well put.
        """
        if path == "/api/rows":
            return self.listing.rows(question)
        if path == "/api/detail":
            return self._details([_text(question, "id")])[0]
        if path == "/api/known":
            id = _text(question, "id")
            return self.details.known_curves(id) if id in self.details.known_ids else None
        if path == "/api/structures":
            return self._structures(question.get("ids"))
        raise InputError(f"unknown API path {path[:100]}")

    def _details(self, ids: Sequence[str]) -> list[dict[str, Any]]:
        with self._lock:
            missing = [id for id in ids if id not in self._kept]
            for id, one in zip(missing, self.details.of(self._wanted(missing)), strict=True):
                self._kept[id] = one
            found = [self._kept[id] for id in ids]
            while len(self._kept) > KEPT:
                del self._kept[next(iter(self._kept))]
            return found

    def _structures(self, ids: object) -> list[dict[str, Any]]:
        if not isinstance(ids, list) or not all(isinstance(id, str) for id in ids):
            raise InputError("ids must be a list of strings")
        if len(ids) > STRUCTURES:
            raise InputError(f"{len(ids)} structures in one bundle: ask for at most {STRUCTURES}")
        wanted = self._wanted(ids)
        with self._lock:
            found = self.details.crystals(wanted)
            return [self.details.structure(found[one.id], holes=False) for one in wanted]

    def _wanted(self, ids: Sequence[str]) -> list[Wanted]:
        rows = self.listing.named(ids)
        missing = [id for id in ids if id not in rows]
        if missing:
            raise InputError(f"no candidate has the id {missing[0]!r:.200}")
        return [Wanted(id, *rows[id]) for id in ids]


class Guard:
    """An ASGI application that lets in only who may: names of this host, and whoever knows the token.

    A page of another site cannot read answers: it has another origin, and no answer allows it. Where its name is made
    to point here (DNS rebinding), the Host header is still that name, which is refused.

    Parameters
    ----------
    desk
        Answers.
    hosts
        Names that the Host header may have, without port.
    token
        Wanted in the address of the first visit, afterwards in a cookie; None for loopback.
    """

    def __init__(self, desk: Desk, *, hosts: frozenset[str], token: str | None) -> None:
        self.desk = desk
        self.hosts = hosts
        self.token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        from starlette.concurrency import run_in_threadpool
        from starlette.requests import Request
        from starlette.responses import PlainTextResponse, RedirectResponse, Response

        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        response: Response
        if not self.is_host(request.headers.get("host", "")):
            response = PlainTextResponse("this host name is not served", 421)
        elif self.token is not None and not self._knows(request.cookies.get("token", "")):
            if self._knows(request.query_params.get("token", "")) and request.method == "GET":
                response = RedirectResponse("/", 303)
                response.set_cookie("token", self.token, httponly=True, samesite="strict")
            else:
                response = PlainTextResponse("open the address that the program printed, with its token", 403)
        elif request.url.path == "/" and request.method == "GET":
            response = Response(self.desk.page, media_type="text/html; charset=utf-8")
            response.headers["Content-Security-Policy"] = f"{self.desk.policy}; frame-ancestors 'none'"
        elif request.method == "POST" and request.url.path.startswith("/api/"):
            response = await self._asked(request, run_in_threadpool)
        else:
            response = PlainTextResponse("not found", 404)
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        response.headers["Cache-Control"] = "no-store"
        await response(scope, receive, send)

    async def _asked(self, request: Any, run: Callable[..., Awaitable[Any]]) -> Any:
        from starlette.requests import ClientDisconnect
        from starlette.responses import Response

        try:
            question = await read_question(request)
            found, status = await run(self.desk.answer, request.url.path, question), 200
        except TimeoutError:
            found, status = {"error": "the request body did not arrive in time"}, 408
        except ClientDisconnect:
            found, status = {"error": "the request broke off"}, 400
        except ScreeningError as error:
            found, status = {"error": str(error)[:500]}, 400
        response = Response(json.dumps(found, allow_nan=False, separators=(",", ":")), status)
        response.headers["Content-Type"] = "application/json"
        if status != 200:
            response.headers["Connection"] = "close"  # what is left of the body is not waited for
        return response

    def is_host(self, header: str) -> bool:
        """Return whether a Host header names this program: a known name, or an address that is no name at all."""
        name = header.rpartition(":")[0] if header.rpartition(":")[2].isdecimal() and ":" in header else header
        name = name.strip("[]").lower().rstrip(".")
        if name in self.hosts:
            return True
        if self.token is None:
            return False
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True

    def _knows(self, told: str) -> bool:
        return self.token is not None and hmac.compare_digest(told.encode(), self.token.encode())


def application(run_dir: Path, *, host: str = "127.0.0.1") -> Guard:
    """Return the application for a host to listen on; any but loopback gets a token.

    Raises
    ------
    MissingExtraError
        The extra `serve` is not installed.
    InputError
        The folder holds no finished run.
    """
    try:
        import polars  # noqa: F401
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("pip install 'screening[serve]' serves runs") from error
    is_own = host in LOOPBACK
    hosts = frozenset(LOOPBACK if is_own else (*LOOPBACK, host.lower(), socket.gethostname().lower()))
    return Guard(Desk(run_dir), hosts=hosts, token=None if is_own else secrets.token_urlsafe(24))


def serve(run_dir: Path, *, host: str, port: int, say: Callable[[str], None]) -> None:
    """Serve the page of a run until interrupted; `say` gets the address to open.

    Raises
    ------
    MissingExtraError
        The extra `serve` is not installed.
    InputError
        The folder holds no finished run, or the port is taken.
    """
    app = application(run_dir, host=host)
    lost = absent(read_ranking(ranking_path(run_dir), top=LOOKED_AT)["source"])
    if lost:
        say(f"{len(lost)} files that candidates came from are not there, so that no structure is shown: {lost[0]}, ...")
    import uvicorn

    from screening.serve.patience import server_config

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    with listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, port))
            listening.listen(128)  # from now on whoever opens the address waits instead of being refused
        except OSError as error:
            raise InputError(f"cannot listen on {host} port {port}: {error.strerror}") from error
        shown = f"[{host}]" if ":" in host else host
        where = f"http://{shown}:{listening.getsockname()[1]}/"
        say(where if app.token is None else f"{where}?token={app.token}")
        uvicorn.Server(server_config(app)).run(sockets=[listening])


def _started(store: Path) -> Future[dict[str, int]]:
    """Return what will be the index of a store; the list need not wait for it (10 s for 300,000 crystals)."""
    index: Future[dict[str, int]] = Future()

    def find() -> None:
        try:
            index.set_result(tables_by_id(store))
        except Exception as error:
            index.set_exception(error)

    threading.Thread(target=find, daemon=True).start()
    return index


def _text(question: dict[str, Any], name: str) -> str:
    value = question.get(name)
    if not isinstance(value, str):
        raise InputError(f"{name} is text")
    return value
