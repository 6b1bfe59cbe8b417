"""Measured values from tables: bounds, columns found by name, and refusals that name the row."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from screening.errors import InputError
from screening.learn.labels import read_labels

HEAD = "ID,Ionic conductivity (S cm-1),DOI,Family,Reduced Composition\n"


def write(folder: Path, text: str) -> Path:
    path = folder / "labels.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_values_bounds_and_optional_columns(tmp_path: Path) -> None:
    path = write(tmp_path, "\ufeff" + HEAD + "a,1.0e-3,10.1/x,oxides,LiO\n b ,<1E-10,,,LiS\nc, ≤ 2e-8 ,10.1/x,,\n")
    labels = read_labels(path)
    assert labels.ids.tolist() == ["a", "b", "c"]
    np.testing.assert_allclose(labels.log_sigma, [-3.0, -10.0, np.log10(2e-8)], atol=1e-12)
    assert labels.is_bound.tolist() == [False, True, True]
    assert labels.publication is not None
    assert labels.publication.tolist() == ["10.1/x", "", "10.1/x"]
    assert labels.family is not None
    assert labels.family.tolist() == ["oxides", "", ""]
    assert labels.composition is not None
    assert labels.composition.tolist() == ["LiO", "LiS", ""]


def test_columns_named_by_the_user_and_logarithms(tmp_path: Path) -> None:
    path = write(tmp_path, "crystal,log_sigma,lab\na,-4.5,x\nb,0.25,y\n")
    labels = read_labels(path, id_column="crystal", target_column="log_sigma", group_column="lab")
    assert labels.log_sigma.tolist() == [-4.5, 0.25]
    assert labels.publication is not None
    assert labels.publication.tolist() == ["x", "y"]
    assert labels.family is None
    assert labels.composition is None


def test_quoted_cells_hold_commas(tmp_path: Path) -> None:
    labels = read_labels(write(tmp_path, 'id,"conductivity, S/cm"\n"a,1",1e-3\n'))
    assert labels.ids.tolist() == ["a,1"]


@pytest.mark.parametrize("value", ["0", "-1e-4", "nan", "inf", "1e-400", "", "n/a", ">1e-3", "< ", "1e-3 S/cm"])
def test_a_value_that_is_no_positive_number_is_refused_with_its_row(tmp_path: Path, value: str) -> None:
    with pytest.raises(InputError, match="row 3"):
        read_labels(write(tmp_path, f"id,conductivity\na,1e-3\nb,{value}\n"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is not a comma-separated table"),
        ("id,conductivity\n", "holds no labels"),
        ("x,conductivity\na,1\n", "--id-column"),
        ("id,value\na,1\n", "--target-column"),
        ("id,conductivity bulk,conductivity total\na,1,1\n", "--target-column"),
        ("id,conductivity (mS/cm)\na,1\n", "not in S/cm"),
        ("id,conductivity (S/m)\na,1\n", "not in S/cm"),
        ("id,conductivity\na,1\na,2\n", "row 3: id 'a' appears twice"),
        ("id,conductivity\na,1\n ,2\n", "row 3: the id is empty"),
        ("id,conductivity\na,1\nb,1,3,4\n", "is not a comma-separated table"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        read_labels(write(tmp_path, text))


def test_missing_file_bytes_and_column_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read"):
        read_labels(tmp_path / "none.csv")
    binary = tmp_path / "binary.csv"
    binary.write_bytes(b"id,conductivity\n\xff\xfe,1\n")
    with pytest.raises(InputError, match="is not a comma-separated table"):
        read_labels(binary)
    with pytest.raises(InputError, match="no column 'nope'"):
        read_labels(write(tmp_path, "id,conductivity\na,1\n"), group_column="nope")


def test_the_real_table(shared_data: Path) -> None:
    labels = read_labels(shared_data / "obelix-train" / "labels.csv")
    assert len(labels) == 254
    text = (shared_data / "obelix-train" / "labels.csv").read_text(encoding="utf-8")
    assert int(labels.is_bound.sum()) == text.count("<1E-")
    assert labels.publication is not None
    assert len(set(labels.publication)) == 127
    assert -18 < labels.log_sigma.min() < labels.log_sigma.max() < 0
