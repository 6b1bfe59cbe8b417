"""Kinds of hole: the columns of one curve of one channel within a radius band, and the one vocabulary for them.

components (β₀), rings (β₁), cavities (β₂); sites in finite clusters, chains, layers or a 3-D framework (percolation).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from screening.errors import ModelError
from screening.features import parse_column
from screening.learn import band_below

BAND = 1.0  # width of a radius band, Å

# What a curve counts.
CURVES: dict[str, str] = {
    "beta0": "components (β₀)",
    "beta1": "rings (β₁)",
    "beta2": "cavities (β₂)",
    "rank0": "sites in finite clusters",
    "rank1": "sites in chains",
    "rank2": "sites in layers",
    "rank3": "sites in a 3-D framework",
    "hist0": "components (β₀) by length",
    "hist1": "rings (β₁) by birth and length",
    "hist2": "cavities (β₂) by birth and length",
    "number_density": "sites per volume",
    "occupied_density": "ions per volume",
    "mean_occupancy": "mean occupancy",
}

# Who forms something, and whether the verb takes an s.
SUBJECTS: dict[str, tuple[str, str]] = {
    "Li": ("lithium", "s"),
    "Na": ("sodium", "s"),
    "K": ("potassium", "s"),
    "Mg": ("magnesium", "s"),
    "Ag": ("silver", "s"),
    "anion": ("the anions", ""),
    "cation": ("the other cations", ""),
    "framework": ("the framework", "s"),
    "all": ("all atoms together", ""),
}

# What a crystal has and what it lacks, with who (0) and the ending of the verb (1).
REASONS: dict[str, tuple[str, str]] = {
    "beta0": ("components (β₀) of {0}", "no components (β₀) of {0}"),
    "beta1": ("rings (β₁) of {0}", "no rings (β₁) of {0}"),
    "beta2": ("cavities (β₂) of {0}", "no cavities (β₂) of {0}"),
    "rank0": ("{0} stay{1} in finite clusters", "{0} form{1} no finite clusters"),
    "rank1": ("{0} form{1} chains", "{0} form{1} no chains"),
    "rank2": ("{0} form{1} layers", "{0} form{1} no layers"),
    "rank3": ("{0} form{1} a 3-D framework", "{0} form{1} no 3-D framework"),
    "hist0": ("components (β₀) of {0} that end", "no components (β₀) of {0} end"),
    "hist1": ("rings (β₁) of {0} that close", "no rings (β₁) of {0} close"),
    "hist2": ("cavities (β₂) of {0} that close", "no cavities (β₂) of {0} close"),
    "number_density": ("sites of {0} per volume", "sites of {0} per volume"),
    "occupied_density": ("density of {0}, by occupancy", "density of {0}, by occupancy"),
    "mean_occupancy": ("mean occupancy of {0}", "mean occupancy of {0}"),
}
_ADJECTIVES = {"all": "all-atom", **{symbol: name for symbol, (name, _) in SUBJECTS.items() if symbol.istitle()}}


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of hole: the columns of one curve of one channel within a radius band."""

    name: str  # channel/curve/from-to, or channel/scalar
    channel: str
    curve: str
    radius_from: float | None  # Å; the band of birth for a histogram; None for a scalar
    radius_to: float | None  # Å
    columns: tuple[int, ...]

    @property
    def words(self) -> str:
        """The kind in words, e.g. ``lithium rings (β₁) alive at 3–4 Å``."""
        # A band of a histogram says itself when its holes are born.
        curve = self.curve if self.radius_from is None else self.curve.replace("hist", "beta")
        subject = f"{_ADJECTIVES.get(self.channel, self.channel)} {CURVES.get(curve, curve)}"
        if self.radius_from is None:
            return subject
        verb = {"beta": "alive", "hist": "born"}.get(self.curve[:4])
        band = f"at {self.radius_from:g}–{self.radius_to:g} Å"
        return f"{subject} {verb} {band}" if verb else f"{subject} {band}"


def kinds_of(columns: Sequence[str]) -> tuple[Kind, ...]:
    """Return the kinds of hole that `columns` fall into, in order of first appearance.

    Raises
    ------
    ModelError
        A column is not named channel/curve[/radius].
    """
    members: dict[tuple[str, str, float | None], list[int]] = {}
    for index, column in enumerate(columns):
        try:
            parts = parse_column(column)
        except ValueError as error:
            raise ModelError(f"column {column!r} is not named channel/curve/radius") from error
        band = None if parts.radius is None else band_below(parts, BAND)
        members.setdefault((parts.channel, parts.curve, band), []).append(index)
    return tuple(
        Kind(
            name=f"{channel}/{curve}" if band is None else f"{channel}/{curve}/{band:g}-{band + BAND:g}",
            channel=channel,
            curve=curve,
            radius_from=band,
            radius_to=None if band is None else band + BAND,
            columns=tuple(indices),
        )
        for (channel, curve, band), indices in members.items()
    )


def kind_words(*, channel: str, curve: str, radius_from: str, radius_to: str) -> str:
    """Return a kind of hole in few words, ``Li rings (β₁), 3–4 Å``; a kind without radii ends after its name."""
    band = f", {radius_from.removesuffix('.0')}–{radius_to.removesuffix('.0')} Å" if radius_from else ""
    return f"{'all-atom' if channel == 'all' else channel} {CURVES.get(curve, curve)}{band}"


def reason_words(channel: str, curve: str) -> tuple[str, str]:
    """Return a kind of hole as a reason, where a crystal has it and where it lacks it: ``lithium forms layers``."""
    who, ending = SUBJECTS.get(channel, (channel, "s"))
    has, lacks = REASONS.get(curve, (f"{curve} of {{0}}", f"{curve} of {{0}}"))
    return has.format(who, ending), lacks.format(who, ending)


def reason_unit(curve: str) -> str:
    """Return the unit of the values of a curve: a share of sites, a number per site or per volume, or nothing."""
    if curve.startswith("rank"):
        return "share"
    return {"beta": "per site", "hist": "per site", "numb": "per Å³", "occu": "per Å³"}.get(curve[:4], "")
