"""Crystals and labels → a leaderboard in a folder: what `screening compare` does."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from screening.cluster import Progress, featurize_all
from screening.config import Config
from screening.host import versions
from screening.learn import Dataset, Labels, join
from screening.learn.compare import CompareOptions, Comparison, compare
from screening.report import leaderboard_lines, write_leaderboard_plot
from screening.store import read_rejections, read_some

ENGINES = ("periodic", "supercell")


def compare_crystals(  # noqa: PLR0913
    crystals: Sequence[str],
    labels: Labels,
    *,
    config: Config,
    options: CompareOptions,
    out: Path,
    engines: Sequence[str] = ENGINES,
    supercell_points: int = 500,
    say: Callable[[str], None] = lambda _: None,
    tell: Callable[[int, int], None] = lambda done, of: None,
) -> Comparison:
    """Return the comparison of learners and feature sets on labelled crystals, written to the folder `out`.

    Features, with the 2-D histogram among them, are computed by each engine into `out`, unless an earlier call left
    them there. The torus of a supercell may hold at most `supercell_points`; beyond, its radius is cut. Everything
    written but the features follows from crystals, labels, settings and seed alone.

    Raises
    ------
    InputError, ModelError, StoreError
        As of `featurize_all` and `compare`.
    """
    out.mkdir(parents=True, exist_ok=True)
    data: dict[str, Dataset] = {}
    for engine in engines:
        chosen = config.model_copy(
            update={
                "homology": config.homology.model_copy(update={"engine": engine, "max_points": supercell_points}),
                "curves": config.curves.model_copy(update={"histogram": True}),
            }
        )
        store = out / f"features-{engine}.zarr"
        say(f"featurizing with engine {engine}")
        featurize_all(crystals, config=chosen, out=store, progress=Progress())
        data[engine] = join(read_some(store, ids=set(labels.ids)), labels, rejections=read_rejections(store))
    say("comparing")
    found = compare(data, options, band=config.learn.band, tell=tell)
    write_comparison(found, out, about=_about(crystals, next(iter(data.values())), options, config=config))
    return found


def write_comparison(found: Comparison, out: Path, *, about: dict[str, Any]) -> None:
    """Write leaderboard.csv, .md and .svg, differences.csv, predictions.csv, settings.csv and compare.json."""
    for name in ("leaderboard", "differences", "predictions", "settings"):
        frame = getattr(found, name)
        frame.to_csv(out / f"{name}.csv", index=False, float_format="%.6g", lineterminator="\n")
    lines = leaderboard_lines(found.leaderboard, found.differences)
    if found.hurried:
        lines += ["", "Searches were cut short by the time budget: another machine may find other settings."]
    (out / "leaderboard.md").write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
    write_leaderboard_plot(found.leaderboard, out / "leaderboard.svg")
    (out / "compare.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8", newline="\n")


def _about(crystals: Sequence[str], data: Dataset, options: CompareOptions, *, config: Config) -> dict[str, Any]:
    told = asdict(options)
    del told["workers"]  # no result depends on it
    return {
        "crystals": list(crystals),
        "n_crystals": len(data),
        "n_bounds": int(data.is_bound.sum()),
        "options": told,
        "band": config.learn.band,
        "versions": versions(),
    }
