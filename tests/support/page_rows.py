"""Pages whose list holds what a test wants: the embedded rows of a written page, changed in place."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from screening.report.text import embedded_json

_DATA = re.compile(r'(<script type="application/json" id="data">)(.*?)(</script>)', re.S)


def change_rows(page: Path, change: Callable[[list[dict[str, Any]], dict[str, Any]], None]) -> Path:
    """Let `change` alter the rows, by column, and the further data of a written page; its scripts stay as they are."""
    text = page.read_text(encoding="utf-8")
    match = _DATA.search(text)
    assert match is not None
    data = json.loads(match[2])
    names = [column["name"] for column in data["columns"]]
    rows = [dict(zip(names, cells, strict=True)) for cells in data["rows"]]
    change(rows, data)
    names = [column["name"] for column in data["columns"]]  # it may have added some
    data["rows"] = [[row[name] for name in names] for row in rows]
    page.write_text(text[: match.start(2)] + str(embedded_json(data)) + text[match.end(2) :], encoding="utf-8")
    return page
