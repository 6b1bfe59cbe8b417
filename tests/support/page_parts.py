"""The page of a report taken apart: tags, scripts, what is packed in them."""

from __future__ import annotations

import base64
import json
import zlib
from html.parser import HTMLParser
from typing import Any


class Page(HTMLParser):
    """Tags with attributes, and the text of each script by its type."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.words: list[str] = []
        self._script = False
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._script = tag == "script"
        if self._script:
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._script = False

    def handle_data(self, data: str) -> None:
        if self._script:
            self.scripts[-1] += data
        else:
            self.words.append(data)


def details_of(page: Page) -> dict[str, Any]:
    """What the third script holds, inflated as a browser would."""
    kept = json.loads(page.scripts[2])

    def inflate(coded: str) -> Any:
        return json.loads(zlib.decompress(base64.b64decode(coded)))

    return {
        "of": [inflate(one) for one in kept["of"]],
        "known": {id: inflate(one) for id, one in kept["known"].items()},
    }
