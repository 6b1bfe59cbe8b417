"""What any change of a booster file leads to, for a child process whose memory is limited. No test by itself."""

from __future__ import annotations

import json
import math
import re
import resource
import shutil
import sys
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from screening.errors import ModelError
from screening.learn.boosting import read_booster
from screening.learn.forest import read_forest
from screening.learn.load import load_model
from screening.learn.trees import Tree, read_trees

MEMORY = 6 * 2**30  # bytes of address space
MARKS = ("\v", "\f", "\x1c", "\x85", "\u2028", "\0", "\r", "\n", "\n\n", " ", "=", "\t", "\ufeff")
WORDS = (
    "-1",
    "0",
    "1",
    "99",
    "-99",
    "2147483648",
    "-2147483649",
    "9" * 25,
    "nan",
    "inf",
    "-inf",
    "1e999",
    "1e300",
    "x",
)


def say(text: str) -> None:
    """Write it at once, so that what came before a crash is known."""
    sys.stdout.write(text)
    sys.stdout.flush()


def limit_memory() -> None:
    """Let this process have no more than `MEMORY`, and leave no core."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def load_all(root: str) -> None:
    """Print what becomes of each model folder below `root`, one line of JSON each."""
    limit_memory()
    for folder in sorted(Path(root).iterdir()):
        say(f"{folder.name} ")
        try:
            model = load_model(folder)
            features = model.training.features[:5]
            model.predict(features)
            model.contributions(features)
        except ModelError as error:
            say(json.dumps(f"refused: {error!s:.300}") + "\n")
        else:
            say(json.dumps("read") + "\n")


def predicted(trees: tuple[Tree, ...], row: NDArray[np.float32]) -> float:
    """Return what the trees say of a row, by the definition."""
    total = 0.0
    for tree in trees:
        node = 0 if len(tree["split_feature"]) else -1
        while node >= 0:
            value = float(row[tree["split_feature"][node]])
            decision = int(tree["decision_type"][node])
            if math.isnan(value) and decision & 8:
                left = bool(decision & 2)
            else:
                left = (0.0 if math.isnan(value) else value) <= tree["threshold"][node]
            node = int(tree["left_child" if left else "right_child"][node])
        total += float(tree["leaf_value"][-1 - node])
    return total


def check(text: str, features: NDArray[np.float32]) -> bool:
    """Return whether a text is refused; where it is not, LightGBM and our kernels say what the checked trees say."""
    n_features = features.shape[1]
    try:
        booster = read_booster(text, n_features=n_features)
    except ModelError:
        return True
    trees = read_trees(text, n_features=n_features).trees
    expected = np.array([predicted(trees, row) for row in features])
    found = np.asarray(booster.predict(features, num_threads=1))
    assert found.tobytes() == expected.tobytes(), (found, expected)
    values = np.asarray(booster.predict(features, pred_contrib=True, num_threads=1))
    assert values.shape == (len(features), n_features + 1)
    forest = read_forest(text, n_features=n_features)
    assert forest.predict(features).tobytes() == expected.tobytes()
    np.testing.assert_array_equal(forest.contributions(features), values)  # NaN where counts do not add up
    return False


@st.composite
def changed(draw: st.DrawFn, text: str) -> str:
    """A booster file with one to three changes."""
    for _ in range(draw(st.integers(1, 3))):
        lines = text.split("\n")
        end = max(2, next((place for place, line in enumerate(lines) if line.startswith("end of trees")), len(lines)))
        here, there = (draw(st.integers(0, min(end, len(lines) - 1))) for _ in range(2))
        what = draw(st.sampled_from(["twice", "gone", "swapped", "copied", "mark", "number", "letter", "cut", "trees"]))
        if what == "twice":
            lines.insert(here, lines[here])
        elif what == "gone":
            del lines[here]
        elif what == "swapped":
            lines[here], lines[there] = lines[there], lines[here]
        elif what == "copied":
            lines[here] = lines[there]
        elif what == "mark":
            place = draw(st.integers(0, len(lines[here])))
            lines[here] = lines[here][:place] + draw(st.sampled_from(MARKS)) + lines[here][place:]
        elif what == "number":
            numbers = list(re.finditer(r"(?<=[= ])[-0-9.e+]+", lines[here]))
            if numbers:
                match = draw(st.sampled_from(numbers))
                word = draw(st.sampled_from(WORDS) | st.integers(-20, 20).map(str) | st.floats().map(repr))
                lines[here] = lines[here][: match.start()] + word + lines[here][match.end() :]
        elif what == "letter" and lines[here]:
            place = draw(st.integers(0, len(lines[here]) - 1))
            lines[here] = lines[here][:place] + chr(draw(st.integers(0, 255))) + lines[here][place + 1 :]
        elif what == "cut":
            lines = lines[:here]
        elif what == "trees":
            lines[here:here] = lines[min(here, there) : max(here, there)]
        text = "\n".join(lines) or "tree"
    return text


def run(path: str, *, examples: int, seed: int) -> None:
    """Check that many changes of the booster in a file, and print how many were refused and how many read."""
    limit_memory()
    sys.setrecursionlimit(1000)
    text = Path(path).read_text(encoding="utf-8")
    n_features = int(re.findall(r"^max_feature_idx=(\d+)$", text, re.MULTILINE)[0]) + 1
    rng = np.random.default_rng(seed)
    features = rng.uniform(-1.0, 10.0, size=(12, n_features)).astype(np.float32)
    features[rng.random(features.shape) < 0.2] = np.nan
    count = {True: 0, False: 0}
    assert not check(text, features)

    @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(changed(text))
    def every_change(one: str) -> None:
        count[check(one, features)] += 1

    every_change()
    say(json.dumps({"refused": count[True], "read": count[False]}))


def damage(source: str, target: str, *, rounds: int, seed: int) -> None:
    """Load a folder with bytes of one file after the other changed; print how many were refused and read."""
    limit_memory()
    rng = np.random.default_rng(seed)
    count = {"refused": 0, "read": 0}
    folder = Path(target)
    shutil.copytree(source, folder)
    for name in ("training.parquet", "folds.csv", "model.json", "scores.json"):
        good = (folder / name).read_bytes()
        for _ in range(rounds):
            data = bytearray(good)
            # Half of them near the end, where a Parquet file keeps its footer.
            begin = 0 if rng.random() < 0.5 else len(data) * 3 // 4
            for place in rng.integers(begin, len(data), size=rng.integers(1, 4)):
                data[place] = rng.integers(0, 256)
            (folder / name).write_bytes(data[: len(data) if rng.random() < 0.8 else rng.integers(0, len(data))])
            try:
                load_model(folder)
            except ModelError:
                count["refused"] += 1
            else:
                count["read"] += 1
        (folder / name).write_bytes(good)
    say(json.dumps(count))
