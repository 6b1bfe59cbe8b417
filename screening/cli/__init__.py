"""The `screening` command: one subcommand per stage, and `run`, which is nothing but those in order."""

from __future__ import annotations

import errno
import gc
import sys
from collections.abc import Callable
from typing import Annotated

import typer

import screening
from screening.cli.checks import bench, doctor, freeze, score, show_config, status, verify
from screening.cli.lists import fetch_cod, fetch_optimade, generate, isotypes, known, series
from screening.cli.looking import barcode, bvse, export, hole, inspect, predict, serve
from screening.cli.stages import compare, explain, featurize, rank, report, run, train
from screening.commands.terminal import ERR
from screening.errors import ScreeningError

__all__ = ["app", "main"]

# Objects made between two searches for unreachable cycles: all that imports make is kept, and searching through it took
# a tenth of the time until a command begins.
OBJECTS_BETWEEN_SEARCHES = 50_000
# Faults of a file system that pass when somebody makes room or mounts it again.
PASSING = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)
app = typer.Typer(
    help="Rank crystals by lithium-ion conductivity predicted from the topology of their sublattices.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
fetch = typer.Typer(help="Fetch crystals from databases.", no_args_is_help=True)
app.add_typer(fetch, name="fetch")
fetch.command("optimade")(fetch_optimade)
fetch.command("cod")(fetch_cod)
# In this order they stand in the help.
command: Callable[..., None]
for command in (run, featurize, train, compare, explain, rank, report, bvse, serve, export, barcode, hole, predict):
    app.command()(command)
for command in (inspect, generate, known, isotypes, series, freeze, score, bench):
    app.command()(command)
app.command("config")(show_config)
for command in (verify, status, doctor):
    app.command()(command)


@app.callback(invoke_without_command=True)
def _main(version: Annotated[bool, typer.Option("--version", help="print the version")] = False) -> None:
    if version:
        typer.echo(screening.__version__)
        raise typer.Exit


def main() -> None:
    """Run the command line; a user's mistake is one line on standard error and exit code 1 (usage: 2)."""
    gc.set_threshold(OBJECTS_BETWEEN_SEARCHES, *gc.get_threshold()[1:])
    try:
        app()
    except ScreeningError as error:
        ERR.print(f"screening: {error}", style="red", highlight=False, markup=False, soft_wrap=True)
        sys.exit(1)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        after = "; the same command goes on from here" if error.errno in PASSING else ""
        ERR.print(f"screening: {place}{error.strerror or error}{after}", style="red", markup=False, soft_wrap=True)
        sys.exit(1)
    except KeyboardInterrupt:
        ERR.print("screening: interrupted; the same command goes on from here")
        sys.exit(130)
