"""What a model says of itself, and the crystals it was trained on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, SerializerFunctionWrapHandler, model_serializer

from screening.config import FeatureSettings
from screening.crystals import BoolArray, FloatArray, IntArray
from screening.learn.labels import ObjectArray

SECTIONS = ("cloud", "homology", "curves")  # settings that decide what a column means


class TrainedBy(BaseModel):
    """What grew the trees."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    device_type: Literal["cpu", "gpu", "cuda"]  # LightGBM's learner
    lightgbm: str = Field(max_length=64)  # version


class KernelHeader(BaseModel):
    """What model.json says of kernels: how columns are scaled, and what is added."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    crystals: int = Field(ge=1, le=20_000)  # rows of the Parquet file
    used: tuple[int, ...] = Field(max_length=1_000_000)  # columns, rising
    fill: tuple[FiniteFloat, ...]  # for values that were not computed
    mean: tuple[FiniteFloat, ...]
    spread: tuple[FiniteFloat, ...]
    ridge_base: FiniteFloat  # log10 S/cm
    process_base: FiniteFloat
    scale: FiniteFloat = Field(gt=0)  # log units
    noise: FiniteFloat | None = Field(None, gt=0)  # over the scale's square; None of format 2, where it was 0.1

    @model_serializer(mode="wrap")
    def _as_its_format_has_it(self, written: SerializerFunctionWrapHandler) -> dict[str, Any]:
        said: dict[str, Any] = written(self)
        if self.noise is None:
            del said["noise"]
        return said


class ModelHeader(BaseModel):
    """What model.json says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["screening-model"] = "screening-model"
    format_version: Literal[1, 2, 3] = 1  # 2 = with kernels, and others of the composition; 3 = these say their noise
    features_hash: str = Field(max_length=128)
    features_version: int = 1  # 1 = written before it was stated
    features_config: dict[str, Any]
    engine: str = Field(max_length=64)
    learn: dict[str, Any]
    learner: TrainedBy | None = None  # None = written before this was told
    seed: int
    base: FiniteFloat  # added to the boosters' mean, log10 S/cm
    boosters: int = Field(ge=1, le=1000)
    interval_edges: tuple[FiniteFloat, ...]  # between bands of predictions, log10 S/cm
    interval_lower: tuple[FiniteFloat, ...] = Field(min_length=1)  # by band, added to the mean, log units
    interval_upper: tuple[FiniteFloat, ...]
    residual_quantiles: tuple[tuple[FiniteFloat, ...], ...] = ()  # by band; none = written before they were kept
    elements: tuple[str, ...]  # that occur in training
    columns: tuple[str, ...] = Field(min_length=1, max_length=1_000_000)
    band: float = Field(0.0, ge=0)  # width of the radius bands that the trees see, Å; 0 = the columns themselves
    normalised: bool = False  # intervals and residuals are in units of the process' deviation
    kernels: KernelHeader | None = None  # of the curves; none in format 1
    composition_kernels: KernelHeader | None = None  # of the composition alone
    distance_kernels: KernelHeader | None = None  # of the distances between sublattices; none where the store had none
    distances: int = Field(0, ge=0, le=10_000)  # columns of these
    made: int = 0  # compounds without a crystal that it was trained on beside the crystals
    told: int = 0  # compositions without a crystal that the composition was learned from beside the crystals

    @property
    def settings(self) -> FeatureSettings:
        """The settings that its features were computed with."""
        return FeatureSettings.model_validate(self.features_config)


@dataclass(frozen=True, slots=True, eq=False)
class Training:
    """The crystals a model was trained on, in order of id."""

    ids: ObjectArray  # (n,) str
    log_sigma: FloatArray  # (n,) log10 S/cm, or the bound
    is_bound: BoolArray  # (n,)
    group: IntArray  # (n,) crystals that were never parted
    formula: ObjectArray  # (n,) str
    publication: ObjectArray  # (n,) str
    features: NDArray[np.float32]  # (n, n_columns)


FACTS = ("id", "log_sigma", "is_bound", "group", "formula", "publication")
