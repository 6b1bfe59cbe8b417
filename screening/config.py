"""Settings of a run: frozen, validated, hashable, one section per stage, read from one TOML file.

Every field carries its own description; `screening config` prints them as comments. `Config.features_hash` covers
exactly the settings that change the numbers in a feature store, so that a store can say what differs.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails

from screening.elements import SYMBOLS
from screening.errors import ConfigError
from screening.host import cores, memory

# Version of what columns mean beyond their settings. 2: fully occupied neighbours are never merged as a split site.
FEATURES_VERSION = 2

PositiveInt = Annotated[int, Field(gt=0)]
PositiveFloat = Annotated[float, Field(gt=0, allow_inf_nan=False)]


# Settings of [input] that decide which inputs there are: the digests of the inputs tell whether these are the same.
CHECKED_BY_INPUTS = ("max_container_bytes",)


class Section(BaseModel):
    """Base of all sections: no unknown keys, no change after reading."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


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


CHANNELS: tuple[str, ...] = ("mobile", "anion", "cation", "framework", "all")


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


class ClusterConfig(Section):
    """Where tasks run."""

    kind: Literal["local", "slurm", "kubernetes", "cloud"] = Field(
        "local",
        description="local: processes here; slurm: jobs, [slurm]; kubernetes: pods, [kubernetes]; cloud: [machines]",
    )
    scheduler: str | None = Field(None, description="address of a running Dask scheduler; none = start one")
    security: Literal["tls", "none"] = Field(
        "tls",
        description="of workers started here: tls, keys made for the run; none: any user of this machine can run code"
        " in them",
    )
    workers: Annotated[int, Field(ge=0)] = Field(
        0, description="worker processes started here; 0 = one per core, with device cuda less one per GPU"
    )
    listing: Literal["auto", "here", "apart"] = Field(
        "auto",
        description="crystals are listed in this process or apart, in one of its own; auto: apart for 8 workers "
        "and more, with a GPU, and with workers elsewhere",
    )
    in_flight: PositiveInt = Field(3, description="shards in flight per worker")
    bytes_in_flight: PositiveInt = Field(
        256, description="most MiB of CIF text listed and in flight; a shard that is larger goes alone"
    )
    memory: Annotated[float, Field(ge=0)] = Field(
        0.0, description="most memory of a worker process, GiB; beyond it the worker is restarted; 0 = its share"
    )
    worker_ttl: PositiveFloat = Field(
        300.0, description="a worker silent for longer is given up, s; must be above input.time_limit"
    )
    gpu_from: Annotated[int, Field(ge=0)] = Field(
        20_000,
        description="crystals from which device auto starts a GPU; until it is open cores do the work, but for 0: then "
        "they wait for it",
    )
    gpu_threads: Annotated[int, Field(ge=0)] = Field(
        0, description="shards that may wait in a GPU's process for one batch; 0 = enough for three batches"
    )
    gpu_pool: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.0, description="share of a GPU's memory held as RMM pool for arrays (needs rmm); 0 = no pool"
    )
    gpu_memory_limit: Annotated[float, Field(gt=0, le=1)] = Field(
        0.8, description="most of a GPU's free memory that is used, as a share"
    )
    kernel_cache: Path | None = Field(
        None, description="folder of compiled GPU kernels; none = screening/kernels in the user's cache folder"
    )

    def memory_bytes(self) -> int:
        """Return the most memory of a local worker process, bytes: as set, or its share of the machine's."""
        if self.memory:
            return int(self.memory * 2**30)
        return memory() // (self.workers or cores())


class SlurmConfig(Section):
    """Jobs that hold the workers where cluster.kind is slurm; one job is one node."""

    jobs: PositiveInt = Field(1, description="jobs asked for")
    queue: str | None = Field(None, description="partition (-p)")
    account: str | None = Field(None, description="account (-A)")
    walltime: Annotated[str, Field(pattern=r"^(\d+-)?\d{1,3}:\d{2}(:\d{2})?$")] = Field(
        "12:00:00", description="time limit of a job (-t)"
    )
    cores: PositiveInt = Field(16, description="cores per job")
    memory: str = Field("64GB", description="memory per job")
    gpus: Annotated[int, Field(ge=0)] = Field(0, description="GPUs per job; asked for with --gres=gpu:N")
    workers: PositiveInt = Field(16, description="worker processes per job without GPUs; with GPUs one per GPU")
    interface: str | None = Field(None, description="network interface of scheduler and workers, such as ib0")
    directives: tuple[str, ...] = Field((), description="further #SBATCH lines, such as --constraint=a100")
    prologue: tuple[str, ...] = Field((), description="shell lines before the worker, such as module load cuda")
    tls_folder: Path | None = Field(
        None, description="folder that all nodes see, for the certificates of this run; none = the current folder"
    )


