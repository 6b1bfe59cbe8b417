"""The page: a RUN folder laid into the templates, with no resource outside the file."""

from __future__ import annotations

import base64
import hashlib
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pandas as pd
from markupsafe import Markup

from screening.report import curves as packing
from screening.report import plots, svg, text
from screening.report.run import FLAG, NUMBER, Run, find_rows, model_scores, read_run, read_training
from screening.report.words import BADGES, CODES, CURVES, HELD_BACK, LIMITS, MODELS, REFERENCES, SPLITS

REJECTS_SHOWN = 2_000  # rows of the full list; the rest stands in rejected.csv, and the page says so
STABLE_KINDS = 12  # kinds of hole whose ranges are listed
EXAMPLES = 3  # examples per rejection code
PATHS_SHOWN = 10  # inputs named; a shell pattern may have given thousands
SCRIPTS = ("table.js", "curves.js")


def write_report(run_dir: Path, *, top: int) -> Path:
    """Return the path of report.html, written into `run_dir` from the files of a finished run.

    Parameters
    ----------
    run_dir
        Folder with ranking.csv (or .parquet), rejected.csv, model/, explanation/, run.json and features.zarr.
    top
        Number of candidates shown, at least 1.

    Raises
    ------
    InputError
        A file is missing, cannot be read, or does not fit the others.
    StoreError
        The feature store is unfinished or damaged.
    """
    run = read_run(run_dir, top=top)
    page = render(run, detail_data(run_dir, run))
    target = run_dir / "report.html"
    temporary = target.with_suffix(".html.new")
    temporary.write_text(page, encoding="utf-8", newline="\n")
    temporary.replace(target)
    return target


def render(run: Run, detail: dict[str, Any]) -> str:
    """Return the page as text."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("screening.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(formula=text.formula, power=text.power, number=text.number, count=_count)
    style = _template("report.css") + svg.STYLE
    script = "".join(_template(name) for name in SCRIPTS)
    shown = run.rejected.head(REJECTS_SHOWN)
    return environment.get_template("report.html.j2").render(
        run=run,
        record=run.record,
        counts=run.record["counts"],
        paths=run.record["crystals"][:PATHS_SHOWN],
        n_more_paths=max(0, len(run.record["crystals"]) - PATHS_SHOWN),
        interval=f"{interval(run):.0%}".replace("%", " %"),
        rows=[_row(row) for row in _records(run.ranking)],
        bounds=set(detail["bounds"]),
        scores=model_scores(run.scores),
        coverage=run.scores.get("interval", {}).get("coverage"),
        left_out=run.scores.get("splits_left_out", {}),
        checks=checks(run.scores),
        target=float(run.record.get("config", {}).get("rank", {}).get("target", -4.0)),
        stability=_stability(run),
        models=MODELS,
        splits=SPLITS,
        scatter=plots.scatter_plot(run.folds, "curves"),
        kinds=plots.kinds_plot(run.kinds),
        beeswarm=plots.beeswarm_plot(run.kinds, run.beeswarm),
        codes=_codes(run.rejected),
        rejects=shown.to_dict("records"),
        settings=settings_rows(run.record.get("config", {})),
        limits=LIMITS,
        references=REFERENCES,
        style=Markup(style),  # noqa: S704 - our own file
        script=Markup(script),  # noqa: S704 - our own file
        style_hash=_csp_hash(style),
        script_hash=_csp_hash(script),
        data=text.embedded_json(detail),
    )


def detail_data(run_dir: Path, run: Run) -> dict[str, Any]:
    """Return what the script draws from: ranking cells, facts and packed curves of candidates and their neighbours."""
    ranking = run.ranking
    table = find_rows(run_dir / "features.zarr", ranking["id"].tolist())
    curves = packing.find_curves(table.columns)
    training = read_training(run_dir / "model")
    known = packing.training_features(training, curves, table.columns)
    nearest = sorted(set(ranking["nearest"]) & set(training["id"]))
    places = [int(np.flatnonzero(training["id"] == id)[0]) for id in nearest]
    facts = table.facts[["n_sites", "volume", "spacegroup"]].to_dict("records")
    return {
        "columns": ["rank", *(name for name in ranking.columns if name != "rank")],
        "text": [name for name in ranking.columns if name not in (*NUMBER, *FLAG, "rank", "chance", "duplicates")],
        "rows": [_cells(row) for row in _records(ranking)],
        "facts": [[int(fact["n_sites"]), f"{fact['volume']:.1f}", int(fact["spacegroup"])] for fact in facts],
        "curves": [
            {
                "channel": curve.channel,
                "name": CURVES.get(curve.name, curve.name),
                "kind": curve.name[:-1],
                "radii": [round(radius, 4) for radius in curve.radii.tolist()],
            }
            for curve in curves
        ],
        "bounds": sorted(training["id"][training["is_bound"].astype(bool)]),
        "band": packing.band(curves, known),
        "of": packing.pack_rows(curves, table.features),
        "nearest": dict(zip(nearest, packing.pack_rows(curves, known[places]), strict=True)),
    }


def checks(scores: dict[str, Any]) -> list[str]:
    """Return one sentence for each check that the scores hold: shuffled labels, learning curve, early recognition."""
    lines: list[str] = []
    shuffled = scores.get("y_randomisation") or {}
    if shuffled.get("r2") is not None:
        verdict = "nothing leaks between folds" if shuffled["r2_highest"] < 0.1 else "distrust the scores"
        lines.append(
            f"With labels shuffled among groups R² is {shuffled['r2']:.2f}, at most {shuffled['r2_highest']:.2f} in "
            f"{shuffled['repeats']} shuffles: {verdict}."
        )
    curve = [row for row in scores.get("learning_curve") or [] if row.get("mae") is not None]
    if curve:
        told = ", ".join(f"{row['mae']:.2f} from {row['n_training']:.0f} crystals" for row in curve)
        lines.append(f"Mean absolute error by what it learned from, grouped folds: {told}.")
    for row in scores.get("splits", {}).get("grouped", {}).get("curves", {}).get("screening", []):
        if row.get("bedroc") is not None:
            found = ", ".join(f"{row[f'ef_{share}']:.1f} × chance in the first {share} %" for share in (1, 5, 10))
            lines.append(
                f"Good conductors (10^{row['threshold']:g} S/cm or more, {row['n_good']:.0f} of {row['n']:.0f}) among "
                f"crystals left out: {found}; BEDROC {row['bedroc']:.2f}."
            )
    width = scores.get("interval", {}).get("median_width")
    if width is not None:
        lines.append(
            f"Intervals come from errors on crystals left out by {scores['interval'].get('by', 'group')}; their median "
            f"width is {width:.1f} powers of ten."
        )
    return lines


def _stability(run: Run) -> list[dict[str, Any]]:
    """Return the first kinds of hole with the range of their share and place over resamples, in words."""
    words = dict(zip(run.kinds["kind"], run.kinds["words"], strict=True))
    return [
        {
            "words": words.get(row["name"], row["name"]),
            "share": f"{100 * row['share']:.1f} %",
            "shares": f"{100 * row['share_low']:.1f} to {100 * row['share_high']:.1f} %",
            "places": f"{row['rank_low']:.0f} to {row['rank_high']:.0f}",
        }
        for row in _records(run.stability.head(STABLE_KINDS))
    ]


def settings_rows(config: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Return nested settings as (dotted key, value) lines."""
    rows: list[tuple[str, str]] = []
    for key, value in config.items():
        if isinstance(value, dict):
            rows += settings_rows(value, f"{prefix}{key}.")
        else:
            shown = (
                ", ".join(map(str, value)) if isinstance(value, list) else "not set" if value is None else str(value)
            )
            rows.append((f"{prefix}{key}", shown))
    return rows


