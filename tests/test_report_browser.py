"""The page in a real browser: it asks for nothing, sorts, filters, downloads, and draws the chosen crystal."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from test_report import HOSTILE, make_run
from tornado.websocket import WebSocketClientConnection, websocket_connect

from screening.report import write_report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--remote-debugging-port=0")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: the page's script is not run")


class Browser:
    """One page of a browser, spoken to over its debugging protocol."""

    def __init__(self, connection: WebSocketClientConnection) -> None:
        self.connection = connection
        self.events: list[dict[str, Any]] = []
        self.count = 0

    async def send(self, method: str, **params: Any) -> dict[str, Any]:
        self.count += 1
        await self.connection.write_message(json.dumps({"id": self.count, "method": method, "params": params}))
        while True:
            text = await self.connection.read_message()
            assert text is not None, "the browser closed the connection"
            message = json.loads(text)
            if message.get("id") == self.count:
                assert "error" not in message, message
                return dict(message["result"])
            self.events.append(message)

    async def run(self, expression: str) -> Any:
        result = await self.send("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    async def wait(self, expression: str) -> None:
        for _ in range(200):
            if await self.run(expression):
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"never true: {expression}")

    async def close(self) -> None:
        self.connection.close()
        while await self.connection.read_message() is not None:
            pass

    async def key(self, name: str) -> None:
        await self.send("Input.dispatchKeyEvent", type="keyDown", key=name, code=name)
        await self.send("Input.dispatchKeyEvent", type="keyUp", key=name, code=name)


def in_browser(page: Path, profile: Path, steps: Callable[[Browser], Any]) -> None:
    """Open `page`, take `steps`, and hold that no script failed and nothing but the file was asked for."""

    async def drive(address: str) -> None:
        browser = Browser(await websocket_connect(address, max_message_size=100_000_000))
        for domain in ("Page", "Runtime", "Network", "Log"):
            await browser.send(f"{domain}.enable")
        await browser.send("Page.navigate", url=page.as_uri())
        await browser.wait("location.protocol === 'file:' && document.readyState === 'complete'")
        await steps(browser)
        await browser.run("0")
        asked = [e["params"]["request"]["url"] for e in browser.events if e["method"] == "Network.requestWillBeSent"]
        assert [url for url in asked if not url.startswith("blob:")] == [page.as_uri()]
        bad = [e for e in browser.events if e["method"] in ("Runtime.exceptionThrown", "Page.javascriptDialogOpening")]
        assert bad == []
        assert [e for e in browser.events if e["method"] == "Log.entryAdded"] == []
        await browser.close()

    assert CHROMIUM is not None
    command = [CHROMIUM, *FLAGS, f"--user-data-dir={profile}", "about:blank"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stderr is not None
            line = next(line for line in process.stderr if "DevTools listening on" in line)
            browser_address = line.split()[-1]
            asyncio.run(_with_page(browser_address, drive))
        finally:
            process.kill()


async def _with_page(address: str, drive: Callable[[str], Any]) -> None:
    root = Browser(await websocket_connect(address))
    target = (await root.send("Target.createTarget", url="about:blank"))["targetId"]
    await drive(address.rsplit("/devtools/", 1)[0] + f"/devtools/page/{target}")
    await root.close()


SHOWN = "[...document.querySelectorAll('#table tbody tr')].filter(tr => !tr.hidden).map(tr => tr.cells[0].textContent)"


def type_in(id: str, value: str) -> str:
    return set_value(f"document.getElementById('{id}')", value)


def set_value(element: str, value: str) -> str:
    return f"{{ const e = {element}; e.value = {json.dumps(value)}; e.dispatchEvent(new Event('input')); }}"


def test_the_page_works_in_a_browser(tmp_path: Path) -> None:
    page = write_report(make_run(tmp_path / "run"), top=1000)

    async def steps(browser: Browser) -> None:
        assert await browser.run("document.querySelector('#detail .id').textContent") == f"{HOSTILE} · rank 1"
        assert await browser.run("document.querySelectorAll('#detail svg.curve').length") == 7
        assert await browser.run("document.querySelectorAll('img, #detail script').length") == 0
        names = "#table .id, #table .formula, #detail bdi"
        bidi = f"[...document.querySelectorAll('{names}')].map(e => getComputedStyle(e).unicodeBidi)"
        assert set(await browser.run(bidi)) == {"isolate"}
        for i in range(3):  # the second is Li1.3Al0.3Ti1.7(PO4)3, which may break after amounts
            await browser.run(f"document.querySelector('tr[data-i=\"{i}\"] button.open').click()")
            in_table, in_detail = [
                await browser.run(f"document.querySelector('{place}').innerHTML")
                for place in ("tr.chosen .formula", "#detail h3 bdi")
            ]
            assert in_table == in_detail  # one notation of formulas, written by Python and by the script
            assert in_detail.count("<wbr>") == (3 if i == 1 else 0)
        await browser.run("document.querySelector('tr[data-i=\"0\"] button.open').click()")

        await browser.run("document.querySelector('[data-key=distance] button').click()")
        assert await browser.run("document.querySelector('[data-key=distance]').ariaSort") == "ascending"
        await browser.run("document.querySelector('[data-key=distance] button').click()")
        assert await browser.run("document.querySelector('[data-key=distance]').ariaSort") == "descending"
        assert await browser.run("document.querySelector('[data-key=rank]').ariaSort") == "none"
        assert await browser.run(SHOWN) == [str(rank) for rank in range(12, 0, -1)]
        await browser.run("document.querySelector('[data-key=rank] button').click()")

        await browser.run(type_in("with", "p s"))
        formulas = await browser.run("[...document.querySelectorAll('tr:not([hidden]) .open')].map(b => b.textContent)")
        assert sorted(set(formulas)) == ["Li10Ge(PS6)2", "Li6PS5Cl"]
        await browser.run(type_in("without", "Cl"))
        formulas = await browser.run("[...document.querySelectorAll('tr:not([hidden]) .open')].map(b => b.textContent)")
        assert set(formulas) == {"Li10Ge(PS6)2"}
        await browser.run(type_in("with", ""))
        await browser.run(type_in("without", ""))
        await browser.run("document.querySelector('.hide[value=outside]').click()")
        assert await browser.run(SHOWN) == [str(rank) for rank in range(1, 8)]
        assert await browser.run("document.getElementById('shown').textContent") == "7 of 12 rows"

        rows = list(csv.DictReader(io.StringIO(await browser.run("visibleCsv()"))))
        assert [row["rank"] for row in rows] == [str(rank) for rank in range(1, 8)]
        assert rows[0]["id"] == HOSTILE
        assert rows[1]["id"].startswith("'=HYPERLINK")
        assert rows[0]["prediction"] == "-2.2"
        await browser.run("document.getElementById('download').click()")

        await browser.run("document.querySelector('button.open').focus()")
        await browser.key("ArrowDown")
        await browser.key("ArrowDown")
        assert await browser.run("document.querySelector('#detail .id').textContent") == "c0014 · rank 3"
        assert await browser.run("document.activeElement.closest('tr').cells[0].textContent") == "3"
        assert await browser.run("document.querySelectorAll('[aria-current]').length") == 1

        await browser.run(set_value("document.querySelector('#detail input[type=range]')", "4"))
        assert await browser.run("document.querySelector('#detail output').textContent") == "4.00 Å"
        await browser.run(type_in("search", "no such crystal"))
        assert await browser.run("document.getElementById('none').hidden") is False

    in_browser(page, tmp_path / "profile", steps)


def test_curves_are_drawn_anew_for_another_width(tmp_path: Path) -> None:
    page = write_report(make_run(tmp_path / "run"), top=1000)
    # Text keeps its size only where a drawing unit is a pixel.
    scale = "(s => s.getBoundingClientRect().width / s.viewBox.baseVal.width)(document.querySelector('svg.curve'))"

    async def steps(browser: Browser) -> None:
        for width in (1440, 390, 800):
            await browser.send(
                "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False
            )
            await browser.wait(f"innerWidth === {width} && Math.abs({scale} - 1) < 0.05")
        assert await browser.run("document.querySelectorAll('#detail svg.curve').length") == 7

    in_browser(page, tmp_path / "profile", steps)


@pytest.mark.parametrize("width", [390, 1440])
def test_nothing_sticks_out_sideways(tmp_path: Path, width: int) -> None:
    page = write_report(make_run(tmp_path / "run"), top=1000)

    async def steps(browser: Browser) -> None:
        await browser.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600
        )
        assert await browser.run("window.innerWidth") == width
        assert await browser.run("document.documentElement.scrollWidth") <= width

    in_browser(page, tmp_path / "profile", steps)
