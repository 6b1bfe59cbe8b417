"""The served page: rows as the page in one file finds them, structures, and no answer for who may not ask."""

from __future__ import annotations

import asyncio
import json
import random
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator, MutableMapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from made_run import HOSTILE, make_run

from screening.crystals.families import families
from screening.elements import SYMBOLS
from screening.errors import InputError
from screening.report.page import page_policy, write_report
from screening.runs.read import read_ranking

pytest.importorskip("polars", reason="no polars here: nothing is served")
pytest.importorskip("starlette", reason="no starlette here: nothing is served")
uvicorn = pytest.importorskip("uvicorn", reason="no uvicorn here: nothing is served")

from screening.serve.app import Guard, application, serve  # noqa: E402
from screening.serve.listing import Listing  # noqa: E402

ALL: dict[str, Any] = {
    "search": "",
    "must": [],
    "not": [],
    "hide": [],
    "conditions": [],
    "ids": None,
    "sort": "rank",
    "falling": False,
}
ALL |= {"from": 0, "count": 1_000_000}


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = make_run(tmp_path_factory.mktemp("serve") / "run")
    ranking = pd.read_csv(run / "ranking.csv", dtype=str, keep_default_na=False)
    ranking["chance"] = ["", *(f"{0.05 * row:.2f}" for row in range(1, len(ranking)))]
    ranking["held_back"] = ["size" if row == 4 else "" for row in range(len(ranking))]
    ranking["stable"] = ["True" if row % 2 else "" for row in range(len(ranking))]
    ranking.loc[5, "distance"] = "inf"
    ranking.to_csv(run / "ranking.csv", index=False)
    return run


@pytest.fixture(scope="module")
def app(run_dir: Path) -> Guard:
    return application(run_dir)


def call(
    app: Guard,
    path: str = "/",
    body: bytes | None = None,
    *,
    method: str | None = None,
    headers: dict[str, str] | None = None,
    query: str = "",
) -> tuple[int, dict[str, str], bytes]:
    """Answer of the application to one request, as ASGI messages."""
    told = {
        "host": "127.0.0.1:8730",
        **({"content-type": "application/json"} if body is not None else {}),
        **(headers or {}),
    }
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method or ("GET" if body is None else "POST"),
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "scheme": "http",
        "headers": [(name.encode(), value.encode()) for name, value in told.items()],
        "server": ("127.0.0.1", 8730),
        "client": ("127.0.0.1", 1),
    }
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body or b"", "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    found = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], found, b"".join(message.get("body", b"") for message in sent[1:])


def ask(app: Guard, path: str, question: Any) -> Any:
    status, _, body = call(app, path, json.dumps(question).encode())
    assert status == 200, body
    return json.loads(body)


def slow_rows(run_dir: Path, question: dict[str, Any]) -> list[int]:
    """Places of the rows that fit, by the definition, row by row."""
    from screening.report.text import elements
    from screening.runs.read import read_ranking

    frame = read_ranking(run_dir / "ranking.csv")
    frame["chance"] = pd.to_numeric(frame["chance"])
    fit = []
    for at, row in enumerate(frame.to_dict("records")):
        words = "\n".join([row["id"], row["formula"], row["source"]]).lower()
        held = set(elements(row["formula"]))
        good = question["search"].strip().lower() in words
        good &= set(question["must"]) <= held and not set(question["not"]) & held
        if question.get("families"):
            good &= bool(set(question["families"]) & set(families(row["formula"])))
        for flag in question["hide"]:
            good &= (
                row["in_domain"] if flag == "outside" else row["held_back"] == "" if flag == "held" else not row[flag]
            )
        for one in question["conditions"]:
            value = row[one["column"]]
            if one["op"] == "has":
                good &= one["value"].lower() in value.lower()
            elif one["op"] in ("yes", "no"):
                good &= str(value) == ("True" if one["op"] == "yes" else "False")
            else:
                limit = float(one["value"])
                good &= bool(value >= limit if one["op"] == ">=" else value <= limit)
        if question["ids"] is not None:
            good &= row["id"] in question["ids"]
        if good:
            fit.append(at)
    cells = frame[question["sort"]]
    sign = -1 if question["falling"] else 1
    empty = {at for at in fit if cells[at] == "" or cells[at] != cells[at]}
    kept = [at for at in fit if at not in empty]
    if isinstance(cells[0], str):
        kept = sorted(kept, key=lambda at: cells[at], reverse=question["falling"])
    else:
        kept = sorted(kept, key=lambda at: sign * float(cells[at]))
    return kept + [at for at in fit if at in empty]


