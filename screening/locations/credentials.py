"""Credentials in a path or URL: seen, so that the text is refused, and taken out of what is said about it."""

from __future__ import annotations

import re
from urllib.parse import unquote

# Object stores have no ports: what follows a colon there is a secret, which may itself hold a slash.
_STORES = r"(?:s3[an]?|gc?s|az|adl|abfss?|wasbs?|oss|cos|obs|r2|b2|swift)"
_KEY = re.compile(rf"\b{_STORES}:/+[^\s/?#]*:[^\s@]*(?:@|$)", re.IGNORECASE)
_USER = re.compile(
    r"\b[a-z][a-z0-9+.-]{0,30}:/+(?:[^\s/?#]*@|[^\s/?#]*:(?!\d{1,5}(?:[/?#\s]|$))[^\s@]*@)", re.IGNORECASE
)
_QUERY = re.compile(r"(?<=:/)[^\s?]*\?[^\s/]*=\S*")  # of any URL
# Names under which keys and signatures stand, wherever they do.
_NAMED = re.compile(
    r"[?&;#](?:x-[a-z]{1,20}-[a-z-]{1,40}|[a-z_-]{0,40}(?:signature|token|secret|passw(?:or)?d|credentials?|access_?key|api_?key)"
    r"[a-z_-]{0,40}|sig|pwd|googleaccessid|awsaccesskeyid)=\S*",
    re.IGNORECASE,
)
# Each with a mark without which it need not be looked for.
_FORMS = ((_KEY, ":"), (_USER, "@"), (_QUERY, "?"), (_NAMED, "="))
HIDDEN = "***"


def holds_credentials(text: str) -> bool:
    """Return whether a path or URL holds a user, a key, a signature or a query, be they written in percent signs."""
    forms = (text, unquote(text)) if "%" in text else (text,)
    return any(mark in one and form.search(one) for one in forms for form, mark in _FORMS)


def without_credentials(text: str) -> str:
    """Return the text with ``***`` in the place of all that `holds_credentials` sees."""
    shown = text
    for form, _ in _FORMS:
        shown = form.sub(HIDDEN, shown)
    return HIDDEN if holds_credentials(shown) else shown
