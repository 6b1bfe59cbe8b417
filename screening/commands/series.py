"""Series of doped variants of a crystal and what a model says of each: `screening series CRYSTAL --out S.zip`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from screening.commands.one_crystal import find_candidate, find_crystal
from screening.config import Config
from screening.crystals import Crystal
from screening.data import write_members
from screening.generation import Series, exact_cif, net_charge, plain_name, series_of, unit_formula
from screening.learn import (
    Difference,
    Differences,
    Model,
    PairScale,
    differences,
    load_model,
    pair_scale,
    settings_of,
)
from screening.locations import Location, fetched, make_folder
from screening.runs import (
    RECORD,
    SERIES_COLUMNS,
    SERIES_FOLDER,
    run_folder,
    series_file,
)
from screening.spreadsheet import plain_cell

TABLE = "series.csv"
TEXTS = ("id", "parent", "dopant", "site", "formula", "balance")
# Places after the point of what is written; x and amounts come out as they were asked for.
DECIMALS = {
    "added": 6, "in_voids": 6, "scale": 6, "prediction": 4, "delta": 4, "lower": 4, "upper": 4,
    "composition_delta": 4, "composition_lower": 4, "composition_upper": 4,
}  # fmt: skip
NEUTRAL = 1e-6  # e per formula unit that a variant may differ by from its parent


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """Series with what a model says of them."""

    table: pd.DataFrame  # a row a variant, the parent first
    scale: PairScale  # what the interval of the difference is taken from

    def lines(self) -> list[str]:
        """Return what a person should know, a sentence each."""
        lines: list[str] = []
        if np.isnan(self.scale.factor):
            lines.append(f"no interval of the difference: the model has only {self.scale.pairs} pairs to take it from")
        seen = int(self.table["new_sites"].sum())
        if seen:
            lines.append(
                f"{seen} variants fill sites that their sublattice did not have: curves count a site whole, however "
                "little of it is filled, so their difference is that of a filled site"
            )
        return lines


@dataclass(frozen=True, slots=True)
class SeriesOptions:
    """What series are made of."""

    target: Location  # a crystal, or a RUN
    id: str | None = None
    dopants: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    step: float = 0.05
    most: float = 0.25
    model: Location | None = None  # that of the RUN, or of the program, if not given


def make_series(  # noqa: PLR0913
    options: SeriesOptions,
    out: Path,
    *,
    config: Config,
    shipped: Callable[[], Model],
    threads: int = 1,
    say: Callable[[str], None] = lambda _: None,
) -> tuple[Series, Told, int]:
    """Write the series of a crystal to `out`, those of a RUN's candidate to RUN/series too; return them and the count.

    Parameters
    ----------
    options
        The crystal, and what is put into it.
    out
        A .zip, .tar.gz or new folder.
    config
        Settings; `input` and `rank.redox_active` are used.
    shipped
        Returns the model that comes with the program, for where there is no other.
    threads
        Of LightGBM; no value depends on it.
    say
        Hears what is being done.

    Raises
    ------
    InputError, ModelError
        No such crystal, nothing that can be made of it, or no such model.
    """
    target = options.target
    if not (target / RECORD).is_file():
        crystal = find_crystal(str(target), options.id, config)
        model = shipped() if options.model is None else None
        return _made(crystal, options, model, out, config=config, threads=threads)
    with run_folder(target, filled=True) as paths:
        crystal = find_candidate(paths, options.id)
        model = load_model(paths.model) if options.model is None else None
        series, told, count = _made(crystal, options, model, out, config=config, threads=threads)
        page = target / SERIES_FOLDER / series_file(crystal.id)
        make_folder(target / SERIES_FOLDER)
        page.write_bytes(table_text(told.table).encode())
        say(f"beside the run: {page}; `screening report` shows it")
    return series, told, count


def series_for(crystal: Crystal, options: SeriesOptions, *, ion: str, config: Config) -> Series:
    """Return the series of a crystal that are asked for."""
    return series_of(
        crystal,
        ion=ion,
        dopants=options.dopants,
        sites=options.sites,
        step=options.step,
        most=options.most,
        barred=config.rank.redox_active,
    )


def _made(  # noqa: PLR0913
    crystal: Crystal, options: SeriesOptions, model: Model | None, out: Path, *, config: Config, threads: int
) -> tuple[Series, Told, int]:
    if model is None:
        assert options.model is not None
        with fetched(options.model) as folder:
            model = load_model(folder)
    series = series_for(crystal, options, ion=settings_of(model).cloud.mobile_ion, config=config)
    told = told_of(series, model, threads=threads)
    return series, told, write_series(series, told, out)


def told_of(series: Series, model: Model, *, threads: int = 1) -> Told:
    """Return the table of the variants of a crystal, each beside its parent, as a model predicts them."""
    crystals = [one.crystal for one in series.variants]
    said = differences(model, series.parent.crystal, crystals, threads=threads)
    return Told(pd.DataFrame(list(_rows(series, said)), columns=list(SERIES_COLUMNS)), pair_scale(model))


def _rows(series: Series, said: Differences) -> Iterator[dict[str, Any]]:
    parent = series.parent
    own = parent.kinds_of_ion
    for row, one in enumerate(series.variants):
        charge = net_charge(one.crystal) / parent.units
        yield {
            "id": one.crystal.id,
            "parent": parent.crystal.id,
            "dopant": one.dopant,
            "site": one.site,
            "x": one.x,
            "formula": unit_formula(one.crystal, parent.units) if row else one.crystal.formula,
            "balance": one.balance,
            "added": one.added,
            "in_voids": one.in_voids,
            "charge": charge,
            "charge_kept": abs(charge - parent.charge) <= NEUTRAL,
            "scale": one.scale,
            "prediction": said.prediction[row],
            **{name: _of(said.geometry, name, row) for name in ("delta", "lower", "upper")},
            **{f"composition_{name}": _of(said.composition, name, row) for name in ("delta", "lower", "upper")},
            "new_sites": one.in_voids > 0 or one.site in own,
        }


def _of(said: Difference | None, name: str, row: int) -> float:
    """Return a number of a difference; that of the parent from itself is 0 without doubt."""
    if said is None:
        return float("nan")
    return float(getattr(said, name)[row]) if row else 0.0


def table_text(table: pd.DataFrame) -> str:
    """Return the table as CSV; texts that a spreadsheet would run are guarded."""
    written = table.copy()
    for name in TEXTS:
        written[name] = written[name].map(plain_cell)
    for name, places in DECIMALS.items():
        written[name] = [_number(value, places) for value in table[name]]
    written["charge"] = [f"{value:.1e}" if abs(value) > NEUTRAL else "0" for value in table["charge"]]
    for name in ("charge_kept", "new_sites"):
        written[name] = ["true" if value else "false" for value in table[name]]
    return str(written.to_csv(index=False, lineterminator="\n"))


def _number(value: Any, places: int) -> str:
    if value is None or np.isnan(value):
        return ""
    text = f"{value:.{places}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def write_series(series: Series, told: Told, out: Path) -> int:
    """Return how many CIF files were written beside series.csv, the parent's among them; always the same bytes.

    Raises
    ------
    InputError
        `out` cannot be written, or is no .zip, .tar.gz or new folder.
    """
    cifs = ((f"{plain_name(one.crystal.id)}.cif", exact_cif(one.crystal).encode()) for one in series.variants)
    return write_members(out, [(TABLE, table_text(told.table).encode()), *cifs]) - 1


def best_lines(table: pd.DataFrame, *, most: int = 5) -> Sequence[str]:
    """Return the variants with the largest predicted differences as lines for a person, one a series."""
    variants = table[table["x"] > 0].sort_values(["delta", "id"], ascending=[False, True], kind="stable")
    firsts = variants.drop_duplicates(["dopant", "site"]).head(most)
    return [
        f"{row['formula']}: {row['dopant']} on {row['site']}, x = {row['x']:g}: "
        f"Δ log σ {_span(row['delta'], row['lower'], row['upper'])}"
        + (
            ""
            if np.isnan(row["composition_delta"])
            else f"; composition {_span(*(row[f'composition_{name}'] for name in ('delta', 'lower', 'upper')))}"
        )
        for row in firsts.to_dict("records")
    ]


def _span(delta: Any, lower: Any, upper: Any) -> str:
    return f"{delta:+.2f}" + ("" if np.isnan(lower) else f" ({lower:+.2f} to {upper:+.2f})")