def questions() -> Iterator[dict[str, Any]]:
    draw = random.Random(0)
    flags = ["outside", "held", "disordered", "toxic", "scarce", "radius_cut"]
    conditions = [
        {"column": "distance", "op": "<=", "value": "0.9"},
        {"column": "chance", "op": ">=", "value": 0.2},
        {"column": "in_domain", "op": "no"},
        {"column": "scarce", "op": "yes"},
        {"column": "nearest_formula", "op": "has", "value": "li6p"},
    ]
    for sort in ("rank", "distance", "chance", "formula", "nearest", "prediction", "elements_unseen"):
        for falling in (False, True):
            yield {
                **ALL,
                "sort": sort,
                "falling": falling,
                "search": draw.choice(["", "c00", " LI", "<img", "folder"]),
                "must": draw.choice([[], ["Li"], ["S"], ["P", "S"]]),
                "not": draw.choice([[], ["Se"], ["O"]]),
                "hide": draw.sample(flags, draw.randrange(2)),
                "conditions": draw.sample(conditions, draw.randrange(2)),
            }
    yield {**ALL, "ids": [HOSTILE, "c0014", "nobody"]}
    yield {**ALL, "must": ["Li"], "sort": "distance", "falling": True}
    for one in conditions:
        yield {**ALL, "conditions": [one]}
    for flag in flags:
        yield {**ALL, "hide": [flag]}
    for named in (["sulfide"], ["phosphate", "other"], ["sulf"], ["(.*"]):
        yield {**ALL, "families": named}
    yield {**ALL, "sort": "conductivity", "must": ["Li"], "families": ["oxide", "chloride"]}


@pytest.mark.parametrize("question", list(questions()))
def test_rows_are_those_of_the_definition(run_dir: Path, app: Guard, question: dict[str, Any]) -> None:
    expected = slow_rows(run_dir, question)
    found = ask(app, "/api/rows", question)
    assert found["total"] == len(expected)
    assert [row["at"] for row in found["rows"]] == expected
    part = ask(app, "/api/rows", {**question, "from": 1, "count": 2})
    assert [row["at"] for row in part["rows"]] == expected[1:3]


def test_cells_are_those_of_the_page_in_one_file(run_dir: Path, app: Guard, tmp_path: Path) -> None:
    from page_parts import Page

    copied = tmp_path / "run"
    shutil.copytree(run_dir, copied)
    data = json.loads(Page(write_report(copied, top=1000).read_text(encoding="utf-8")).scripts[0])
    served = json.loads(Page(call(app)[2].decode()).scripts[0])
    assert served["columns"] == data["columns"]
    assert served["families"] == data["families"]
    assert {"sulfide", "oxide", "nitride"} <= set(data["families"])
    assert [row["cells"] for row in ask(app, "/api/rows", ALL)["rows"]] == data["rows"]
    frame = pd.DataFrame([row["cells"] for row in ask(app, "/api/rows", ALL)["rows"]])
    assert frame[1][1].startswith("=HYPERLINK")
    parquet = copied / "ranking.parquet"
    from screening.runs.read import read_ranking

    read_ranking(copied / "ranking.csv").to_parquet(parquet)
    assert [row["cells"] for row in Listing(parquet).rows(ALL)["rows"]] == data["rows"]


