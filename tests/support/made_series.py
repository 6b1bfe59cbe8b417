"""A table of series in a RUN of `made_run`."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from screening.runs import SERIES_COLUMNS, SERIES_FOLDER, ranking_path, read_ranking, series_file


def write_series_table(run: Path, *, rank: int = 3, changes: dict[str, str] | None = None) -> Path:
    """Write two series of the candidate with this rank, the second without intervals; return the path of the table."""
    row = read_ranking(ranking_path(run)).set_index("rank").loc[rank]
    first: dict[str, str] = {"id": str(row["id"]), "formula": str(row["formula"])}
    rows = [dict.fromkeys(SERIES_COLUMNS, "0") | first]
    for x in ("0.05", "0.1"):
        silicon = {"dopant": "Si4+", "site": "P(4)", "balance": "interstitials", "new_sites": "true"}
        silicon |= {"delta": f"{4 * float(x):g}", "lower": f"{4 * float(x) - 1:g}", "upper": f"{4 * float(x) + 1:g}"}
        chlorine = {"dopant": "<b>Cl1-</b>", "site": "S(0)", "balance": "vacancies", "delta": f"-{x}"}
        chlorine |= {"lower": "", "upper": "", "composition_delta": ""}
        rows += [
            dict.fromkeys(SERIES_COLUMNS, "0")
            | {"id": f"v{x}", "formula": "Li3.1Si0.1P0.9S4", "x": x, "composition_delta": f"{2 * float(x):g}"}
            | one
            for one in (silicon, chlorine)
        ]
    frame = pd.DataFrame(rows, columns=list(SERIES_COLUMNS))
    frame["parent"] = row["id"]
    frame["charge_kept"] = "true"
    frame["new_sites"] = frame["new_sites"].replace("0", "false")
    for name, value in (changes or {}).items():
        frame[name] = value
    path = run / SERIES_FOLDER / series_file(str(row["id"]))
    path.parent.mkdir(exist_ok=True)
    frame.to_csv(path, index=False, lineterminator="\n")
    return path
