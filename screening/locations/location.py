"""Where files are: a folder here (a `pathlib.Path`) or an object store (a `Remote`), told apart by ``://``.

Objects are written whole, since an object store knows neither appending nor renaming. Credentials come from the
environment or the profile of the user, as the libraries of the providers find them; a URL that holds any is
refused, so that none can reach a record, a log or a message.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

from screening.errors import InputError
from screening.locations.credentials import holds_credentials, without_credentials
from screening.locations.remote import URL, Remote, filesystem_of

Location: TypeAlias = Path | Remote


def is_url(text: str) -> bool:
    """Return whether a path is the URL of something that is not on this machine's file system."""
    match = URL.fullmatch(text)
    return match is not None and match[1].lower() not in ("file", "local")


def location(text: str | Path) -> Location:
    """Return the place that a path or URL names.

    Raises
    ------
    InputError
        The path or URL holds credentials or a query; the URL chains protocols, leads upwards, or its protocol is
        unknown or not installed.
    """
    if isinstance(text, str) and holds_credentials(text):
        kind = f"a {text.partition('://')[0].lower()}:// URL" if is_url(text) else "a path"
        raise InputError(f"{kind} holds credentials or a query; give them by environment or profile")
    match = None if isinstance(text, Path) else URL.fullmatch(text)
    if match is None:
        return Path(text)
    protocol, rest = match[1].lower(), match[2]
    if protocol in ("file", "local"):
        return Path(rest)
    host = rest.split("/", maxsplit=1)[0]
    if "@" in host or (protocol in ("http", "https") and "?" in rest):
        raise InputError(f"a {protocol}:// URL holds credentials or a query; give them by environment or profile")
    if "::" in rest or ".." in rest.split("/") or not host or "\0" in rest:
        raise InputError(f"{text!r:.200} is not the URL of one file or folder")
    found = Remote(f"{protocol}://{rest.rstrip('/')}")
    filesystem_of(found.url)
    return found


def require(*paths: Path | str | None) -> None:
    """Return nothing if every path that is on this machine exists; URLs are asked when they are used.

    Raises
    ------
    InputError
        One does not exist.
    """
    for path in paths:
        if path is None or is_url(str(path).removeprefix("@")):
            continue
        try:
            there = Path(str(path).removeprefix("@")).exists()
        except OSError as error:
            raise InputError(f"{without_credentials(str(path)):.200}: {error.strerror}") from error
        if not there:
            raise InputError(f"{without_credentials(str(path)):.200}: no such file or folder")
