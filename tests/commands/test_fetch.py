"""Fetching from servers on loopback that answer as OPTIMADE servers do: pages, errors, 429, cut connections."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from command import screening

from screening.commands import Query, fetch, list_cod
from screening.commands.fetch import fetch_optimade
from screening.config import InputLimits
from screening.errors import InputError
from screening.sources import iter_items, read_item

TOTAL = 230
INFO = {
    "data": {
        "id": "/",
        "type": "info",
        "attributes": {"api_version": "1.2.0", "license": {"href": "https://creativecommons.org/licenses/by/4.0/"}},
    },
    "meta": {
        "api_version": "1.2.0",
        "provider": {"name": "Example", "prefix": "exmpl", "description": "for tests"},
        "implementation": {"name": "loopback", "version": "1"},
    },
}


def entry(number: int) -> dict[str, Any]:
    """A resource as servers give it: LiCl with a cell of its own."""
    a = 5.0 + number / 1000
    return {
        "id": f"ex-{number}",
        "type": "structures",
        "attributes": {
            "lattice_vectors": [[a, 0, 0], [0, a, 0], [0, 0, a]],
            "cartesian_site_positions": [[0, 0, 0], [a / 2, a / 2, a / 2]],
            "species_at_sites": ["Li", "Cl"],
            "species": [
                {"name": name, "chemical_symbols": [name], "concentration": [1.0], "mass": None}
                for name in ("Li", "Cl")
            ],
            "dimension_types": [1, 1, 1],
            "nsites": 2,
            "structure_features": [],
            "_exmpl_hull": number / 1000,
        },
    }


class Server(ThreadingHTTPServer):
    """An OPTIMADE server with `TOTAL` structures, and faults that are asked for by number of the request."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str] = []
        self.faults: dict[int, str] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/optimade"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        server = self.server
        server.asked.append(self.path)
        fault = server.faults.pop(len(server.asked), "")
        parts = urlsplit(self.path)
        if fault == "429":
            self._send(429, {"errors": [{"status": "429", "title": "Too Many Requests"}]}, {"Retry-After": "0"})
        elif fault == "503":
            self._send(503, {})
        elif fault == "close":
            self.connection.close()
        elif fault == "cut":
            self._send(200, self._page(parts.query), cut=True)
        elif fault == "html":
            self._send(200, "<html>maintenance</html>")
        elif fault == "400":
            self._send(
                400, {"errors": [{"status": "400", "title": "Bad Request", "detail": "unknown\x1b[31m property"}]}
            )
        elif fault == "elsewhere":
            self._send(200, {**self._page(parts.query), "links": {"next": "http://169.254.169.254/latest"}})
        elif fault == "again":
            self._send(200, {**self._page(parts.query), "links": {"next": self.path}})
        elif fault == "redirect":
            self._send(302, {}, {"Location": "http://169.254.169.254/"})
        elif parts.path == "/optimade/v1/info":
            self._send(200, INFO)
        elif parts.path == "/optimade/v1/structures":
            self._send(200, self._page(parts.query))
        else:
            self._send(404, {"errors": [{"status": "404", "title": "Not Found"}]})

    def _page(self, query: str) -> dict[str, Any]:
        told = parse_qs(query)
        limit, offset = int(told["page_limit"][0]), int(told.get("page_offset", ["0"])[0])
        data = [entry(number) for number in range(offset, min(TOTAL, offset + limit))]
        more = offset + limit < TOTAL
        following = (
            f"{self.server.url}/v1/structures?{query.split('&page_offset', maxsplit=1)[0]}&page_offset={offset + limit}"
        )
        # Half of the servers give the link as an object.
        link: Any = {"href": following} if offset % 200 else following
        return {
            "data": data,
            "links": {"next": link if more else None},
            "meta": {"data_returned": TOTAL, "more_data_available": more, **INFO["meta"]},
        }

    def _send(self, status: int, told: Any, headers: dict[str, str] | None = None, *, cut: bool = False) -> None:
        body = told.encode() if isinstance(told, str) else json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if cut else body)
        if cut:
            self.connection.close()


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as one:
        thread = threading.Thread(target=one.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield one
        one.shutdown()


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]


def fetched(server: Server, out: Path, **query: Any) -> list[str]:
    """Fetch everything without pauses; return what was said."""
    said: list[str] = []
    assert fetch_optimade(Query(server.url, **query), out, say=said.append, pause=0.0) == TOTAL
    return said


def test_all_pages_with_their_origin(server: Server, tmp_path: Path) -> None:
    out = tmp_path / "crystals.jsonl.gz"
    said = fetched(server, out, filter='elements HAS "Li" AND nelements>=2', fields=("_exmpl_hull",))
    assert said == ["100 of 230 structures", "200 of 230 structures", "230 of 230 structures"]
    assert [one["id"] for one in lines(out)] == [f"ex-{number}" for number in range(TOTAL)]
    told = parse_qs(urlsplit(server.asked[1]).query)
    assert told["filter"] == ['elements HAS "Li" AND nelements>=2']
    assert {"lattice_vectors", "species", "_exmpl_hull"} <= {*told["response_fields"][0].split(",")}
    about = json.loads((tmp_path / "crystals.jsonl.gz.about.json").read_text())
    assert about["provider"]["name"] == "Example"
    assert about["license"] == {"href": "https://creativecommons.org/licenses/by/4.0/"}
    assert (about["structures"], about["filter"]) == (TOTAL, 'elements HAS "Li" AND nelements>=2')
    assert sorted(path.name for path in tmp_path.iterdir()) == ["crystals.jsonl.gz", "crystals.jsonl.gz.about.json"]
    found = list(iter_items([str(out)], InputLimits()))
    assert [item.id for item in found[:2]] == ["ex-0", "ex-1"]
    assert found[5].properties == {"_exmpl_hull": 0.005}
    assert read_item(found[5], InputLimits()).formula == "LiCl"


