"""Settings that decide what a column of features means, and the limits of what is read."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from screening.config.section import PositiveFloat, PositiveInt, Section

# Version of what columns mean beyond their settings. 2: fully occupied neighbours are never merged as a split site.
FEATURES_VERSION = 2

# Settings of [input] that decide which inputs there are: the digests of the inputs tell whether these are the same.
CHECKED_BY_INPUTS = ("max_container_bytes",)
CHANNELS: tuple[str, ...] = ("mobile", "anion", "cation", "framework", "all")


class InputLimits(Section):
    """Limits that keep a hostile file from eating the machine."""

    max_file_bytes: PositiveInt = Field(20_000_000, description="largest CIF file or archive member read, bytes")
    max_blocks: PositiveInt = Field(100_000, description="most data blocks in one file")
    max_sites: PositiveInt = Field(5_000, description="most sites in one cell after symmetry")
    max_operations: PositiveInt = Field(192, description="most symmetry operations in one block, centring included")
    max_members: PositiveInt = Field(5_000_000, description="most members in one archive")
    max_ratio: PositiveFloat = Field(200.0, description="largest ratio of unpacked to packed bytes of an archive")
    max_container_bytes: PositiveInt = Field(
        100_000_000_000, description="largest file of many entries (JSON, Parquet, database) once unpacked, bytes"
    )
    time_limit: PositiveFloat = Field(120.0, description="longest time one crystal may take, s")


class CloudConfig(Section):
    """Which points make the cloud of a channel."""

    mobile_ion: str = Field("Li", description="element whose transport is asked for: Li, Na, K, Mg, Ag, ...")
    channels: tuple[str, ...] = Field(
        ("mobile", "anion", "cation", "framework", "all"),
        description='sublattices: "mobile" (named after the ion in the columns), "anion", "cation", "framework", "all"',
    )
    merge_mobile: PositiveFloat = Field(1.0, description="split sites closer than this are one, channels with ion, Å")
    merge_other: PositiveFloat = Field(0.5, description="split sites closer than this are one, other channels, Å")

    @model_validator(mode="after")
    def _known(self) -> CloudConfig:
        from screening.elements import NUMBERS

        if self.mobile_ion not in NUMBERS:
            raise ValueError(f"mobile_ion {self.mobile_ion!r} is not an element symbol")
        unknown = sorted(set(self.channels) - set(CHANNELS))
        if unknown or not self.channels or len(set(self.channels)) != len(self.channels):
            raise ValueError(f"channels must be distinct names out of {', '.join(CHANNELS)}; got {self.channels}")
        return self


class HomologyConfig(Section):
    """How barcodes are computed."""

    engine: Literal["auto", "periodic", "supercell", "ripser", "ripserpp"] = Field(
        "periodic",
        description="periodic: exact, per unit cell; torus of a supercell: supercell (RedZeD), ripser (ripser.py), "
        "ripserpp (ripser++ on a GPU); auto: chosen and said",
    )
    max_dim: Annotated[int, Field(ge=0, le=2)] = Field(2, description="highest homology dimension")
    r_max: dict[str, PositiveFloat] = Field(
        default_factory=lambda: {"mobile": 8.0, "anion": 7.0, "cation": 8.0, "framework": 6.0, "all": 5.0},
        description="largest radius per channel, Å",
    )
    budget: PositiveInt = Field(200_000_000, description="most simplices per cloud; beyond it the radius is cut back")
    max_points: PositiveInt = Field(2_000, description="most points in a supercell; beyond it the radius is cut back")


class CurveConfig(Section):
    """How barcodes become columns."""

    step: PositiveFloat = Field(0.1, description="spacing of the radii at which curves are read, Å")
    percolation: bool = Field(True, description="curves of sites in finite, chain, layer and framework components")
    histogram: bool = Field(False, description="2-D histogram of the diagram (birth x persistence)")
    histogram_bin: PositiveFloat = Field(1.0, description="width of a histogram bin in birth and persistence, Å")
    histogram_sigma: Annotated[float, Field(ge=0)] = Field(
        0.0, description="Gaussian width over which a bar is spread, Å; 0 = none"
    )


class StoreConfig(Section):
    """How features lie on disk."""

    shard_rows: PositiveInt = Field(128, description="crystals per shard; one task writes a whole shard")


class FeatureSettings(BaseModel):
    """The settings that decide what a column of features means, as a store or model keeps them.

    Other sections, and those of an earlier version, are passed over: a header of other input limits is as good.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    cloud: CloudConfig = CloudConfig()
    homology: HomologyConfig = HomologyConfig()
    curves: CurveConfig = CurveConfig()