class KubernetesConfig(Section):
    """Pods that hold the workers where cluster.kind is kubernetes; the Dask operator must run in the cluster."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?$")] = Field(
        "screening", description="name of the DaskCluster made for the run, and deleted after it"
    )
    namespace: str | None = Field(None, description="namespace; none = the current one")
    image: str | None = Field(None, description="container image with this program in it; needed")
    workers: PositiveInt = Field(4, description="worker pods")
    cores: PositiveInt = Field(4, description="cores of a pod, one worker thread each on CPUs")
    memory: str = Field("16Gi", description="memory of a pod")
    gpus: Annotated[int, Field(ge=0, le=1)] = Field(0, description="GPUs of a worker pod: none or one")
    secrets: tuple[str, ...] = Field(
        (), description="names of Secrets whose keys become environment variables, such as those of an object store"
    )


class MachinesConfig(Section):
    """Virtual machines that hold the workers where cluster.kind is cloud."""

    provider: Literal["ec2", "gcp", "azure"] = Field("ec2", description="whose machines")
    image: str | None = Field(None, description="Docker image with this program in it; needed")
    workers: PositiveInt = Field(2, description="machines, one worker process each")
    threads: PositiveInt = Field(1, description="threads of a worker")
    options: dict[str, str | int | float | bool] = Field(
        default_factory=dict,
        description="further settings of dask-cloudprovider's cluster, such as instance_type, zone or vm_size",
    )

    @field_validator("options")
    @classmethod
    def _no_credentials(cls, options: dict[str, Any]) -> dict[str, Any]:
        for name in options:
            if any(word in name.lower() for word in ("key", "secret", "credential", "password", "token")):
                raise ValueError(f"{name}: credentials come from the environment, never from a settings file")
            if name in ("n_workers", "docker_image", "security", "protocol", "worker_class", "worker_options"):
                raise ValueError(f"{name} is set by this program")
        return options


class LearnConfig(Section):
    """How the model is trained and judged."""

    folds: Annotated[int, Field(ge=2)] = Field(5, description="grouped cross-validation folds")
    repeats: PositiveInt = Field(3, description="repeats of the cross-validation with other fold assignments")
    bounds: Literal["censored", "value", "drop"] = Field(
        "censored", description="upper bounds (<1E-10): one-sided loss, taken as the value, or left out"
    )
    interval: Annotated[float, Field(gt=0, lt=1)] = Field(0.8, description="nominal coverage of the intervals")
    model: Literal["mean", "lightgbm"] = Field(
        "mean", description="mean of LightGBM, kernel ridge and a Gaussian process, or LightGBM alone"
    )
    isotypes: Annotated[float, Field(ge=0)] = Field(
        0.08, description="largest distance of a label without a crystal from the crystal it is made on; 0 = none is"
    )
    band: Annotated[float, Field(ge=0)] = Field(
        1.0, description="width of the radius bands that curves are averaged over for the trees, Å; 0 = none"
    )
    trees: PositiveInt = Field(250, description="boosting rounds; held-out scores are flat from 100 to 500")
    learning_rate: PositiveFloat = Field(0.03, description="LightGBM learning rate")
    leaves: PositiveInt = Field(15, description="LightGBM leaves per tree")
    min_leaf: PositiveInt = Field(8, description="LightGBM minimum crystals per leaf")
    column_share: Annotated[float, Field(gt=0, le=1)] = Field(0.3, description="share of columns tried per tree")
    row_share: Annotated[float, Field(gt=0, le=1)] = Field(0.8, description="share of crystals per tree")
    l2: Annotated[float, Field(ge=0)] = Field(5.0, description="LightGBM L2 penalty")
    extra_trees: bool = Field(
        True, description="one threshold drawn per column and node, instead of the best: neighbouring columns share"
    )
    seeds: PositiveInt = Field(5, description="boosters averaged in the model")
    learner: Literal["auto", "cpu", "gpu", "cuda"] = Field(
        "auto",
        description="what LightGBM trains on: auto: a GPU where a trial on the training crystals agrees with the CPU "
        "and is faster; cpu; gpu (OpenCL); cuda",
    )


class RankConfig(Section):
    """What the ranking shows."""

    model: Literal["topology", "composition"] = Field(
        "topology", description="whose prediction orders: curves alone, or curves with composition"
    )
    top: PositiveInt = Field(1_000, description="candidates shown in the report")
    objective: Literal["mean-sd", "mean", "lower", "chance"] = Field(
        "mean-sd",
        description="ordered by predicted conductivity less one deviation of the crystal (mean-sd), by the prediction "
        "(mean), the lower end of its interval, or the chance of reaching the target",
    )
    target: float = Field(-4.0, description="conductivity that the chance is of reaching, log10 S/cm")
    exclude_elements: tuple[str, ...] = Field((), description="crystals with one of these are held back")
    require_elements: tuple[str, ...] = Field((), description="crystals without one of these are held back")
    require_any_anion: tuple[str, ...] = Field(
        ("O", "S", "Se", "Te", "N", "F", "Cl", "Br", "I", "H"),
        description="crystals without any of these are held back: alloys, Zintl phases, pnictides; H is a hydride "
        "where it is the only one; () = none",
    )
    charge_balance: bool = Field(
        True, description="hold back crystals whose known oxidation states cannot sum to zero in any mixture"
    )
    max_atoms: Annotated[int, Field(ge=0)] = Field(
        0, description="hold back crystals with more atoms in the cell; 0 = none"
    )
    per_prototype: Annotated[int, Field(ge=0)] = Field(
        0,
        description="hold back all but the best N of each prototype (space group found and Wyckoff positions); "
        "0 = none",
    )
    fold: Literal["composition", "structure", "none"] = Field(
        "composition",
        description="one row a compound, its other entries behind all others: those of the same composition; of these, "
        "those of the same prototype or nearly the same features (structure); none = list all",
    )
    prototypes: Annotated[int, Field(ge=0)] = Field(
        1_000,
        description="how many of the first are read again to find their space group and prototype; 0 = none",
    )
    redox_active: tuple[str, ...] = Field(
        tuple(
            "Ti V Cr Mn Fe Co Ni Cu Nb Mo Tc Ru Rh Pd Ag Sn Sb Ce Eu Yb W Re Os Ir Pt Au Hg Tl Pb Bi U Np Pu".split()
        ),
        description="crystals with one of these are marked: they may take up or give off electrons",
    )

    hold_back_flags: tuple[str, ...] = Field(
        ("formula", "multiplicity", "group", "hall", "contact", "occupancy"),
        description="crystals with one of these flags are held back; see `screening inspect`",
    )
    hold_back: tuple[str, ...] = Field(
        (),
        description='conditions on numbers that hold a crystal back, such as "e_above_hull > 0.1 and band_gap < 2"',
    )
    confirm_duplicates: Annotated[int, Field(ge=0)] = Field(
        2_000,
        description="how many suspected duplicates are read again and compared by structure; 0 = none",
    )

    @field_validator("exclude_elements", "require_elements", "require_any_anion", "redox_active")
    @classmethod
    def _are_elements(cls, symbols: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := sorted(set(symbols) - set(SYMBOLS[1:])):
            raise ValueError(f"no element is named {unknown[0]!r}")
        return symbols

    @field_validator("hold_back")
    @classmethod
    def _are_conditions(cls, conditions: tuple[str, ...]) -> tuple[str, ...]:
        for one in conditions:
            parsed_conditions(one)
        return conditions


class SecondConfig(Section):
    """The second stage: bond-valence barriers of the first candidates, see docs/bond-valence.md."""

    top: Annotated[int, Field(ge=0)] = Field(
        0, description="candidates that `screening run` computes barriers of; 0 = none"
    )
    grid: Annotated[float, Field(ge=0.05, le=1.0)] = Field(
        0.2, description="largest distance of neighbouring points of the grid of energies, Å"
    )
    mark: PositiveFloat = Field(0.9, description="E1D above which a candidate is marked, eV; its place stays")


@dataclass(frozen=True, slots=True)
class Condition:
    """A comparison of a number of a crystal, by name, with a value."""

    name: str
    sign: str
    value: float

    def holds(self, numbers: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return for which numbers it is true; for NaN it is false."""
        compare = {">": np.greater, ">=": np.greater_equal, "<": np.less, "<=": np.less_equal, "=": np.equal}
        if self.sign == "!=":
            different: NDArray[np.bool_] = ~np.isnan(numbers) & (numbers != self.value)
            return different
        return np.asarray(compare[self.sign](numbers, self.value), dtype=np.bool_)


