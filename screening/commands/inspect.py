"""What was read of each crystal, for a person or a program: before a night is spent on it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field

from screening.config import Config
from screening.crystals import Crystal, channel_clouds, channel_label, flag_sentence
from screening.errors import Code, Rejection, RejectionError
from screening.sources import Item, iter_items, read_item

DECIMALS = 6  # of amounts, Å and degrees


@dataclass(frozen=True, slots=True)
class Inspected:
    """What was read of one crystal, or why it was refused; the keys of the JSON lines."""

    id: str
    source: str
    formula: str | None = None
    composition: dict[str, float] | None = None  # atoms per cell by symbol, those without coordinates included
    n_sites: int | None = None  # sites with coordinates
    cell: list[float] | None = None  # a, b, c in Å; alpha, beta, gamma in degrees
    space_group: int | None = None  # international number, None where unknown
    symmetry_source: str | None = None  # operations, hall, name, number, superspace or none
    clouds: dict[str, int] | None = None  # channel -> points
    flags: list[dict[str, str]] = field(default_factory=list)  # name and sentence of each; none of a refused one
    code: str | None = None  # of a refusal
    detail: str | None = None

    @property
    def is_crystal(self) -> bool:
        """Whether this tells of a crystal, and not of files that were passed over."""
        return self.code != Code.PASSED_OVER.value

    def as_json(self) -> str:
        """Return one line of JSON."""
        return json.dumps(asdict(self), ensure_ascii=False, allow_nan=False)

    def lines(self) -> list[str]:
        """Return lines of text for a person."""
        if self.code is not None:
            return [f"{self.id}: refused, {self.code}", f"  {self.detail}", f"  {self.source}"]
        assert self.composition is not None
        assert self.cell is not None
        assert self.clouds is not None
        a, b, c, *angles = self.cell
        atoms = " ".join(f"{symbol} {amount:g}" for symbol, amount in self.composition.items())
        group = "unknown" if self.space_group is None else str(self.space_group)
        points = ", ".join(f"{channel} {count}" for channel, count in self.clouds.items())
        return [
            f"{self.id}: {self.formula}",
            f"  cell     {a:.4f} {b:.4f} {c:.4f} Å, {' '.join(f'{angle:.2f}' for angle in angles)}°",
            f"  atoms    {atoms} on {self.n_sites} sites",
            f"  symmetry group {group}, from {self.symmetry_source}",
            f"  points   {points}",
            *(f"  {flag['name']}: {flag['sentence']}" for flag in self.flags),
            f"  {self.source}",
        ]


def inspected(paths: Sequence[str], config: Config) -> Iterator[Inspected]:
    """Yield what was read of every crystal, refused ones too, in listing order; files passed over are rows with a code.

    Raises
    ------
    InputError
        A path does not exist.
    """
    return (_inspected(item, config) for item in iter_items(paths, config.input))


def _inspected(item: Item, config: Config) -> Inspected:
    if item.rejection is not None:
        return _refused(item, item.rejection)
    try:
        crystal = read_item(item, config.input)
    except RejectionError as error:
        return _refused(item, error)
    try:
        clouds = {
            channel_label(channel, config.cloud): len(cloud[1])
            for channel, cloud in channel_clouds(crystal, config.cloud).items()
        }
    except RejectionError as error:
        if error.code is not Code.NO_MOBILE_ION:
            return _refused(item, error)
        clouds = {}  # read well, but of no use to a run with this mobile ion
    return Inspected(
        id=crystal.id,
        source=crystal.source,
        formula=crystal.formula,
        composition={symbol: round(amount, DECIMALS) for symbol, amount in crystal.composition().items()},
        n_sites=crystal.n_sites,
        cell=[round(value, DECIMALS) for value in crystal.cell_parameters()],
        space_group=crystal.spacegroup or None,
        symmetry_source=crystal.symmetry_source,
        clouds=clouds,
        flags=flags_told(crystal),
    )


def flags_told(crystal: Crystal) -> list[dict[str, str]]:
    """Return name and sentence of each flag of a crystal."""
    details = crystal.flag_details
    return [{"name": name, "sentence": flag_sentence(name, details.get(name, ""))} for name in crystal.flags]


def _refused(item: Item, reason: Rejection | RejectionError) -> Inspected:
    return Inspected(id=item.id, source=item.source, code=reason.code.value, detail=reason.detail)
