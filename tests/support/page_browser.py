"""What tests of the page in a browser share."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def until(page: Any, expression: str) -> None:
    """Wait until an expression holds; the page's policy forbids Playwright to wait by itself."""
    for _ in range(200):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"never true: {expression}")


def choose(page: Any, rank: int) -> None:
    page.locator("#table tbody tr").filter(has=page.locator(f"td:text-is('{rank}')")).locator("button.open").click()
    page.wait_for_selector("#detail .waterfall")


def axe_finds(page: Any) -> tuple[dict[str, list[str]], int]:
    """Return what axe finds on the page but what is minor, and how many of its rules it finds kept.

    The page's context must bypass its policy, which refuses the script.
    """
    module = pytest.importorskip("axe_playwright_python.sync_playwright", reason="no axe here: not checked")
    found = module.Axe().run(page).response
    serious = [one for one in found["violations"] if one["impact"] != "minor"]
    return {one["id"]: [node["html"][:120] for node in one["nodes"]][:3] for one in serious}, len(found["passes"])
