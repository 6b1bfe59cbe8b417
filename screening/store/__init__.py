"""The feature store: a Zarr group with a ledger, on a disk or an object store."""

from screening.store.export import export_features
from screening.store.lease import is_alive, this_process
from screening.store.ledger import LedgerEntry
from screening.store.pointer import point, pointed
from screening.store.properties import property_writer, read_properties
from screening.store.read import (
    count_flags,
    differences,
    iter_tables,
    read_rejections,
    read_some,
    read_table,
    tables_by_id,
)
from screening.store.repair import Repair, repair
from screening.store.store import FeatureStore, exists, number_names
from screening.store.tables import (
    ARRAYS,
    DISTANCE,
    FEATURIZED,
    N_ELEMENTS,
    NUMBERS,
    REJECTED,
    STRINGS,
    FeatureTable,
    ShardRows,
    joined_tables,
)

__all__ = [
    "ARRAYS",
    "DISTANCE",
    "FEATURIZED",
    "NUMBERS",
    "N_ELEMENTS",
    "REJECTED",
    "STRINGS",
    "FeatureStore",
    "FeatureTable",
    "LedgerEntry",
    "Repair",
    "ShardRows",
    "count_flags",
    "differences",
    "exists",
    "export_features",
    "is_alive",
    "iter_tables",
    "joined_tables",
    "number_names",
    "point",
    "pointed",
    "property_writer",
    "read_properties",
    "read_rejections",
    "read_some",
    "read_table",
    "repair",
    "tables_by_id",
    "this_process",
]
