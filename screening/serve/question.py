"""What a page may ask: a JSON object of bounded size that arrives in bounded time, and its parts, each checked."""

from __future__ import annotations

import asyncio
import json
import math
from typing import TYPE_CHECKING, Any

from screening.errors import InputError

if TYPE_CHECKING:
    from starlette.requests import Request

LARGEST = 4_000_000  # bytes of a request: a shortlist of a hundred thousand ids
SLOWEST = 10.0  # seconds for its body to arrive
LONGEST = 1_000  # characters of a text to search for
# How many of each there may be; every one is a pass over the whole list.
MOST = {"must": 118, "not": 118, "hide": 100, "families": 100, "conditions": 50}


async def read_question(request: Request) -> dict[str, Any]:
    """Return the object in the body of a request.

    Raises
    ------
    InputError
        It is too long, no JSON object, or text that no answer could repeat.
    TimeoutError
        It did not arrive in time.
    """
    # A form of another site cannot send this type without asking first, which nothing here allows.
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise InputError("the request body must be application/json")
    body = bytearray()
    async with asyncio.timeout(SLOWEST):
        async for chunk in request.stream():
            body += chunk
            if len(body) > LARGEST:
                raise InputError("the request body is too long")
    try:
        question = json.loads(bytes(body))
        # Half of a surrogate pair is text to Python, but to nobody else.
        json.dumps(question, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise InputError(f"the request body is not JSON: {error!s:.200}") from error
    if not isinstance(question, dict):
        raise InputError("the request body must be a JSON object")
    return question


def words(question: dict[str, Any], name: str) -> str:
    """Return a text of the question, "" where it has none."""
    value = question.get(name, "")
    if not isinstance(value, str):
        raise InputError(f"{name} is text")
    if len(value) > LONGEST:
        raise InputError(f"{name} is a text of {len(value)} characters, more than {LONGEST}")
    return value


def names(question: dict[str, Any], name: str) -> list[str]:
    """Return a list of names of the question, empty where it has none."""
    found = parts(question, name)
    if not all(isinstance(one, str) for one in found):
        raise InputError(f"{name} must be a list of names")
    if name in MOST and any(len(one) > LONGEST for one in found):
        raise InputError(f"{name} holds a name of more than {LONGEST} characters")
    return found


def parts(question: dict[str, Any], name: str) -> list[Any]:
    """Return a list of the question, empty where it has none."""
    value = question.get(name) or []
    if not isinstance(value, list):
        raise InputError(f"{name} must be a list")
    if len(value) > MOST.get(name, LARGEST):
        raise InputError(f"{name} holds {len(value)} conditions, more than {MOST[name]}")
    return value


def row_count(question: dict[str, Any], name: str) -> int:
    """Return a number of rows of the question."""
    value = question.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**53:
        raise InputError(f"{name} must be a number of rows")
    return int(value)


def threshold(value: object) -> float:
    """Return a number that cells are held against."""
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError("a threshold must be a number") from error
    if math.isnan(number):
        raise InputError("a threshold must be a number")
    return number