@pytest.mark.parametrize("fault", ["429", "503", "close", "cut"])
def test_a_fault_that_passes_is_asked_again(server: Server, tmp_path: Path, fault: str) -> None:
    server.faults = {2: fault, 4: fault}
    said = fetched(server, tmp_path / "c.jsonl.gz")
    assert len(server.asked) == 6
    assert sum("asking again" in one for one in said) == 2
    assert [one["id"] for one in lines(tmp_path / "c.jsonl.gz")] == [f"ex-{number}" for number in range(TOTAL)]


def test_what_was_fetched_is_kept_and_gone_on_with(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "TRIES", 2)
    out = tmp_path / "c.jsonl.gz"
    server.faults = {4: "close", 5: "close"}
    with pytest.raises(InputError, match="goes on from here"):
        fetched(server, out)
    assert not out.exists()
    assert json.loads((tmp_path / "c.jsonl.gz.state.json").read_text())["count"] == 200
    with (tmp_path / "c.jsonl.gz.part").open("ab") as file:
        file.write(b"half a page")  # as a kill in the middle leaves it
    with pytest.raises(InputError, match="begun with another query"):
        fetch_optimade(Query(server.url, "nsites=2"), out, say=print, pause=0.0)
    asked = len(server.asked)
    fetched(server, out)
    assert len(server.asked) == asked + 1
    assert [one["id"] for one in lines(out)] == [f"ex-{number}" for number in range(TOTAL)]
    plain = tmp_path / "plain.jsonl.gz"
    fetched(server, plain)
    assert plain.read_bytes() == out.read_bytes()


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("html", "something else than JSON"), ("400", "400 unknown .31m property"),
        ("elsewhere", "sends on to another one"),
        ("again", "names a page twice"), ("redirect", "302"),
    ],
)  # fmt: skip
def test_a_server_that_answers_otherwise_ends_it(server: Server, tmp_path: Path, fault: str, says: str) -> None:
    server.faults = {2: fault}
    with pytest.raises(InputError, match=says):
        fetched(server, tmp_path / "c.jsonl.gz")


@pytest.mark.parametrize(
    ("query", "says"),
    [
        (Query("ftp://host/"), "no address"), (Query("host"), "no address"),
        (Query("https://u:p@host/"), "credentials"),
        (Query("https://host/", "elements HAS"), "not of OPTIMADE's language"),
        (Query("https://host/", "", ("a&b=c",)), "no name of a property"),
    ],
)  # fmt: skip
def test_queries_are_checked_before_anything_is_asked(query: Query, says: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=says):
        fetch_optimade(query, tmp_path / "c.jsonl.gz", say=print)
    with pytest.raises(InputError, match=r"jsonl\.gz"):
        fetch_optimade(Query("https://host/"), tmp_path / "c.json", say=print)


def test_requests_keep_their_distance(server: Server, tmp_path: Path) -> None:
    import time

    begun = time.monotonic()
    fetch_optimade(Query(server.url), tmp_path / "c.jsonl.gz", say=print, pause=0.2)
    assert time.monotonic() - begun >= 0.6  # four requests


def test_the_command(server: Server, tmp_path: Path) -> None:
    out = tmp_path / "c.jsonl.gz"
    done = screening("fetch", "optimade", server.url, "--out", out, "--pause", "0", "--field", "_exmpl_hull")
    assert done.stdout.strip() == f"230 structures; {out}"
    done = screening("fetch", "optimade", server.url, "--out", out, check=1)
    assert "is there already" in " ".join(done.stderr.split())


def test_a_range_of_a_mirror_of_the_cod(tmp_path: Path) -> None:
    for number in (1000000, 1000001, 1000199, 2103456, 7000000):
        name = str(number)
        folder = tmp_path / "cif" / name[0] / name[1:3] / name[3:5]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.cif").write_text("data_x\n")
    (tmp_path / "cif" / "1" / "00" / "00" / "notes.cif").write_text("")
    out = tmp_path / "list.txt"
    assert list_cod(tmp_path, out, first=1000001, last=2999999) == 3
    assert [item.id for item in iter_items([f"@{out}"], InputLimits())] == ["1000001", "1000199", "2103456"]
    done = screening("fetch", "cod", tmp_path / "cif", "--ids", "7000000-7999999", "--out", out)
    assert done.stdout.strip() == f"1 files; read them as @{out}"
    for ids, says in (("1-2", "is no range"), ("9000000-9999999", "has no file"), ("2000000-1000000", "no range")):
        done = screening("fetch", "cod", tmp_path, "--ids", ids, "--out", out, check=1)
        assert says in " ".join(done.stderr.split())
