"""Settings of a run: frozen, validated, hashable, one section per stage, read from one TOML file.

Every field carries its own description; `screening config` prints them as comments.
"""

from screening.config.features import (
    CHANNELS,
    FEATURES_VERSION,
    CloudConfig,
    FeatureSettings,
    HomologyConfig,
    InputLimits,
)
from screening.config.files import as_toml, read_config
from screening.config.learning import Condition, LearnConfig, RankConfig, parsed_conditions
from screening.config.machines import ClusterConfig, KubernetesConfig, MachinesConfig, SlurmConfig
from screening.config.whole import Config

__all__ = [
    "CHANNELS",
    "FEATURES_VERSION",
    "CloudConfig",
    "ClusterConfig",
    "Condition",
    "Config",
    "FeatureSettings",
    "HomologyConfig",
    "InputLimits",
    "KubernetesConfig",
    "LearnConfig",
    "MachinesConfig",
    "RankConfig",
    "SlurmConfig",
    "as_toml",
    "parsed_conditions",
    "read_config",
]
