"""What a model says of crystals, without a run: for one CIF, or a handful."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from screening.commands.inspect import flags_told
from screening.config import InputLimits
from screening.crystals import Crystal
from screening.errors import Code, Rejection, RejectionError
from screening.learn import Model, predict_structures
from screening.sources import Item, iter_items, read_item

AT_ONCE = 256  # crystals held
DIGITS = 6  # of numbers in JSON


def predictions(
    paths: Sequence[str], model: Model, *, limits: InputLimits, target: float, threads: int
) -> Iterator[dict[str, Any]]:
    """Yield what a model says of each crystal, refused ones too, in listing order.

    Keys: ``id``, then those of `screening.learn.predict_structures`, then ``flags``, name and sentence of each, and
    ``source``. Files passed over have rows of their own, which say so in ``rejected``.

    Raises
    ------
    InputError
        A path does not exist.
    """
    items = iter_items(paths, limits)

    def rows() -> Iterator[dict[str, Any]]:
        while part := list(islice(items, AT_ONCE)):
            read = [_read(item, limits) for item in part]
            table = predict_structures(model, read, target=target, threads=threads)
            for item, one, row in zip(part, read, table.to_dict("records"), strict=True):
                told = {str(name): value for name, value in row.items()}
                flags = flags_told(one) if isinstance(one, Crystal) else []
                yield {"id": item.id, **told, "flags": flags, "source": item.source}

    return rows()


def _read(item: Item, limits: InputLimits) -> Crystal | Rejection:
    if item.rejection is not None:
        return item.rejection
    try:
        return read_item(item, limits)
    except RejectionError as error:
        return Rejection(id=item.id, source=item.source, stage="crystals", code=error.code, detail=error.detail)


def is_crystal(row: dict[str, Any]) -> bool:
    """Return whether a row tells of a crystal, and not of files that were passed over."""
    return not str(row["rejected"]).startswith(f"{Code.PASSED_OVER.value}:")


def prediction_json(row: dict[str, Any]) -> str:
    """Return one line of JSON; what is not known is null."""
    return json.dumps({name: _plain(value) for name, value in row.items()}, ensure_ascii=False, allow_nan=False)


def prediction_lines(row: dict[str, Any], *, level: float) -> list[str]:
    """Return lines of text for a person."""
    if row["rejected"]:
        return [f"{row['id']}: refused, {row['rejected']}", f"  {row['source']}"]
    measured = 10.0 ** float(row["nearest_measured"])
    lines = [
        f"{row['id']}: {row['formula']}",
        f"  conductivity {float(row['conductivity']):.1e} S/cm at room temperature, "
        f"{level:.0%} interval {10.0 ** float(row['lower']):.0e} to {10.0 ** float(row['upper']):.0e}",
        f"  nearest measured {row['nearest_formula']} ({row['nearest']}), {measured:.1e} S/cm, "
        f"at distance {float(row['distance']):.2f} (1 = edge of the domain)",
    ]
    if row["distance"] == 0.0:
        lines.append("  the model learned from this crystal, or one with the same features: the number flatters it")
    if not row["in_domain"]:
        lines.append("  outside of what the model has seen: distrust the number")
    return [*lines, *(f"  {flag['name']}: {flag['sentence']}" for flag in row["flags"])]


def _plain(value: Any) -> Any:
    """Return a cell as JSON has it."""
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None
    return value
