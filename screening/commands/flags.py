"""The arguments and flags that several subcommands share, each told once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from screening.locations import location

Crystals = Annotated[
    list[str],
    typer.Argument(help="CIF files, folders, .zip or .tar[.gz|.bz2|.xz|.zst] archives, or @list.txt; URLs too"),
]
# A place is a path or a URL; typer knows no unions, so the parser alone says what comes.
Features = Annotated[
    Any, typer.Option("--features", parser=location, metavar="PATH", help="feature store made by `screening featurize`")
]
ModelDir = Annotated[
    Any, typer.Option("--model", parser=location, metavar="PATH", help="model folder made by `screening train`")
]
MaybeModel = Annotated[
    Any,
    typer.Option(
        "--model",
        parser=location,
        metavar="PATH",
        help="model folder made by `screening train` or `run`; that of the RUN, or of the program, if not given",
    ),
]
Out = Annotated[
    Any, typer.Option("--out", "-o", parser=location, metavar="PATH", help="where the result goes; s3:// and gs:// too")
]
OutHere = Annotated[Path, typer.Option("--out", "-o", help="where the result goes")]
Labels = Annotated[
    Any,
    typer.Option(
        "--labels", parser=location, metavar="PATH", help="table of measured conductivities: CSV, XLSX or Parquet"
    ),
]
LabelsOrNone = Annotated[
    Any,
    typer.Option(
        "--labels",
        parser=location,
        metavar="PATH",
        help="table of measured conductivities: CSV, XLSX or Parquet; the embedded known conductors if not given",
    ),
]
Properties = Annotated[
    Any,
    typer.Option(
        "--properties",
        parser=location,
        metavar="PATH",
        help="table of further columns by id, such as energy above hull: CSV, XLSX or Parquet",
    ),
]
MaybeLabels = Annotated[
    Any,
    typer.Option(
        "--labels",
        parser=location,
        metavar="PATH",
        help="CSV table of measured conductivities; if not given, the embedded table of measured conductors trains",
    ),
]
MoreLabels = Annotated[
    Any,
    typer.Option(
        "--more-labels",
        parser=location,
        metavar="PATH",
        help="second table: compounds without a crystal, with composition, space group and cell",
    ),
]
RunAt = Annotated[Any, typer.Argument(metavar="RUN", parser=location, help="folder of `screening run`")]
ConfigFile = Annotated[
    Path | None, typer.Option("--config", "-c", help="TOML file of settings; see `screening config`")
]
Seed = Annotated[int | None, typer.Option(help="seed of everything random")]
Workers = Annotated[int | None, typer.Option(help="worker processes; 0 = one per core", min=0)]
Scheduler = Annotated[str | None, typer.Option(help="address of a running Dask scheduler")]
Engine = Annotated[
    str | None, typer.Option(help="homology engine: periodic, supercell, ripser, ripserpp (GPU) or auto")
]
Device = Annotated[
    str | None, typer.Option(help="auto: a GPU if one answers; cuda: a GPU or an error; cpu: no CUDA at all")
]
Ion = Annotated[str | None, typer.Option(help="mobile ion: Li, Na, K, Mg, Ag, ...")]
IdColumn = Annotated[str | None, typer.Option(help="column of the labels that holds the crystal id")]
TargetColumn = Annotated[str | None, typer.Option(help="column of the labels that holds the conductivity")]
AnyTemperature = Annotated[
    bool, typer.Option("--any-temperature", help="keep values measured at other temperatures than 15 to 35 °C")
]
GroupColumn = Annotated[str | None, typer.Option(help="column whose equal values never stand on both sides of a split")]
Threads = Annotated[int | None, typer.Option(help="cores used; all if not given; no result depends on it", min=1)]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="no progress bar; errors and the result only")]
RankLabelled = Annotated[bool, typer.Option("--rank-labelled", help="rank the labelled crystals too")]
Objective = Annotated[
    str | None,
    typer.Option(
        help="order by mean-sd (prediction less a deviation), mean, lower (bound) or chance (of reaching --target)"
    ),
]
Target = Annotated[float | None, typer.Option(help="conductivity that the chance is of reaching, log10 S/cm")]
Exclude = Annotated[
    list[str] | None, typer.Option("--exclude", help="hold back crystals with this element; repeatable")
]
PerPrototype = Annotated[
    int | None,
    typer.Option(
        help="hold back all but the best N of each prototype (space group found and Wyckoff positions)", min=0
    ),
]
Fold = Annotated[
    str | None,
    typer.Option(help="one row a compound: composition, structure (of its prototypes each), or none to list all"),
]
Top = Annotated[int | None, typer.Option(help="candidates shown in the report", min=1)]
Grid = Annotated[float | None, typer.Option(help="largest distance of neighbouring grid points, Å", min=0.05, max=1.0)]
