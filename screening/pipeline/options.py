"""What stages are given beside their settings."""

from __future__ import annotations

from dataclasses import dataclass

from screening.learn import (
    Labels,
    read_labels,
)
from screening.locations import Location, fetched


@dataclass(frozen=True, slots=True)
class LabelOptions:
    """A table of measured conductivities, and what its columns are called where that cannot be found out."""

    file: Location
    id_column: str | None = None
    target_column: str | None = None
    group_column: str | None = None
    any_temperature: bool = False
    more: Location | None = None  # a second table: labels of compounds without a crystal

    def read(self) -> Labels:
        """Return the labels."""
        with fetched(self.file) as table:
            labels = read_labels(
                table,
                id_column=self.id_column,
                target_column=self.target_column,
                group_column=self.group_column,
                any_temperature=self.any_temperature,
            )
        if self.more is None:
            return labels
        with fetched(self.more) as table:
            return labels.joined(read_labels(table, any_temperature=self.any_temperature))


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What a run is given beside its settings."""

    crystals: tuple[str, ...]
    labels: LabelOptions | None  # None: the embedded table of measured conductors trains
    out: Location
    rank_labelled: bool = False
    properties: Location | None = None  # table of further columns by id
