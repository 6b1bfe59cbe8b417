"""A notebook to start from: it loads a RUN, shows its first rows, plots them, and opens one candidate."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd

from screening.errors import InputError

ROWS = 10  # shown at first


def start_notebook(address: str, frame: pd.DataFrame, *, listed: bool = False) -> bytes:
    """Return a notebook (nbformat 4.5, JSON in UTF-8) about the candidates in `frame`, not run yet.

    What comes from outside stands in it as Python literals in ASCII, in code cells, and is neither run nor rendered.

    Parameters
    ----------
    address
        Of the RUN.
    frame
        Rows of its ranking, at least one; the first is the candidate that is opened.
    listed
        Whether they were chosen by id, and are not simply the first.

    Raises
    ------
    InputError
        There is no row.
    """
    if frame.empty:
        raise InputError("there is no candidate to open in a notebook")
    ids = [str(id) for id in frame["id"]]
    chosen = f"ids = {_literal(ids)}\n" if listed else ""
    rows = 'run.ranking[run.ranking["id"].isin(ids)]' if listed else f"run.ranking.head({len(ids)})"
    cells = [
        (
            "markdown",
            "# Candidates of a run\n\n"
            "Change the path if the folder of the run has moved; `screening.load` reads a folder of this computer.",
        ),
        (
            "code",
            "import matplotlib.pyplot as plt\nimport numpy as np\n\nimport screening\n\n"
            f"RUN = {_literal(address)}\nrun = screening.load(RUN)\nrun",
        ),
        ("markdown", "## The first rows\n\nPredictions and their intervals are log10 of S/cm at room temperature."),
        (
            "code",
            f'{chosen}shown = {rows}\nshown[["rank", "formula", "id", "prediction", "lower", "upper", '
            f'"distance", "nearest_formula"]].head({ROWS})',
        ),
        (
            "markdown",
            "## Predicted conductivity against novelty\n\n"
            "The distance is to the nearest training crystal. Beyond 1, the edge of the domain, they are guesses.",
        ),
        (
            "code",
            "figure, axes = plt.subplots()\n"
            'sure = np.array([shown["prediction"] - shown["lower"], shown["upper"] - shown["prediction"]]).clip(0)\n'
            'axes.errorbar(shown["distance"], shown["prediction"], yerr=sure, fmt="o", ms=3, lw=0.4)\n'
            'axes.axvline(1, color="gray", ls="--")\n'
            'axes.set(xlabel="distance to the nearest training crystal", ylabel="log10 of predicted σ (S/cm)");',
        ),
        ("markdown", "## One candidate\n\nIts facts, the reasons for its prediction, and its structure."),
        ("code", f"candidate = run.candidate({_literal(ids[0])})\ncandidate"),
        ("code", "candidate.reasons()"),
        ("code", "candidate.structure  # of pymatgen; read again from where the run found it"),
    ]
    notebook = {
        "cells": [_cell(place, kind, text) for place, (kind, text) in enumerate(cells)],
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return (json.dumps(notebook, ensure_ascii=False, indent=1) + "\n").encode()


def _cell(place: int, kind: str, text: str) -> dict[str, Any]:
    lines = text.splitlines(keepends=True)
    cell: dict[str, Any] = {"cell_type": kind, "id": f"cell-{place:02d}", "metadata": {}, "source": lines}
    return {**cell, "execution_count": None, "outputs": []} if kind == "code" else cell


def _literal(value: str | list[str]) -> str:
    """Return a Python literal in ASCII: nothing in it ends the string, breaks the line or turns the reading order."""
    return ascii(value)
