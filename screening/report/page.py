"""The page: a RUN folder laid into the templates, with no resource outside the file."""

from __future__ import annotations

import base64
import hashlib
import html
import math
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup

from screening.crystals import FLAGS, families_among
from screening.elements import SYMBOLS
from screening.learn import Model, family_caution
from screening.locations import write_whole
from screening.ranking import SENTENCES, SUBJECTS, cells_of, columns_of
from screening.report import plots, svg, text
from screening.report.bundle import bundle
from screening.report.details import Details
from screening.report.score_plots import calibration_plot, learning_plot
from screening.report.squeeze import squeezed
from screening.report.words import BADGES, CODES, HELD_BACK, LIMITS, MARK_BADGES, MODELS, REFERENCES, SPLITS
from screening.runs import Run, model_scores, ranking_path, read_polymorphs, read_run
from screening.sources import Wanted

REJECTS_SHOWN = 2_000  # rows of the full list; the rest stands in rejected.csv, and the page says so
STABLE_KINDS = 12  # kinds of hole whose ranges are listed
EXAMPLES = 3  # examples per rejection code
PATHS_SHOWN = 10  # inputs named; a shell pattern may have given thousands
# What a page in one file can open of the further polymorphs of a compound, and in all; the others are named.
POLYMORPHS_SHOWN, MOST_POLYMORPHS = 3, 300
WITHOUT_SCRIPT = 50  # rows in the table for readers whose scripts are switched off


def write_report(
    run_dir: Path, *, top: int, tell: Callable[[int, int], None] = lambda *_: None, model: Model | None = None
) -> Path:
    """Return the path of report.html, written into `run_dir` from the files of a finished run.

    Parameters
    ----------
    run_dir
        Folder with ranking.csv (or .parquet), rejected.csv, model/, explanation/, run.json and features.zarr.
    top
        Number of candidates shown, at least 1.
    tell
        Hears how many candidates are drawn, and of how many.
    model
        That of the run, where it is at hand; read from the folder if not.

    Raises
    ------
    InputError
        A file is missing, cannot be read, or does not fit the others.
    StoreError
        The feature store is unfinished or damaged.
    """
    run = read_run(run_dir, top=top)
    ids = list(run.ranking["id"])
    folded = read_polymorphs(ranking_path(run_dir), ids, each=POLYMORPHS_SHOWN, most=MOST_POLYMORPHS, skip=len(ids))
    listed, kept = embedded(run, Details(run_dir, run.record, model=model), folded=folded, tell=tell)
    page = render(run, listed, kept=kept)
    path = run_dir / "report.html"
    write_whole(path, page.encode())
    return path


def render(run: Run, listed: dict[str, Any], *, kept: dict[str, Any] | None) -> str:
    """Return the page as text; without `kept`, the page asks the program that serves it for details."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("screening.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(formula=text.formula, power=text.power, number=text.number, count=_count)
    style = _template("report.css") + svg.STYLE
    script = bundle("main")
    shown = run.rejected.head(REJECTS_SHOWN)
    return environment.get_template("report.html.j2").render(
        run=run,
        record=run.record,
        counts=run.record.counts,
        paths=run.record.crystals[:PATHS_SHOWN],
        n_more_paths=max(0, len(run.record.crystals) - PATHS_SHOWN),
        interval=interval_words(run),
        first=_records(run.ranking.head(WITHOUT_SCRIPT)),
        n_shown=len(run.ranking) if kept is not None else run.n_ranked,
        headline=headline(run),
        ion=ion(run),
        target=text.level(target(run)),
        scores=model_scores(run.scores),
        coverage=run.scores.get("interval", {}).get("coverage"),
        held_back=[(HELD_BACK.get(name, name).rstrip("."), n) for name, n in run.record.held_back.items()],
        caution=family_caution(run.scores),
        left_out=run.scores.get("splits_left_out", {}),
        checks=checks(run.scores),
        throughput=throughput(run),
        stability=_stability(run),
        models=MODELS,
        splits=SPLITS,
        scatter=plots.scatter_plot(run.folds, "curves"),
        calibration=calibration_plot(run.folds, "curves"),
        learning=learning_plot(run.scores.get("learning_curve") or []),
        kinds=plots.kinds_plot(run.kinds),
        beeswarm=plots.beeswarm_plot(run.kinds, run.beeswarm),
        codes=_codes(run.rejected),
        rejects=shown.to_dict("records"),
        settings=settings_rows(run.record.config),
        limits=LIMITS,
        references=REFERENCES,
        style=Markup(style),  # noqa: S704 - our own file
        script=Markup(script),  # noqa: S704 - our own file
        style_hash=_csp_hash(style),
        script_hash=_csp_hash(script),
        data=text.embedded_json(listed),
        kept=None if kept is None else text.embedded_json(kept),
        connect="" if kept is not None else "; connect-src 'self'",
    )


def page_policy(page: str) -> str:
    """Return the Content-Security-Policy that a page states for itself."""
    return html.unescape(page.split('http-equiv="Content-Security-Policy" content="', 1)[1].split('"', 1)[0])


def list_data(run: Run, details: Details) -> dict[str, Any]:
    """Return what the list and all details are drawn from, without the rows themselves."""
    columns = columns_of(run.ranking)
    return {
        "key": run_key(run),
        "n": run.n_ranked,
        "interval": interval_words(run),
        "target": target(run),
        "elements": list(SYMBOLS),
        "badges": BADGES,
        "held_back": HELD_BACK,
        "marks": SENTENCES,
        "mark_badges": MARK_BADGES,
        "caution": family_caution(run.scores),
        "flags": {name: [flag.kind.value, flag.sentence] for name, flag in FLAGS.items()},
        "families": families_among(run.ranking["family"]),
        "properties": [name for name in run.record.properties.get("columns", []) if name in run.ranking.columns],
        "columns": [{"name": one.name, "kind": one.kind, "label": one.label} for one in columns],
        **details.shared(),
    }


def embedded(
    run: Run,
    details: Details,
    *,
    folded: pd.DataFrame | None = None,
    tell: Callable[[int, int], None] = lambda *_: None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the data of a page in one file: the list, and by place and id the squeezed details.

    `folded` are further rows, polymorphs of those shown, which the details of these open.
    """
    ranking = run.ranking
    if folded is not None and len(folded):
        ranking = pd.concat([ranking, folded], ignore_index=True)
    wanted = [
        Wanted(str(id), str(source), str(formula))
        for id, source, formula in zip(ranking["id"], ranking["source"], ranking["formula"], strict=True)
    ]
    shared = list_data(run, details)
    nearest = sorted(set(ranking["nearest"]) & set(shared["known"]))
    shared["known"] = {id: shared["known"][id] for id in sorted({*nearest, *wanted_known(ranking, shared["known"])})}
    duplicates = {id: details.duplicates[id] for id in ranking["id"] if id in details.duplicates}
    rows = cells_of(ranking, columns_of(ranking))
    listed = {**shared, "mode": "embedded", "first": len(run.ranking), "duplicates": duplicates, "rows": rows}
    kept = {
        "of": details.squeezed_of(wanted, tell=tell),
        "known": {id: squeezed(details.known_curves(id)) for id in nearest},
    }
    return listed, kept


