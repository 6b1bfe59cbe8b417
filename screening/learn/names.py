"""Publications and families as tables write them → one name each, so that two spellings are not two."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
from numpy.typing import NDArray

_ADDRESS = re.compile(r"^(?:https?://)?(?:dx\.|www\.)?(?:doi\.org/)?(?:doi:)?\s*", re.IGNORECASE)
_MISSPELT = {"choloride": "chloride"}


def publication_key(text: str) -> str:
    """Return what two spellings of one publication share: a DOI in lower case, without address or prefix."""
    return re.sub(r"\s+", " ", _ADDRESS.sub("", text.strip())).rstrip("/.").lower()


def publication_keys(column: NDArray[np.object_]) -> NDArray[np.object_]:
    """Return `publication_key` of each text (n,); "" stays."""
    return np.array([publication_key(str(text)) for text in column], dtype=object)


def merged_families(column: NDArray[np.object_]) -> NDArray[np.object_]:
    """Return families (n,) with spellings of one family as the most frequent of them: argyrodite, argyrodites.

    Case and a plural do not tell families apart; of equally frequent spellings the first in the alphabet stands.
    """
    texts = [str(text).strip() for text in column]
    counts = Counter(texts)
    spelt: dict[str, str] = {}
    for text in sorted(counts, key=lambda text: (-counts[text], text)):
        if text:
            spelt.setdefault(_family_key(text), text)
    return np.array([spelt[_family_key(text)] if text else "" for text in texts], dtype=object)


def _family_key(text: str) -> str:
    key = text.lower().removesuffix("s")
    return _MISSPELT.get(key, key)
