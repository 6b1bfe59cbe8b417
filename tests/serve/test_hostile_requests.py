"""Questions that no page asks: refused in words, within a second, whatever they hold and however slowly they come."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest
from asgi import post
from made_run import make_run

pytest.importorskip("polars", reason="no polars here: nothing is served")
pytest.importorskip("starlette", reason="no starlette here: nothing is served")
uvicorn = pytest.importorskip("uvicorn", reason="no uvicorn here: nothing is served")

from screening.serve import patience, question  # noqa: E402
from screening.serve.app import Guard, application  # noqa: E402

ALL: dict[str, Any] = {"search": "", "sort": "rank", "from": 0, "count": 50}
ROWS = "/api/rows"
HUGE = int("9" * 4000)
HALF = "\ud800"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Guard:
    run = make_run(tmp_path_factory.mktemp("serve") / "run")
    ranking = pd.read_csv(run / "ranking.csv", dtype=str, keep_default_na=False)
    ranking.to_csv(run / "ranking.csv", index=False)
    return application(run)


def one(column: str, op: str, value: object) -> dict[str, Any]:
    return {**ALL, "conditions": [{"column": column, "op": op, "value": value}]}


REFUSED: dict[str, tuple[str, Any]] = {
    "a huge threshold": (ROWS, one("distance", ">=", HUGE)),
    "a huge threshold as text": (ROWS, one("distance", ">=", "9" * 5000 + "x")),
    "a huge first row": (ROWS, {**ALL, "from": HUGE}),
    "a huge count": (ROWS, {**ALL, "count": HUGE}),
    "an infinite count": (ROWS, {**ALL, "count": float("inf")}),
    "half a pair sought": (ROWS, {**ALL, "search": HALF}),
    "half a pair in a condition": (ROWS, one("id", "has", HALF)),
    "half a pair among ids": (ROWS, {**ALL, "ids": [HALF]}),
    "half a pair among families": (ROWS, {**ALL, "families": [HALF]}),
    "half a pair to sort by": (ROWS, {**ALL, "sort": HALF}),
    "half a pair in a key": (ROWS, {**ALL, HALF: 1}),
    "half a pair for an id": ("/api/detail", {"id": HALF}),
    "half a pair of structures": ("/api/structures", {"ids": [HALF]}),
    "a search of 4 MB": (ROWS, {**ALL, "search": "x" * 3_900_000}),
    "a condition of 4 MB": (ROWS, one("id", "has", "x" * 3_900_000)),
    "a family of 4 MB": (ROWS, {**ALL, "families": ["(" * 3_900_000]}),
    "100,000 families": (ROWS, {**ALL, "families": ["oxide"] * 100_000}),
    "100,000 elements": (ROWS, {**ALL, "must": ["Li"] * 100_000}),
    "100,000 elements left out": (ROWS, {**ALL, "not": ["Li"] * 100_000}),
    "100,000 flags": (ROWS, {**ALL, "hide": ["outside"] * 100_000}),
    "20,000 conditions": (ROWS, {**ALL, "conditions": [{"column": "id", "op": "has", "value": "c"}] * 20_000}),
    "an id of 4 MB": ("/api/detail", {"id": "x" * 3_900_000}),
    "an address of 4 MB": ("/api/" + "x" * 3_900_000, {}),
}
BODIES = {
    "a number of 4,000,000 digits": b'{"from": ' + b"9" * 3_900_000 + b"}",
    "lists a million deep": b"[" * 1_000_000,
    "objects a million deep": b'{"a":' * 700_000,
    "nested in a question": b'{"search": ' + b"[" * 900 + b"]" * 900 + b"}",
    "no UTF-8": b'{"search": "\xed\xa0\x80"}',
    "UTF-16 with half a pair": '{"search": "'.encode("utf-16-le") + b"\x00\xd8" + '"}'.encode("utf-16-le"),
    "too long": b'{"search": "' + b"x" * 4_000_000 + b'"}',
    "NUL": b"\0" * 1000,
}


def refused(app: Guard, path: str, body: bytes) -> str:
    begin = time.monotonic()
    status, answer = post(app, path, [body[at : at + 65_536] for at in range(0, len(body), 65_536)])
    assert time.monotonic() - begin < 1.0
    assert status == 400
    assert len(answer) < 5_000
    return str(json.loads(answer)["error"])


@pytest.mark.parametrize("name", REFUSED)
def test_a_question_beyond_measure_is_refused_at_once(app: Guard, name: str) -> None:
    path, asked = REFUSED[name]
    assert refused(app, path, json.dumps(asked).encode())


@pytest.mark.parametrize("name", BODIES)
def test_a_body_that_is_no_question_is_refused_at_once(app: Guard, name: str) -> None:
    assert refused(app, ROWS, BODIES[name])


def test_as_much_as_a_page_asks_is_answered(app: Guard) -> None:
    status, _ = post(app, ROWS, [json.dumps({**ALL, "ids": [f"c{n:06d}" for n in range(100_000)]}).encode()])
    assert status == 200
    whole = {
        **one("id", "has", "c"),
        "search": "é" * question.LONGEST,
        "families": ["oxide"] * question.MOST["families"],
        "must": ["Li"] * question.MOST["must"],
    }
    whole["conditions"] *= question.MOST["conditions"]
    begin = time.monotonic()
    assert post(app, ROWS, [json.dumps(whole).encode()])[0] == 200
    assert time.monotonic() - begin < 5.0


@pytest.mark.parametrize("chunks", [[], [b'{"search": "'], [b"x"] * 50])
def test_a_body_that_stalls_is_given_up(app: Guard, chunks: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(question, "SLOWEST", 0.2)
    begin = time.monotonic()
    status, answer = post(app, ROWS, chunks, ends=False)
    assert status == 408
    assert b"did not arrive in time" in answer
    assert time.monotonic() - begin < 5.0


HEAD = b"POST /api/rows HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
BODY = json.dumps(ALL).encode()
WHOLE = HEAD + b"Content-Length: %d\r\n\r\n%b" % (len(BODY), BODY)
LAST = HEAD + b"Connection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY)


@pytest.fixture
def address(app: Guard, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, int]]:
    """Where the application listens, on a real socket, with little patience."""
    monkeypatch.setattr(question, "SLOWEST", 1.0)
    monkeypatch.setattr(patience.Impatient, "longest", 1.0)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(patience.server_config(app))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            while not server.started:
                time.sleep(0.02)
            yield listening.getsockname()
        finally:
            server.should_exit = True
            thread.join(20)


def others_are_answered(address: tuple[str, int]) -> None:
    with socket.create_connection(address, timeout=20) as other:
        other.sendall(LAST)
        assert _all(other).startswith(b"HTTP/1.1 200")


def test_a_connection_that_stalls_is_cut_off(address: tuple[str, int]) -> None:
    """A body that begins, and then nothing."""
    with socket.create_connection(address, timeout=20) as stalled:
        stalled.sendall(HEAD + b'Content-Length: 1000\r\n\r\n{"search": "')
        others_are_answered(address)
        answer = _all(stalled)  # ends only because the server closes
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"connection: close" in answer.lower()


@pytest.mark.parametrize("begin", [b"", HEAD[:9], HEAD], ids=["nothing", "a line", "no end"])
def test_a_head_that_stalls_is_cut_off(address: tuple[str, int], begin: bytes) -> None:
    with socket.create_connection(address, timeout=20) as stalled:
        stalled.sendall(begin)
        others_are_answered(address)
        assert _all(stalled) == b""


def trickle(connection: socket.socket, seconds: float) -> None:
    """Send a head that never ends, a line at a time."""
    began = time.monotonic()
    connection.sendall(HEAD)
    while time.monotonic() - began < seconds:
        connection.sendall(b"X-Slow: 1\r\n")
        time.sleep(0.05)


def test_a_head_that_trickles_is_cut_off(address: tuple[str, int]) -> None:
    began = time.monotonic()
    with socket.create_connection(address, timeout=20) as slow, pytest.raises(OSError, match=r"reset|pipe|abort"):
        trickle(slow, 15.0)
    assert time.monotonic() - began < 10.0


def test_a_second_head_that_stalls_is_cut_off(address: tuple[str, int]) -> None:
    with socket.create_connection(address, timeout=20) as stalled:
        stalled.sendall(WHOLE + HEAD)
        answer = _all(stalled)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert answer.startswith(b"HTTP/1.1 200")


def _all(connection: socket.socket) -> bytes:
    data = b""
    while part := connection.recv(65_536):
        data += part
    return data


def test_the_run_is_left_as_it_was(app: Guard) -> None:
    """After all of that the first question is still answered."""
    status, answer = post(app, ROWS, [json.dumps(ALL).encode()])
    assert status == 200
    assert json.loads(answer)["total"] > 0
