"""run.json: what a run was given, what it did and what it made, typed and versioned."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from screening.errors import InputError
from screening.locations import write_whole

FORMAT_VERSION = 2


class Counts(BaseModel):
    """Numbers of crystals; found = featurized + rejected."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    found: int = Field(ge=0)
    featurized: int = Field(ge=0)
    rejected: int = Field(ge=0)
    resumed: int = 0  # of the found, computed by an earlier start of the run
    labelled: int = Field(ge=0)
    candidates: int | None = None
    ranked: int | None = None
    duplicates: int = 0
    radius_cut: int = 0


class RunRecord(BaseModel):
    """What run.json says. Records without a `format_version` were written before it was stated."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    format_version: Literal[1, 2] = 1
    # "ranked": all but the page is written; format 1 said "finished" then already
    status: Literal["ranked", "finished"] = "finished"
    version: str
    versions: dict[str, str]
    crystals: tuple[str, ...]
    labels: str
    engine: str
    device: dict[str, Any] = {}
    fallbacks: dict[str, int] = {}  # clouds done by another engine than asked for, by reason
    seed: int
    inputs_sha256: str
    counts: Counts
    duplicates_checked: dict[str, int] = {}
    outputs: dict[str, str] | None = None  # SHA-256 (hex) by file
    rejected_by_code: dict[str, int] = {}
    passed_over: tuple[str, ...] = ()  # files that are no crystals, a sentence for each suffix
    properties: dict[str, Any] = {}  # columns joined by id, and how many ids of their table are no crystal's
    flags: dict[str, int] = {}  # featurized crystals by flag
    held_back: dict[str, int] = {}  # ranked crystals by the reason for which they stand behind all others
    marks: dict[str, int] = {}  # ranked crystals by mark
    scores: dict[str, Any] = {}
    seconds: dict[str, float] = {}  # by stage
    config: dict[str, Any]

    def section(self, name: str) -> dict[str, Any]:
        """Return the settings of one section, empty where the record has none."""
        found: dict[str, Any] = self.config.get(name, {})
        return found


def read_record(path: Path, *, n_rejected: int | None = None) -> RunRecord:
    """Return run.json, whose counts close.

    The number ranked is not held against the ranking: that table may be written anew by `screening rank`.

    Parameters
    ----------
    path
        The file.
    n_rejected
        Rows of rejected.csv, held against the record where given.

    Raises
    ------
    InputError
        It cannot be read, a key is missing, or counts do not close.
    """
    try:
        record = RunRecord.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}; run `screening run` to the end first") from error
    except ValidationError as error:
        faults = error.errors()
        if faults[0]["type"] == "json_invalid":
            raise InputError(f"{path} is not JSON: {faults[0]['msg']}") from error
        missing = [".".join(map(str, fault["loc"])) for fault in faults if fault["type"] == "missing"]
        if missing:
            raise InputError(f"{path} lacks {', '.join(missing)}; run `screening run` to the end first") from error
        fault = faults[0]
        raise InputError(f"{path}: {'.'.join(map(str, fault['loc']))}: {fault['msg']}") from error
    counts = record.counts
    if counts.found != counts.featurized + counts.rejected:
        raise InputError(
            f"{path}: {counts.found} found is not {counts.featurized} featurized + {counts.rejected} rejected"
        )
    if n_rejected is not None and counts.rejected != n_rejected:
        raise InputError(f"{path} counts {counts.rejected} rejected, rejected.csv {n_rejected}: two different runs")
    return record


def write_record(path: Path, record: RunRecord) -> None:
    """Write run.json, whole or not at all."""
    write_whole(path, (record.model_dump_json(indent=2) + "\n").encode())
