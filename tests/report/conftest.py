"""A RUN folder with hostile names in it, and its page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from made_run import make_run
from page_browser import CHROMIUM

from screening.report.page import write_report


@pytest.fixture(scope="session")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("report") / "run")


@pytest.fixture(scope="session")
def source(run_dir: Path) -> str:
    path = write_report(run_dir, top=1000)
    assert path == run_dir / "report.html"
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="no playwright here: the page's script is not run")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(make_run(tmp_path_factory.mktemp("browser") / "run"), top=1000)


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens a file as a page; afterwards nothing may have failed, and nothing but the file may have been asked for."""
    contexts: list[Any] = []
    told: list[str] = []
    asked: list[str] = []
    opened: list[str] = []

    def open_page(path: Path, *, width: int = 1440, height: int = 900, fragment: str = "") -> Any:
        context = browser.new_context(viewport={"width": width, "height": height}, accept_downloads=True)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        # Reading pixels back is what tests do, and the browser has advice on it.
        page.on("console", lambda message: told.extend([message.text] * ("getImageData" not in message.text)))
        page.on("pageerror", lambda error: told.append(str(error)))
        page.on("dialog", lambda dialog: told.append(dialog.message))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path.as_uri() + fragment)
        page.wait_for_selector("#detail .waterfall", state="attached")  # on a phone it waits in its sheet
        opened.append(path.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert told == []
    assert [url for url in asked if not url.startswith("blob:") and url.split("#")[0] not in opened] == []
