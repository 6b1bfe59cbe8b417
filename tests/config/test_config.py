"""Settings: what is read is what is printed, mistakes are named."""

from __future__ import annotations

import tomllib
from pathlib import Path

import paths
import pytest

from screening.config import Config, as_toml, read_config
from screening.errors import ConfigError

CONFIGS = sorted(paths.CONFIGS.glob("*.toml"))


def test_printed_settings_read_back_as_themselves(tmp_path: Path) -> None:
    config = read_config(None, {"seed": 7, "cloud": {"mobile_ion": "Na"}, "curves": {"step": 0.25}})
    path = tmp_path / "config.toml"
    path.write_text(as_toml(config))
    assert read_config(path) == config
    assert config.cloud.mobile_ion == "Na"


def test_every_setting_is_explained() -> None:
    printed = as_toml(Config())
    assert tomllib.loads(printed)["learn"]["folds"] == 5
    for line in printed.splitlines():
        assert line != "# None"


@pytest.mark.parametrize(
    ("overrides", "named"),
    [
        ({"cloud": {"mobile_ion": "Q"}}, "cloud"),
        ({"cloud": {"channels": ["mobile", "mobile"]}}, "channels"),
        ({"curves": {"step": -1}}, "curves.step"),
        ({"curves": {"stepp": 1}}, "curves.stepp"),
        ({"homology": {"r_max": {"mobile": 5.0}}}, "r_max"),
        ({"seed": "x"}, "seed"),
        ({"rank": {"target": float("nan")}}, "rank.target"),
        ({"rank": {"target": float("-inf")}}, "rank.target"),
    ],
)
def test_a_mistake_is_named(overrides: dict[str, object], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        read_config(None, overrides)


def test_missing_and_broken_files(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read"):
        read_config(tmp_path / "none.toml")
    broken = tmp_path / "broken.toml"
    broken.write_text("seed = = 1")
    with pytest.raises(ConfigError, match="not TOML"):
        read_config(broken)


def test_only_settings_that_change_features_change_their_hash() -> None:
    base = Config()
    assert (
        read_config(None, {"seed": 3, "learn": {"trees": 9}, "cluster": {"workers": 1}}).features_hash()
        == base.features_hash()
    )
    for change in ({"curves": {"step": 0.2}}, {"homology": {"engine": "supercell"}}, {"cloud": {"merge_mobile": 0.9}}):
        assert read_config(None, change).features_hash() != base.features_hash()


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_shipped_configs_are_valid(path: Path) -> None:
    assert isinstance(read_config(path), Config)


def test_the_gpu_node_computes_with_the_exact_engine_whatever_the_default_is() -> None:
    path = paths.CONFIGS / "overnight-gpu.toml"
    written = tomllib.loads(path.read_text())
    assert (written["device"], written["homology"]["engine"]) == ("cuda", "periodic")


@pytest.mark.parametrize("learner", ["auto", "cpu", "gpu", "cuda"])
def test_a_learner_is_named_and_changes_no_features(learner: str) -> None:
    config = read_config(None, {"learn": {"learner": learner}})
    assert config.learn.learner == learner
    assert config.features_hash() == Config().features_hash()
    with pytest.raises(ConfigError, match="learner"):
        read_config(None, {"learn": {"learner": "tpu"}})
