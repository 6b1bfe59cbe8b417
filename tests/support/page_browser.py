"""What tests of the page in a browser share."""

from __future__ import annotations

import shutil
from typing import Any

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
