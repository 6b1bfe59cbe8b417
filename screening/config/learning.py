"""Settings of what follows featurizing: the model, the list, the second stage."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from screening.config.section import PositiveFloat, PositiveInt, Section
from screening.elements import SYMBOLS


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
