"""A RUN folder as the stages before the report would write it, made in a moment, with hostile names in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from made_crystals import random_crystal

from screening.config import Config, LearnConfig
from screening.crystals.cif import read_cif
from screening.learn.boosting import Rows, fit, parameters
from screening.learn.header import ModelHeader, TrainedBy, Training
from screening.learn.model import Model
from screening.sources.blocks import name_of
from screening.store.store import FeatureStore
from screening.store.tables import FEATURIZED, NUMBERS, REJECTED, ShardRows

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
RADII = [round(0.5 * k, 2) for k in range(1, 13)]
CURVES = ["beta0", "beta1", "beta2", "rank0", "rank1", "rank2", "rank3"]
COLUMNS = [f"{c}/{k}/{r:.2f}" for c in ("Li", "anion") for k in CURVES for r in RADII] + ["Li/number_density"]
FORMULAS = ["Li6PS5Cl", "Li10Ge(PS6)2", "Li7La3Zr2O12", "Li3YCl6", "Li2S", "Li1.3Al0.3Ti1.7(PO4)3", "LiCoO2", "Li3N"]
ODD_FILE = "<img src=x onerror=alert(3)> \u202e\N{GRINNING FACE} it's.cif"
PUBLICATIONS = ("10.1021/jacs.8b10282", "https://doi.org/10.1016/x(1)", "private <b>note</b>", "")
MARKS = "redox:Fe,Mn;full;toxic:Cd;costly:Ge;domain"
RANKING = [
    "rank",
    "id",
    "source",
    "formula",
    "prediction",
    "lower",
    "upper",
    "conductivity",
    "distance",
    "in_domain",
    "nearest",
    "nearest_formula",
    "nearest_measured",
    "measured",
    "disordered",
    "radius_cut",
    "radioactive",
    "toxic",
    "scarce",
    "elements_unseen",
]


def features(n: int) -> np.ndarray:
    """Curves that fall and rise smoothly, each crystal shifted against the others; the first ends early."""
    rng = np.random.default_rng(1)
    values = np.empty((n, len(COLUMNS)), dtype=np.float32)
    for row in range(n):
        shift = 2.0 + 2.0 * rng.random()
        for place, name in enumerate(COLUMNS):
            parts = name.split("/")
            radius = float(parts[2]) if len(parts) == 3 else 1.0
            rising = parts[1] in ("rank3",)
            values[row, place] = 1 / (1 + np.exp((-1 if rising else 1) * 3 * (radius - shift)))
            if row == 0 and radius > 4.0:
                values[row, place] = np.nan
    return values


def make_run(
    run: Path,
    *,
    n: int = 24,
    n_training: int = 12,
    n_rejected: int = 5,
    n_crystals: int = 6,
    columns: list[str] | None = None,
) -> Path:
    """Write a RUN folder as the stages before the report would: crystals 0 .. n_training - 1 are labelled.

    Of the candidates, those of ranks 4 to 3 + n_crystals have a file beside the RUN; those of the others are gone.
    """
    columns = columns or COLUMNS
    run.mkdir(parents=True)
    rng = np.random.default_rng(0)
    ids = [f"c{i:04d}" for i in range(n)]
    formulas = [FORMULAS[i % len(FORMULAS)] for i in range(n)]
    ids[n_training] = HOSTILE
    formulas[n_training] = "Li2<b>S</b>{{7*7}}"
    ids[n_training + 1] = '=HYPERLINK("http://evil.example";"x")'
    sources = [f"folder/{row}.cif" for row in range(n)]
    (run.parent / "crystals").mkdir(exist_ok=True)
    for row in range(n_training + 3, n_training + 3 + n_crystals):
        file = run.parent / "crystals" / (ODD_FILE if row == n_training + 3 else f"{ids[row]}.cif")
        ids[row] = name_of(file.name)
        file.write_text(random_crystal(row), encoding="utf-8")
        limits = Config().input
        formulas[row] = read_cif(file.read_bytes(), id=ids[row], source="", limits=limits).formula
        sources[row] = str(file)
    values = features(n) if columns is COLUMNS else rng.random((n, len(columns))).astype(np.float32)
    make_store(run / "features.zarr", ids=ids, formulas=formulas, values=values, n_rejected=n_rejected, columns=columns)
    make_ranking(run / "ranking.csv", ids=ids, formulas=formulas, n_training=n_training, sources=sources)
    rejected = pd.DataFrame(
        {
            "id": [f"r{i}" for i in range(n_rejected)],
            "source": "a.tar.gz::x.cif",
            "code": [("no-cell", "not-cif")[i % 2] for i in range(n_rejected)],
            "detail": [f"line {i} <i>says</i> nothing" for i in range(n_rejected)],
        }
    )
    rejected.to_csv(run / "rejected.csv", index=False)
    make_model(run / "model", ids=ids[:n_training], formulas=formulas, values=values, columns=columns)
    make_explanation(run / "explanation", ids[:n_training])
    config = Config(seed=7)
    record = {
        "status": "finished",
        "version": "0.1.0",
        "versions": {"screening": "0.1.0", "python": "3.11.0"},
        "crystals": ["candidates.zip", HOSTILE],
        "labels": "labels.csv",
        "engine": "periodic",
        "seed": 7,
        "inputs_sha256": "ab" * 32,
        "counts": {
            "found": n + n_rejected,
            "featurized": n,
            "rejected": n_rejected,
            "labelled": n_training,
            "candidates": n - n_training,
            "ranked": n - n_training,
            "radius_cut": 1,
        },
        "rejected_by_code": {"no-cell": 3},
        "seconds": {"featurize": 1.25},
        "config": config.model_dump(mode="json"),
    }
    (run / "run.json").write_text(json.dumps(record), encoding="utf-8")
    return run


def make_store(
    path: Path, *, ids: list[str], formulas: list[str], values: np.ndarray, n_rejected: int, columns: list[str]
) -> None:
    header = {
        "config": Config().features_config(),
        "features_hash": "00",
        "engine": "periodic",
        "shard_rows": 256,
        "versions": {},
    }
    store = FeatureStore.create(path, columns=columns, channels=["Li"], header=header)
    total = len(ids) + n_rejected
    for shard, begin in enumerate(range(0, total, 256)):
        rows = range(begin, min(begin + 256, total))
        numbers = np.full((len(rows), len(NUMBERS) + 1), 10.0)
        strings = np.full((len(rows), 6), "", dtype=object)
        data = np.full((len(rows), len(columns)), np.nan, dtype=np.float32)
        for place, row in enumerate(rows):
            if row < len(ids):
                numbers[place, 0] = FEATURIZED
                strings[place, :3] = [ids[row], f"folder/{row}.cif", formulas[row]]
                data[place] = values[row]
            else:
                numbers[place, 0] = REJECTED
                strings[place, 4:] = ["no-cell", "x"]
        store.reserve((shard + 1) * 256)
        composition = np.zeros((len(rows), 119), dtype=np.float32)
        part = ShardRows(features=data, composition=composition, numbers=numbers, strings=strings, seconds=0.0)
        store.commit(store.write_shard(shard, part, inputs=""))
    store.finish(total)


def make_ranking(
    path: Path, *, ids: list[str], formulas: list[str], n_training: int, sources: list[str] | None = None
) -> None:
    rows = []
    for rank, row in enumerate(range(n_training, len(ids)), start=1):
        prediction = -2.0 - 0.2 * rank % 7 if rank < 50 else -5.0
        id = ids[row]
        rows.append(
            {
                "rank": rank,
                "id": f"'{id}" if id[0] in "=+-@\t" else id,
                "source": sources[row] if sources else f"folder/{row}.cif",
                "formula": formulas[row],
                "prediction": round(prediction, 4),
                "lower": round(prediction - 1.1, 4),
                "upper": round(prediction + 0.9, 4),
                "conductivity": 10**prediction,
                "distance": round(0.3 + 0.1 * rank, 3),
                "in_domain": 0.3 + 0.1 * rank <= 1,
                "nearest": ids[rank % n_training],
                "nearest_formula": formulas[rank % n_training],
                "nearest_measured": -3.4,
                "measured": "",
                "disordered": rank % 3 == 0,
                "radius_cut": rank == 2,
                "radioactive": False,
                "toxic": rank % 5 == 0,
                "scarce": rank % 4 == 0,
                "elements_unseen": "Xe;Kr" if rank == 3 else "",
            }
        )
    pd.DataFrame(rows, columns=RANKING).to_csv(path, index=False)


def make_model(path: Path, *, ids: list[str], formulas: list[str], values: np.ndarray, columns: list[str]) -> None:
    rng = np.random.default_rng(3)
    measured = np.linspace(-9, -2, len(ids))
    facts = {
        "id": ids,
        "log_sigma": measured,
        "is_bound": [i == 0 for i in range(len(ids))],
        "group": range(len(ids)),
        "formula": formulas[: len(ids)],
        "publication": [PUBLICATIONS[i % len(PUBLICATIONS)] for i in range(len(ids))],
    }
    folds = [
        {
            "repeat": repeat,
            "fold": i % 5,
            "id": id,
            "formula": formulas[i],
            "is_bound": i == 0,
            "measured": measured[i],
            "curves": measured[i] + rng.normal(),
            "conventional": -5.0,
            "dummy": -5.0,
            "nearest": -4.0,
        }
        for repeat in range(2)
        for i, id in enumerate(ids)
    ]
    one = {"r2": 0.61, "r2_fold_spread": 0.08, "mae": 0.97, "mae_fold_spread": 0.1, "spearman": 0.8, "bounds_held": 0.5}
    grouped = {"dummy": {**one, "r2": -0.013, "spearman": None}, "nearest": one, "conventional": one, "curves": one}
    scores = {"n_used": len(ids), "splits": {"grouped": grouped, "random": {"curves": one}}}
    training = Training(
        ids=np.array(ids, dtype=object),
        log_sigma=measured,
        is_bound=np.array(facts["is_bound"]),
        group=np.arange(len(ids)),
        formula=np.array(facts["formula"], dtype=object),
        publication=np.array(facts["publication"], dtype=object),
        features=values[: len(ids)].astype(np.float32),
    )
    rows = Rows(training.features, training.log_sigma, training.is_bound, training.group)
    params = parameters(LearnConfig(min_leaf=1, extra_trees=False), seed=0)
    booster, base = fit(rows, params=params, trees=20)
    header = ModelHeader(
        features_hash="00",
        features_config=Config().features_config(),
        engine="periodic",
        learn=LearnConfig().model_dump(mode="json"),
        learner=TrainedBy(device_type="cpu", lightgbm="4"),
        seed=7,
        base=base,
        boosters=1,
        interval_edges=(),
        interval_lower=(-1.0,),
        interval_upper=(1.0,),
        elements=("Li", "O", "S"),
        columns=tuple(columns),
    )
    Model(
        header=header,
        texts=(booster.model_to_string(),),
        training=training,
        scores={**scores, "interval": {"level": 0.8, "coverage": 0.79}},
        folds=pd.DataFrame(folds),
    ).save(path)


def make_explanation(path: Path, ids: list[str]) -> None:
    path.mkdir()
    rng = np.random.default_rng(2)
    names = [
        ("Li", "beta1", 2.0, 4.0),
        ("anion", "beta2", 3.0, 5.0),
        ("Li", "rank3", 2.0, 3.0),
        ("Li", "number_density", "", ""),
    ]
    kinds: list[dict[str, Any]] = [
        {
            "kind": f"{c}/{k}/{a:g}-{b:g}" if a else f"{c}/{k}",
            "channel": c,
            "curve": k,
            "radius_from": a,
            "radius_to": b,
            "mean_abs_shap": 0.4 / (i + 1),
            "share": 0.48 / (i + 1),
            "direction": (1, -1, 0, 1)[i],
        }
        for i, (c, k, a, b) in enumerate(names)
    ]
    pd.DataFrame(kinds).to_csv(path / "kinds.csv", index=False)
    swarm = [
        {"kind": kind["kind"], "id": id, "shap": rng.normal() * kind["mean_abs_shap"], "value": rng.random()}
        for kind in kinds
        for id in ids
    ]
    pd.DataFrame(swarm).to_csv(path / "beeswarm.csv", index=False)


def family(*, beaten: bool, worse: bool) -> dict[str, object]:
    families = [{"family": "garnet", "n": 38, "beats_mean": not worse}, {"family": "LGPS", "n": 12, "beats_mean": True}]
    return {"headline": {"family": {"mae": 2.0, "mae_of_mean": 2.2, "beats_mean": beaten, "families": families}}}


def with_compounds(run: Path) -> Path:
    """Give a made RUN the columns of now: the last two candidates are polymorphs of the fourth."""
    table = pd.read_csv(run / "ranking.csv", dtype=str, keep_default_na=False)
    n = len(table)
    table["marks"] = [MARKS, *["full"] * (n - 1)]
    table["structure_type"] = ["AB_cF8_225_a_b"] * 5 + ["unknown"] + [""] * (n - 6)
    table["chance"], table["prototype"] = "0.5", "AB-1"
    table["polymorphs"] = ["2" if row == 3 else "0" for row in range(n)]
    table["polymorph_ids"] = [";".join(table["id"].tail(2)) if row == 3 else "" for row in range(n)]
    table["polymorph_of"] = ["" if row < n - 2 else table["id"][3] for row in range(n)]
    table["held_back"] = ["" if row < n - 2 else "polymorph" for row in range(n)]
    table.to_csv(run / "ranking.csv", index=False)
    record = json.loads((run / "run.json").read_text())
    record["held_back"] = {"polymorph": 2, "anion": 1}
    scores = json.loads((run / "model" / "scores.json").read_text()) | family(beaten=True, worse=True)
    record["scores"] = scores
    (run / "model" / "scores.json").write_text(json.dumps(scores))
    (run / "run.json").write_text(json.dumps(record))
    return run
