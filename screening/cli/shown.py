"""What subcommands have in common: settings from a file and flags, the model at a place, what is printed at the end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from screening.commands.terminal import say
from screening.errors import InputError
from screening.locations import Location, fetched, require

if TYPE_CHECKING:
    from screening.config import Config
    from screening.learn import Model
    from screening.runs import RunRecord


AGAIN = "the same command does it anew"  # where a command that was cut off leaves nothing


def settings(path: Path | None, **flags: Any) -> Config:
    """Return the config of a file with the given flags, named section__key, laid over it; None = not given."""
    require(path)
    from screening.config import read_config

    overrides: dict[str, Any] = {}
    for name, value in flags.items():
        if value is not None:
            section, _, key = name.rpartition("__")
            (overrides.setdefault(section, {}) if section else overrides)[key] = value
    return read_config(path, overrides)


def model_at(place: Location | None) -> Model:
    """Return the model at a place, or the one that comes with the program, which is said with how good it is."""
    from screening.learn import load_model, shipped_model

    if place is not None:
        with fetched(place) as folder:
            return load_model(folder)
    model = shipped_model()
    error = model.scores["headline"]["grouped"]["mae"]
    say(
        f"model: the one that comes with the program, of {len(model.training.ids)} measured conductors; "
        f"typical error on new chemistry {error:.1f} powers of ten"
    )
    return model


def print_scores(scores: dict[str, Any]) -> None:
    """Print how good a model is."""
    from screening.learn import score_lines

    for line in score_lines(scores):
        typer.echo(line)


def print_summary(record: RunRecord, run_dir: Location) -> None:
    """Print what became of the crystals of a run; raise `InputError` if none is ranked."""
    from screening.ranking import sentences

    counts = record.counts
    typer.echo(f"{counts.found} found = {counts.featurized} featurized + {counts.rejected} rejected", nl=False)
    codes = ", ".join(f"{code} {count}" for code, count in record.rejected_by_code.items())
    typer.echo(f" ({codes})" if codes else "")
    typer.echo(f"{counts.labelled} labelled crystals trained on, {counts.ranked} ranked", nl=False)
    typer.echo(f", {counts.duplicates} further entries of these" if counts.duplicates else "", nl=False)
    typer.echo(f", {counts.radius_cut} with a radius cut back" if counts.radius_cut else "")
    for sentence in record.passed_over:
        typer.echo(sentence)
    for sentence in sentences(record.properties):
        typer.echo(sentence)
    if record.flags:
        typer.echo(f"flags: {_counted(record.flags)}")
    print_reasons(record.held_back, record.marks)
    print_scores(record.scores)
    typer.echo(f"ranking: {run_dir / 'ranking.csv'}")
    typer.echo(f"report:  {run_dir / 'report.html'}")
    if not counts.ranked:
        raise InputError(_why_empty(counts.featurized, counts.labelled))


def print_reasons(held_back: dict[str, int], marks: dict[str, int]) -> None:
    """Print how many crystals are held back or marked, by reason."""
    if held_back:
        typer.echo(f"held back: {_counted(held_back)}")
    if marks:
        typer.echo(f"marks: {_counted(marks)}")


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def _why_empty(featurized: int, labelled: int) -> str:
    """Return why no crystal is ranked."""
    if not featurized:
        return "the ranking is empty: no crystal could be used; rejected.csv says why"
    return (
        f"the ranking is empty: all {featurized} crystals that could be used are labelled ones "
        f"({labelled} trained on); give crystals without a label, or --rank-labelled"
    )


def tell_lost(lost: list[str], what: str) -> None:
    """Raise where files are gone that the candidates of a RUN came from."""
    if lost:
        shown = ", ".join(lost[:3]) + (f" and {len(lost) - 3} more" if lost[3:] else "")
        raise InputError(f"{len(lost)} files that candidates came from are not there, {what}: {shown}")