def test_details_are_those_of_the_page_in_one_file(run_dir: Path, app: Guard, tmp_path: Path) -> None:
    from page_parts import Page, details_of

    copied = tmp_path / "run"
    shutil.copytree(run_dir, copied)
    details = details_of(Page(write_report(copied, top=1000).read_text(encoding="utf-8")))
    rows = ask(app, "/api/rows", ALL)["rows"]
    for row in rows:
        assert ask(app, "/api/detail", {"id": row["cells"][1]}) == details["of"][row["at"]]
    assert ask(app, "/api/known", {"id": "c0003"}) == details["known"]["c0003"]
    assert ask(app, "/api/known", {"id": "nobody"}) is None
    ids = [rows[4]["cells"][1], rows[0]["cells"][1]]
    there, gone = ask(app, "/api/structures", {"ids": ids})
    assert there["structure"]["atoms"] == details["of"][4]["structure"]["atoms"]
    assert "missing" in gone


@pytest.mark.parametrize(
    ("path", "question"),
    [
        ("/api/rows", []),
        ("/api/rows", {}),
        ("/api/rows", {**ALL, "sort": "__class__"}),
        ("/api/rows", {**ALL, "from": -1}),
        ("/api/rows", {**ALL, "count": "many"}),
        ("/api/rows", {**ALL, "count": True}),
        ("/api/rows", {**ALL, "must": ["Xx"]}),
        ("/api/rows", {**ALL, "must": [1]}),
        ("/api/rows", {**ALL, "search": 5}),
        ("/api/rows", {**ALL, "hide": ["id"]}),
        ("/api/rows", {**ALL, "sort": ["rank"]}),
        ("/api/rows", {**ALL, "conditions": ["x"]}),
        ("/api/rows", {**ALL, "conditions": 5}),
        ("/api/rows", {**ALL, "conditions": [{"column": ["id"], "op": "has", "value": "x"}]}),
        ("/api/rows", {**ALL, "conditions": [{"column": "id", "op": ">=", "value": 1}]}),
        ("/api/rows", {**ALL, "conditions": [{"column": "distance", "op": ">=", "value": "wide"}]}),
        ("/api/rows", {**ALL, "conditions": [{"column": "distance", "op": ">=", "value": float("nan")}]}),
        ("/api/detail", {"id": "nobody"}),
        ("/api/detail", {"id": ["c0014"]}),
        ("/api/detail", {"id": "../../../etc/passwd"}),
        ("/api/structures", {"ids": "c0014"}),
        ("/api/structures", {"ids": ["c0014"] * 5001}),
        ("/api/nothing", {}),
    ],
)
def test_bad_questions_are_told_so(app: Guard, path: str, question: Any) -> None:
    status, headers, body = call(app, path, json.dumps(question).encode())
    assert status == 400
    assert json.loads(body)["error"]
    assert headers["content-type"] == "application/json"


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000, b" " * 4_000_001])
def test_what_is_no_question_is_refused(app: Guard, body: bytes) -> None:
    status, _, told = call(app, "/api/rows", body)
    assert status == 400
    assert (b"too long" in told) == (len(body) > 4_000_000)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_crystal_is_found_by_the_ids_of_its_other_entries(run_dir: Path, tmp_path: Path, suffix: str) -> None:
    run = tmp_path / "run"
    shutil.copytree(run_dir, run)
    frame = read_ranking(run / "ranking.csv")
    others = pd.DataFrame({"id": ["mp-77", "mp-78"], "duplicate_of": "c0014"})
    (run / "ranking.csv").unlink()
    if suffix == "csv":
        frame.to_csv(run / "ranking.csv", index=False)
        others.to_csv(run / "duplicates.csv", index=False)
    else:
        frame.to_parquet(run / "ranking.parquet")
        others.to_parquet(run / "duplicates.parquet")
    app = application(run)
    rows = ask(app, "/api/rows", {**ALL, "search": "mp-78"})["rows"]
    assert [row["cells"][1] for row in rows] == ["c0014"]
    assert ask(app, "/api/detail", {"id": "c0014"})["duplicates"] == ["mp-77", "mp-78"]