def interval(run: Run) -> float:
    """Return the nominal coverage of the intervals, as the run was told."""
    return float(run.record.get("config", {}).get("learn", {}).get("interval", 0.8))


def _row(row: dict[str, Any]) -> dict[str, Any]:
    badges = ["out-of-fold prediction"] if row.get("prediction_kind") == "out-of-fold" else []
    badges += [words for name, words in BADGES.items() if row[name]]
    badges += [f"held back: {HELD_BACK.get(why, why)}" for why in str(row["held_back"]).split(";") if why]
    if row["elements_unseen"]:
        badges.append(f"not in training: {row['elements_unseen'].replace(';', ', ')}")
    return {**row, "badges": badges, "elements": " ".join(text.elements(row["formula"]))}


def _cells(row: dict[str, Any]) -> list[str | int | float | bool | None]:
    """Return a ranking row for JSON: an empty number is null, an infinite one (a distance) the word for it."""
    cells: list[str | int | float | bool | None] = []
    for name, value in row.items():
        if name in NUMBER or name == "chance":
            if np.isinf(value):
                cells.append("Infinity" if value > 0 else "-Infinity")
            else:
                cells.append(None if np.isnan(value) else float(f"{value:.6g}"))
        elif name in FLAG:
            cells.append(bool(value))
        else:
            cells.append(int(value) if name == "rank" else str(value))
    return cells


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def _codes(rejected: pd.DataFrame) -> list[dict[str, Any]]:
    """Return rejection codes by falling count, with their meaning and the first examples of each."""
    groups = [
        {
            "code": code,
            "words": CODES.get(str(code), ""),
            "count": len(group),
            "examples": group.head(EXAMPLES).to_dict("records"),
        }
        for code, group in rejected.groupby("code", sort=True)
    ]
    return sorted(groups, key=lambda group: -int(group["count"]))


def _count(value: int) -> str:
    return f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def _template(name: str) -> str:
    return resources.files("screening.report").joinpath("templates", name).read_text(encoding="utf-8")


def _csp_hash(content: str) -> str:
    digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode("ascii")
    return f"'sha256-{digest}'"
