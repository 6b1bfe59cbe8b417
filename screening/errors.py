"""Errors and rejections: what may go wrong, and its stable name.

ScreeningError                 anything this package raises on purpose; the CLI prints it and exits 1
├── ConfigError                a setting, flag or TOML key is wrong
├── InputError                 a path, table or archive cannot be used as a whole
├── StoreError                 a feature store is missing, damaged or of another config
├── ModelError                 a model directory cannot be read or does not fit the features
├── UnavailableError           something that was asked for is not to be had here
│   ├── MissingExtraError      a library of an optional part of this package is not installed
│   ├── EngineUnavailableError a named engine does not work here
│   └── DeviceUnavailableError a GPU was asked for and none answers
└── RejectionError             one crystal cannot be used; becomes a `Rejection` row, the run goes on
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ScreeningError(Exception):
    """Base of every error raised on purpose by this package."""


class ConfigError(ScreeningError):
    """A setting, flag or configuration key is wrong."""


class InputError(ScreeningError):
    """An input path, table or archive cannot be used as a whole."""


class StoreError(ScreeningError):
    """A feature store is missing, damaged, or was made with another configuration."""


class ModelError(ScreeningError):
    """A model directory cannot be read, or does not fit the features offered to it."""


class LeakError(ModelError):
    """A fold would train on what it is judged by: a fault of this program, never passed over."""


class UnavailableError(ScreeningError):
    """Something that was asked for is not to be had here; the message says what to do."""


class MissingExtraError(UnavailableError):
    """Libraries of an optional part of this package are not installed; the message says how to get them."""


class EngineUnavailableError(UnavailableError):
    """A named engine does not work here; the message says what to do."""


class DeviceUnavailableError(UnavailableError):
    """A GPU was asked for and none answers; the message says what to do."""


class Code(StrEnum):
    """Stable rejection codes, as they stand in `rejected.csv`. Never renamed, only added to."""

    NOT_CIF = "not-cif"  # not text, or not CIF syntax
    EMPTY = "empty"  # no bytes, or white space alone
    NO_ATOMS = "no-atoms"  # a block without a single placed atom
    NO_CELL = "no-cell"  # cell lengths or angles missing
    BAD_CELL = "bad-cell"  # not positive, not finite, or of no volume
    BAD_SYMMETRY = "bad-symmetry"  # operations unreadable, contradictory or not a group
    BAD_SITE = "bad-site"  # a coordinate or occupancy that is no usable number
    BAD_ELEMENT = "bad-element"  # a symbol that names no element
    NO_MOBILE_ION = "no-mobile-ion"  # the crystal does not hold the mobile ion
    TOO_LARGE = "too-large"  # a limit on bytes, blocks, sites or operations is passed
    UNSAFE_PATH = "unsafe-path"  # an archive member with an absolute or `..` name, or a link
    UNREADABLE = "unreadable"  # the file cannot be opened or decompressed
    TIME_LIMIT = "time-limit"  # the crystal took longer than allowed
    WORKER_KILLED = "worker-killed"  # the process died on this crystal
    INTERNAL = "internal-error"  # a fault of this program; the detail says where
    NO_STRUCTURE = "no-structure"  # a file or entry of another format than CIF without a crystal structure
    BAD_STRUCTURE = "bad-structure"  # an entry that its format's reader cannot make sense of
    PASSED_OVER = "passed-over"  # files of one suffix in folders and archives that are no crystals


@dataclass(frozen=True, slots=True)
class Rejection:
    """One crystal that could not be used, as a row of the ledger."""

    id: str  # crystal id, as it would stand in the ranking
    source: str  # path, or archive and member, it came from
    stage: str  # the stage that refused it
    code: Code  # stable reason
    detail: str  # one sentence for a person


class RejectionError(ScreeningError):
    """One crystal cannot be used.

    Parameters
    ----------
    code
        The stable reason.
    detail
        One sentence for a person.
    """

    def __init__(self, code: Code, detail: str) -> None:
        super().__init__(f"{code.value}: {detail}")
        self.code = code
        self.detail = detail

    def __reduce__(self) -> tuple[type[RejectionError], tuple[Code, str]]:
        """Pickle by code and detail, so that the error survives the way between processes."""
        return (type(self), (self.code, self.detail))
