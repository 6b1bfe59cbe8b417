"""The notebook to start from: sound, safe whatever ids and paths hold, and it runs."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pandas as pd
import pytest
from finished import Finished
from made_run import HOSTILE, make_run
from matplotlib import pyplot as plt

from screening.errors import InputError
from screening.report.export import chosen, export_candidates
from screening.report.start import start_notebook


def code_of(data: bytes) -> list[str]:
    return ["".join(cell["source"]) for cell in json.loads(data)["cells"] if cell["cell_type"] == "code"]


def literals(data: bytes) -> set[object]:
    nodes = [node for code in code_of(data) for node in ast.walk(ast.parse(code))]
    return {node.value for node in nodes if isinstance(node, ast.Constant)}


def test_it_is_a_sound_notebook_and_the_same_again(finished_run: Finished, tmp_path: Path) -> None:
    nbformat = pytest.importorskip("nbformat", reason="no nbformat here: notebooks are not validated")
    for name in ("a.ipynb", "b.ipynb"):
        assert export_candidates(finished_run.run, tmp_path / name).rows == 12
    assert (tmp_path / "a.ipynb").read_bytes() == (tmp_path / "b.ipynb").read_bytes()
    nbformat.validate(nbformat.read(tmp_path / "a.ipynb", as_version=4))


@pytest.mark.parametrize("listed", [False, True])
def test_its_cells_run(finished_run: Finished, tmp_path: Path, listed: bool) -> None:
    ids = chosen(finished_run.run, top=None, ids=None)["id"].tolist()[2:5] if listed else None
    export_candidates(finished_run.run, tmp_path / "a.ipynb", ids=ids)
    space: dict[str, object] = {}
    for code in code_of((tmp_path / "a.ipynb").read_bytes()):
        exec(compile(code, "cell", "exec"), space)
    plt.close("all")
    shown, candidate = space["shown"], space["candidate"]
    expected = ids or chosen(finished_run.run, top=None, ids=None)["id"].tolist()
    assert shown["id"].tolist() == expected  # type: ignore[index]
    assert candidate.id == expected[0]  # type: ignore[attr-defined]


def test_ids_and_paths_are_literals_alone(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    frame = chosen(run, top=None, ids=None)
    odd = '\'"""\\\n\u2028\u202e"); raise SystemExit #'
    frame.loc[1, "id"] = odd
    data = start_notebook(odd, frame, listed=True)
    assert {odd, HOSTILE} <= literals(data)
    for node in (node for code in code_of(data) for node in ast.walk(ast.parse(code))):
        assert not isinstance(node, ast.Raise)
    assert all(code.isascii() or "σ" in code for code in code_of(data))
    assert "\u202e" not in data.decode()
    assert HOSTILE not in "".join(
        "".join(cell["source"]) for cell in json.loads(data)["cells"] if cell["cell_type"] == "markdown"
    )


def test_no_candidate_is_refused() -> None:
    with pytest.raises(InputError, match="no candidate"):
        start_notebook("RUN", pd.DataFrame({"id": []}))