def wanted_known(ranking: pd.DataFrame, known: dict[str, Any]) -> set[str]:
    """Return which training crystals the rows themselves are."""
    return {str(id) for id in ranking["id"]} & set(known)


def run_key(run: Run) -> str:
    """Return a name of the run's inputs, under which a browser keeps the shortlist."""
    return f"{run.record.inputs_sha256[:16]}-{run.record.seed}"


def target(run: Run) -> float:
    """Return the log10 conductivity whose chance is told."""
    return float(run.record.section("rank").get("target", -4.0))


def ion(run: Run) -> str:
    """Return the name of the mobile ion, ``lithium``."""
    symbol = str(run.record.section("cloud").get("mobile_ion", "Li"))
    return SUBJECTS.get(symbol, (symbol, ""))[0]


def interval_words(run: Run) -> str:
    """Return the nominal coverage of the intervals, e.g. ``80 %``."""
    return f"{interval(run):.0%}".replace("%", " %")


def headline(run: Run) -> list[tuple[str, str, str]]:
    """Return how far the ranking is to be trusted, in a few numbers of crystals left out: (what, how much, beside)."""
    by_model = {row.model: row for row in model_scores(run.scores).get("grouped", [])}
    rows = []
    if "curves" in by_model and not math.isnan(by_model["curves"].mae[0]):
        guess = f"guessing the mean: {text.number(by_model['dummy'].mae[0], 1)}" if "dummy" in by_model else ""
        rows.append(("typical error", f"{by_model['curves'].mae[0]:.1f} powers of ten", guess))
        rows.append(("order, Spearman's ρ", text.number(by_model["curves"].spearman[0]), "1 is perfect, 0 is chance"))
    coverage = run.scores.get("interval", {}).get("coverage")
    if coverage is not None:
        rows.append((f"{interval_words(run)} interval held", f"{100 * coverage:.0f} %", "of crystals left out"))
    return rows


def checks(scores: dict[str, Any]) -> list[str]:
    """Return one sentence for each check that the scores hold: shuffled labels, learning curve, early recognition."""
    lines: list[str] = []
    shuffled = scores.get("y_randomisation") or {}
    if shuffled.get("r2") is not None:
        verdict = "nothing leaks between folds" if shuffled["r2_highest"] < 0.1 else "distrust the scores"
        lines.append(
            f"With labels shuffled among groups R² is {text.number(shuffled['r2'])}, at most "
            f"{text.number(shuffled['r2_highest'])} in "
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
                f"Good conductors ({text.level(row['threshold'])} S/cm or more, {row['n_good']:.0f} of "
                f"{row['n']:.0f}) among crystals left out: {found}; BEDROC {row['bedroc']:.2f}."
            )
    apart = (scores.get("headline") or {}).get("family")
    if apart is not None and apart.get("mae") is not None and apart.get("mae_of_mean") is not None:
        beaten = "smaller than" if apart["beats_mean"] else "not smaller than"
        worse = [f"{one['family']} ({one['n']})" for one in apart.get("families", []) if not one["beats_mean"]]
        among = f"; it is not smaller in {', '.join(worse)}" if worse else ""
        lines.append(
            f"With whole families left out the error is {apart['mae']:.2f}, {beaten} that of the mean of the training "
            f"values, {apart['mae_of_mean']:.2f}{among}."
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


def throughput(run: Run) -> list[tuple[str, str]]:
    """Return what the run took, as (stage, words); empty where run.json does not say."""
    seconds: dict[str, float] = run.record.seconds
    # The page's own time is known only after it is written: the same RUN gives the same page.
    stages = [(stage, taken) for stage, taken in seconds.items() if stage != "report"]
    rows = [(stage, f"{taken:.0f} s" if taken >= 10 else f"{taken:.1f} s") for stage, taken in stages]
    new = run.record.counts.featurized - run.record.counts.resumed
    if seconds.get("featurize", 0.0) > 0 and new > 0:
        rows.append(("described", f"{new / seconds['featurize']:.0f} crystals per second"))
    return rows


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
    return float(run.record.section("learn").get("interval", 0.8))


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