def test_search_takes_text_as_text(app: Guard) -> None:
    assert ask(app, "/api/rows", {**ALL, "search": ".*"})["total"] == 0
    assert ask(app, "/api/rows", {**ALL, "search": "'; DROP TABLE x"})["total"] == 0


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "", "evil.example:8730", "10.0.0.1:8730", "localhost.evil"]
)
def test_other_names_are_refused(app: Guard, host: str) -> None:
    for path, body in (("/", None), ("/api/rows", json.dumps(ALL).encode())):
        status, _, text = call(app, path, body, headers={"host": host})
        assert status == 421
        assert b"mp-" not in text


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:8730", "LOCALHOST", "[::1]:8730", "[::1]", "localhost.:1"])
def test_own_names_are_let_in(app: Guard, host: str) -> None:
    assert call(app, headers={"host": host})[0] == 200


def test_answers_carry_what_a_browser_must_keep_to(app: Guard) -> None:
    status, headers, body = call(app)
    assert status == 200
    policy = headers["content-security-policy"]
    assert policy.startswith(page_policy(body.decode()))
    assert "script-src 'sha256-" in policy
    assert "connect-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert "access-control-allow-origin" not in headers
    for path in ("/../../etc/passwd", "/run.json", "/api/rows", "/ranking.csv", "//", "/%2e%2e/run.json"):
        assert call(app, path)[0] == 404
    assert call(app, "/", method="PUT")[0] == 404
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        assert call(app, "/api/rows", json.dumps(ALL).encode(), headers={"content-type": kind})[0] == 400


def test_another_address_needs_the_token(run_dir: Path) -> None:
    app = application(run_dir, host="192.0.2.7")
    assert app.token is not None
    assert len(app.token) >= 24
    host = {"host": "192.0.2.7:8730"}
    assert call(app, headers=host)[0] == 403
    assert call(app, headers=host, query="token=wrong")[0] == 403
    assert call(app, "/api/rows", b"{}", headers=host, query=f"token={app.token}")[0] == 403
    status, headers, _ = call(app, headers=host, query=f"token={app.token}")
    assert (status, headers["location"]) == (303, "/")
    cookie = headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    with_cookie = {**host, "cookie": cookie.partition(";")[0]}
    assert call(app, headers=with_cookie)[0] == 200
    assert call(app, headers={**with_cookie, "host": "evil.example"})[0] == 421
    assert application(run_dir, host="localhost").token is None


def test_a_run_that_is_none_is_told(tmp_path: Path, run_dir: Path) -> None:
    with pytest.raises(InputError, match="run `screening run` to the end first"):
        application(tmp_path)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(InputError, match="cannot listen"):
            serve(run_dir, host="127.0.0.1", port=taken.getsockname()[1], say=print)


def test_kinds_of_unknown_columns(tmp_path: Path, run_dir: Path) -> None:
    ranking = pd.read_csv(run_dir / "ranking.csv", dtype=str, keep_default_na=False)
    ranking["gap"] = ["1.5", *[""] * (len(ranking) - 1)]
    ranking["note"] = "'=1+1"
    ranking["blank"] = ""
    ranking.to_csv(tmp_path / "ranking.csv", index=False)
    listing = Listing(tmp_path / "ranking.csv")
    kinds = {column.name: column.kind for column in listing.columns}
    assert (kinds["gap"], kinds["note"], kinds["blank"], kinds["stable"]) == ("number", "text", "text", "flag")
    row = dict(zip(kinds, listing.rows(ALL)["rows"][0]["cells"], strict=True))
    assert (row["gap"], row["note"], row["blank"], row["stable"]) == (1.5, "=1+1", "", None)
    ranking.drop(columns="nearest").to_csv(tmp_path / "ranking.csv", index=False)
    with pytest.raises(InputError, match="lacks the column nearest"):
        Listing(tmp_path / "ranking.csv")


