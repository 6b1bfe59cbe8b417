"""What the page reads of single candidates, squeezed: made in processes that need no model and no table."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Sequence
from typing import Any

from screening.config import FeatureSettings
from screening.crystals import Crystal
from screening.host import no_search_for_cycles
from screening.report.structures import shown
from screening.sources import Missing

LEVEL = 7  # of zlib: 2 % more bytes than 9, in a third of the time


def squeezed(value: Any) -> str:
    """Return JSON, deflated and base64 coded: what `DecompressionStream("deflate")` of a browser reads."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return base64.b64encode(zlib.compress(text.encode("ascii"), LEVEL)).decode("ascii")


def all_squeezed(part: Sequence[tuple[Crystal | Missing, dict[str, Any], bool]], config: FeatureSettings) -> list[str]:
    """Return all about some candidates: (crystal, what stands beside its structure, whether with surfaces) each."""
    with no_search_for_cycles():
        return [squeezed({**beside, **shown(found, config, surfaces=surfaces)}) for found, beside, surfaces in part]