_CONDITION = re.compile(r"\s*([^<>=!;]+?)\s*(<=|>=|==|!=|<|>|=)\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*")


def parsed_conditions(text: str) -> list[Condition]:
    """Return the comparisons of a text, ``name op number`` joined by ``and``; nothing is evaluated.

    Raises
    ------
    ValueError
        It is something else.
    """
    parts: list[Condition] = []
    for part in re.split(r"\s+and\s+", text.strip()):
        found = _CONDITION.fullmatch(part)
        if found is None:
            raise ValueError(f"{text!r:.100} is not 'name op number' joined by 'and', such as e_above_hull > 0.1")
        parts.append(Condition(found[1], found[2].replace("==", "="), float(found[3])))
    return parts


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


class FeatureSettings(BaseModel):
    """The settings that decide what a column of features means, as a store or model keeps them.

    Other sections, and those of an earlier version, are passed over: a header of other input limits is as good.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    cloud: CloudConfig = CloudConfig()
    homology: HomologyConfig = HomologyConfig()
    curves: CurveConfig = CurveConfig()


def read_config(path: Path | None, overrides: dict[str, Any] | None = None) -> Config:
    """Return the settings of a TOML file with overrides, a nested dict, laid over it.

    Raises
    ------
    ConfigError
        The file is missing, not TOML, has an unknown key or an unfit value; the message names the key.
    """
    table: dict[str, Any] = {}
    if path is not None:
        try:
            table = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigError(f"cannot read config {path}: {error.strerror}") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path} is not TOML: {error}") from error
    try:
        return Config.model_validate(merged(table, overrides or {}))
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, item['loc'])) or 'config'}: {_fault(item)}" for item in error.errors()]
        raise ConfigError("; ".join(lines)) from error


def _fault(item: ErrorDetails) -> str:
    """Return what is wrong with a setting; of one that does not exist, which may have been meant."""
    if item["type"] != "extra_forbidden":
        return item["msg"]
    *above, name = map(str, item["loc"])
    sections = {key: type(part) for key, part in Config() if isinstance(part, Section)}
    fields = sections[above[0]].model_fields if above and above[0] in sections else {**Config.model_fields}
    near = difflib.get_close_matches(name, fields, n=1, cutoff=0.5)
    elsewhere = [f"{key}.{name}" for key, section in sections.items() if name in section.model_fields]
    meant = elsewhere or [".".join([*above, one]) for one in near]
    return f"no such setting; did you mean {meant[0]}?" if meant else "no such setting; `screening config` prints all"


def merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Return `base` with `over` laid over it, section by section."""
    result = dict(base)
    for key, value in over.items():
        below = result.get(key)
        result[key] = merged(below, value) if isinstance(value, dict) and isinstance(below, dict) else value
    return result


def as_toml(config: Config) -> str:
    """Return the settings as TOML with each field's description as a comment above it."""
    lines = [
        f"# {Config.model_fields[key].description}\n{key} = {_toml_value(getattr(config, key))}"
        for key in ("seed", "device")
    ]
    lines.append("")
    for name, section in config:
        if not isinstance(section, Section):
            continue
        lines.append(f"[{name}]  # {(type(section).__doc__ or '').strip().rstrip('.')}")
        for key, info in type(section).model_fields.items():
            lines.append(f"# {info.description}")
            value = getattr(section, key)
            lines.append(f"# {key} = (not set)" if value is None else f"{key} = {_toml_value(value)}")
        lines.append("")
    return "\n".join(lines)


def _toml_value(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml_value(item)}" for key, item in value.items()) + " }"
    if isinstance(value, Path):
        return json.dumps(str(value))
    if isinstance(value, tuple | list):
        return "[" + ", ".join(_toml_value(item) for item in value) + "]"
    return json.dumps(value)