@pytest.fixture
def address(run_dir: Path) -> Iterator[str]:
    """The application behind uvicorn on a free port."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        config = uvicorn.Config(application(run_dir), log_level="error", lifespan="off", ws="none")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        while not server.started:
            time.sleep(0.02)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        server.should_exit = True
        thread.join(20)


def test_the_served_page_in_a_browser(address: str) -> None:
    sync_api = pytest.importorskip("playwright.sync_api", reason="no playwright here: the page's script is not run")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no chromium here: the page's script is not run")
    told: list[str] = []
    asked: list[str] = []
    ranks = "[...document.querySelectorAll('#table tbody tr')].map(tr => tr.cells[1].textContent)"
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.on("console", lambda message: told.append(message.text))
        page.on("pageerror", lambda error: told.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(address)
        page.wait_for_selector("#detail .waterfall")
        assert page.locator("#detail .id").first.text_content() == f"{HOSTILE} · rank 1"
        page.click("[data-key=distance] button")
        until(page, lambda: page.evaluate(ranks)[-1] == "6")  # infinitely far
        page.fill("#search", "c0016")
        until(page, lambda: page.evaluate(ranks) == ["5"])
        page.click("#table button.open")
        page.wait_for_selector("canvas.structure")
        page.locator("#detail .bars").select_option(index=0)
        assert page.locator("#detail .bar-mark.lit").count() == 1
        page.check("#table tbody input")
        page.click("summary:has-text('Shortlist')")
        with page.expect_download() as download:
            page.click("#list-cif")
        assert download.value.suggested_filename == "shortlist.zip"
        until(page, lambda: page.text_content("#exported") == "shortlist.zip: 1 structures.")
        browser.close()
    assert told == []
    assert [url for url in asked if not url.startswith((address, "blob:"))] == []


def until(page: Any, holds: Callable[[], bool]) -> None:
    for _ in range(200):
        if holds():
            return
        page.wait_for_timeout(50)
    raise AssertionError("never true")


def test_no_number_is_an_empty_cell(tmp_path: Path, run_dir: Path) -> None:
    import polars as pl

    frame = pl.from_pandas(read_ranking(run_dir / "ranking.csv"), nan_to_null=False)
    frame = frame.with_columns(pl.when(pl.col("rank") == 2).then(float("nan")).otherwise("distance").alias("distance"))
    frame.write_parquet(tmp_path / "ranking.parquet")
    for falling in (False, True):
        rows = Listing(tmp_path / "ranking.parquet").rows({**ALL, "sort": "distance", "falling": falling})["rows"]
        assert rows[-1]["at"] == 1
        assert rows[-1]["cells"][8] is None


def test_every_element_is_told_from_every_other() -> None:
    import polars as pl

    from screening.serve.listing import _element_tests, _elements

    symbols = SYMBOLS[1:]
    low, high = _elements(pl.Series([f"{symbol}2" for symbol in symbols]))
    table = pl.DataFrame({"low": low, "high": high, "symbol": symbols})
    for symbol in symbols:
        assert table.filter(*_element_tests([symbol], []))["symbol"].to_list() == [symbol]
        assert len(table.filter(*_element_tests([], [symbol]))) == 117


def test_elements_are_bits() -> None:
    import polars as pl

    from screening.serve.listing import _elements

    rng = np.random.default_rng(0)
    formulas = [f"Li{k}{'Cl' if k % 2 else 'La'}" for k in rng.integers(1, 50, 500)]
    low, high = _elements(pl.Series(formulas))
    assert [bool(bits >> 17 & 1) for bits in low] == ["Cl" in text for text in formulas]
    assert [bool(bits >> 57 & 1) for bits in low] == ["La" in text for text in formulas]
    assert set(high) == {0}
    low, high = _elements(pl.Series(["U2Li", "", "Og"]))
    assert high.to_list() == [1 << (92 - 64), 0, 1 << (118 - 64)]
