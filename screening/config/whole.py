"""All settings of one run; `Config.features_hash` covers exactly those that change the numbers in a store."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from screening.config.features import (
    CHECKED_BY_INPUTS,
    FEATURES_VERSION,
    CloudConfig,
    CurveConfig,
    HomologyConfig,
    InputLimits,
    StoreConfig,
)
from screening.config.learning import LearnConfig, RankConfig, SecondConfig
from screening.config.machines import ClusterConfig, KubernetesConfig, MachinesConfig, SlurmConfig
from screening.config.section import Section


class Config(Section):
    """All settings of one run."""

    seed: Annotated[int, Field(ge=0)] = Field(0, description="seed of everything random")
    device: Literal["auto", "cuda", "cpu"] = Field(
        "auto", description="auto: a GPU if one answers; cuda: a GPU or an error; cpu; no result depends on it"
    )
    input: InputLimits = InputLimits()
    cloud: CloudConfig = CloudConfig()
    homology: HomologyConfig = HomologyConfig()
    curves: CurveConfig = CurveConfig()
    store: StoreConfig = StoreConfig()
    cluster: ClusterConfig = ClusterConfig()
    slurm: SlurmConfig = SlurmConfig()
    kubernetes: KubernetesConfig = KubernetesConfig()
    machines: MachinesConfig = MachinesConfig()
    learn: LearnConfig = LearnConfig()
    rank: RankConfig = RankConfig()
    second: SecondConfig = SecondConfig()

    @model_validator(mode="after")
    def _radii_cover_channels(self) -> Config:
        missing = [channel for channel in self.cloud.channels if channel not in self.homology.r_max]
        if missing:
            raise ValueError(f"homology.r_max has no radius for channel {', '.join(missing)}")
        return self

    def features_config(self) -> dict[str, Any]:
        """Return the settings that decide the numbers in a feature store, as plain JSON types."""
        sections = self.model_dump(mode="json", include={"input", "cloud", "homology", "curves", "store"})
        for name in CHECKED_BY_INPUTS:
            del sections["input"][name]
        return dict(sections)

    def features_hash(self) -> str:
        """Return the SHA-256 (hex) of `features_config` and the version of the features."""
        settings = {**self.features_config(), "features_version": FEATURES_VERSION}
        return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
