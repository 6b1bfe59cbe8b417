"""A RUN folder: its layout, its record, how far it is, and whether it is sound."""

from screening.runs.barriers import BarrierRows, read_barriers, read_pathways, with_barriers, write_barriers
from screening.runs.folder import (
    RECORD,
    RunPaths,
    foreign_names,
    output_digests,
    passed_over,
    ranking_path,
    rejected_beside,
    run_folder,
)
from screening.runs.journal import Journal
from screening.runs.read import (
    Run,
    model_scores,
    read_beeswarm,
    read_duplicates,
    read_json,
    read_kinds,
    read_polymorphs,
    read_ranking,
    read_run,
    read_stability,
    read_training,
)
from screening.runs.record import FORMAT_VERSION, Counts, RunRecord, read_record, write_record
from screening.runs.series import COLUMNS as SERIES_COLUMNS
from screening.runs.series import FOLDER as SERIES_FOLDER
from screening.runs.series import read_series, series_file
from screening.runs.status import status
from screening.runs.tables import read_csv, unguard
from screening.runs.verify import metadata_covered, repaired, verify

__all__ = [
    "FORMAT_VERSION",
    "RECORD",
    "SERIES_COLUMNS",
    "SERIES_FOLDER",
    "BarrierRows",
    "Counts",
    "Journal",
    "Run",
    "RunPaths",
    "RunRecord",
    "foreign_names",
    "metadata_covered",
    "model_scores",
    "output_digests",
    "passed_over",
    "ranking_path",
    "read_barriers",
    "read_beeswarm",
    "read_csv",
    "read_duplicates",
    "read_json",
    "read_kinds",
    "read_pathways",
    "read_polymorphs",
    "read_ranking",
    "read_record",
    "read_run",
    "read_series",
    "read_stability",
    "read_training",
    "rejected_beside",
    "repaired",
    "run_folder",
    "series_file",
    "status",
    "unguard",
    "verify",
    "with_barriers",
    "write_barriers",
    "write_record",
]
