"""Predictions → ordered candidates, their duplicates, and the kinds of hole that decide."""

from screening.ranking.batches import StoredTables
from screening.ranking.columns import (
    COUNT_COLUMNS,
    FLAG_COLUMNS,
    NUMBER_COLUMNS,
    REQUIRED_COLUMNS,
    CellKind,
    Column,
    cells_of,
    column_label,
    columns_of,
    kind_of,
    known_kind,
    number_cell,
)
from screening.ranking.explain import explain
from screening.ranking.kinds import CURVES, SUBJECTS, Kind, kind_words, kinds_of, reason_unit, reason_words
from screening.ranking.marks import SENTENCES, count_reasons, mark_sentence
from screening.ranking.properties import Properties, properties, read_property_table, sentences, summary
from screening.ranking.rank import POLYMORPH, confirming, labelling, rank
from screening.ranking.stability import stability, write_stability
from screening.ranking.write import duplicates_path, write_ranking, write_rejections

__all__ = [
    "COUNT_COLUMNS",
    "CURVES",
    "FLAG_COLUMNS",
    "NUMBER_COLUMNS",
    "POLYMORPH",
    "REQUIRED_COLUMNS",
    "SENTENCES",
    "SUBJECTS",
    "CellKind",
    "Column",
    "Kind",
    "Properties",
    "StoredTables",
    "cells_of",
    "column_label",
    "columns_of",
    "confirming",
    "count_reasons",
    "duplicates_path",
    "explain",
    "kind_of",
    "kind_words",
    "kinds_of",
    "known_kind",
    "labelling",
    "mark_sentence",
    "number_cell",
    "properties",
    "rank",
    "read_property_table",
    "reason_unit",
    "reason_words",
    "sentences",
    "stability",
    "summary",
    "write_ranking",
    "write_rejections",
    "write_stability",
]
