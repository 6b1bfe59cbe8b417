"""The series of a candidate as the page draws them: one curve of differences over x for each dopant and site."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

DIGITS = 4


def series_shown(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the series of a candidate, those of the largest difference first, ready for JSON.

    ``dopant``, ``site``, ``balance``, ``whole`` (variants fill sites that were not there), and columns of equal length,
    x = 0 first: ``x``, ``formula``, ``delta``, ``lower``, ``upper``, ``composition``; null where a number is not known.

    Parameters
    ----------
    frame
        As `screening.runs.read_series` returns it.
    """
    parent, variants = frame.iloc[[0]], frame.iloc[1:]
    found = []
    for (dopant, site), rows in variants.groupby(["dopant", "site"], sort=True):
        drawn = pd.concat([parent, rows.sort_values("x", kind="stable")])
        found.append(
            {
                "dopant": str(dopant),
                "site": str(site),
                "balance": str(rows["balance"].iloc[0]),
                "whole": bool(rows["new_sites"].any()),
                "formula": [str(text) for text in drawn["formula"]],
                **{name: _numbers(drawn[name]) for name in ("x", "delta", "lower", "upper")},
                "composition": _numbers(drawn["composition_delta"]),
            }
        )
    return sorted(found, key=lambda one: (-max(one["delta"][1:]), one["dopant"], one["site"]))


def _numbers(values: pd.Series[Any]) -> list[float | None]:
    return [None if np.isnan(value) else round(float(value), DIGITS) for value in values]
