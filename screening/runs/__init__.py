"""A RUN folder: its layout, its record, how far it is, and whether it is sound."""

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
    read_csv,
    read_duplicates,
    read_json,
    read_kinds,
    read_polymorphs,
    read_ranking,
    read_run,
    read_stability,
    read_training,
    unguard,
)
from screening.runs.record import FORMAT_VERSION, Counts, RunRecord, read_record, write_record
from screening.runs.status import status
from screening.runs.verify import metadata_covered, repaired, verify

__all__ = [
    "FORMAT_VERSION",
    "RECORD",
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
    "read_beeswarm",
    "read_csv",
    "read_duplicates",
    "read_json",
    "read_kinds",
    "read_polymorphs",
    "read_ranking",
    "read_record",
    "read_run",
    "read_stability",
    "read_training",
    "rejected_beside",
    "repaired",
    "run_folder",
    "status",
    "unguard",
    "verify",
    "write_record",
]
