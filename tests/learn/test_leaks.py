"""Compounds without a crystal: one leak of each kind is planted, must be kept out, and must be seen where it is not."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from screening.elements import NUMBERS
from screening.errors import ModelError
from screening.learn.leaks import FREE, JOINS, Relation
from screening.learn.made import Made
from screening.learn.names import merged_families, publication_key

N = 6
RNG = np.random.default_rng(0)
FEATURES = RNG.normal(size=(N, 40)).astype(np.float32) * 5
APART = np.random.default_rng(1).normal(size=(8, 40)).astype(np.float32) * 5


def shares(*amounts: float) -> np.ndarray:
    row = np.zeros(119)
    row[[NUMBERS[symbol] for symbol in ("Li", "La", "O", "S", "P", "Cl")][: len(amounts)]] = amounts
    return row / row.sum()


OWN = np.array([shares(1, number + 1, 3) for number in range(N)])
PAPERS = np.array([f"10.1000/{number}" for number in range(N)], dtype=object)
IDS = np.array([f"c{number}" for number in range(N)], dtype=object)


def relation(
    *,
    features: np.ndarray | None = None,
    fractions: np.ndarray | None = None,
    publication: tuple[str, ...] = ("10.2000/a",),
    template: tuple[int, ...] = (0,),
    templates: tuple[str, ...] = ("outside",),
    template_features: np.ndarray | None = None,
    template_fractions: np.ndarray | None = None,
) -> Relation:
    """A relation of six unrelated crystals to compounds that differ from them in everything, unless told otherwise."""
    m, t = len(publication), len(templates)
    made = Made(
        ids=np.array([f"m{number}" for number in range(m)], dtype=object),
        target=np.zeros(m),
        is_bound=np.zeros(m, dtype=np.bool_),
        publication=np.array(publication, dtype=object),
        template=np.array(template, dtype=np.int64),
        rule=np.array(["cell"] * m, dtype=object),
        distance=np.arange(m) / 100.0,
        features=APART[:m] if features is None else features,
        fractions=np.array([shares(1, 1, 1, 1, number + 2) for number in range(m)]) if fractions is None else fractions,
        template_ids=np.array(templates, dtype=object),
        template_features=APART[4 : 4 + t] if template_features is None else template_features,
        template_fractions=np.array([shares(1, 0, 0, 2, 1, number + 1) for number in range(t)])
        if template_fractions is None
        else template_fractions,
    )
    return Relation.of(ids=IDS, features=FEATURES, fractions=OWN, publication=PAPERS, made=made)


def held(*rows: int) -> np.ndarray:
    return np.isin(np.arange(N), rows)


def planted(kind: str) -> Relation:
    """One compound that leaks crystal 2, by one kind of relation."""
    close = OWN[2].copy()
    close[NUMBERS["La"]] -= 0.0025
    close[NUMBERS["O"]] += 0.0025
    near = FEATURES[2:3] * np.float32(1.0001)
    return {
        "publication": lambda: relation(publication=("https://doi.org/10.1000/2",)),
        "publication in capitals": lambda: relation(publication=("DOI:10.1000/2 ".upper(),)),
        "composition within 3e-3": lambda: relation(fractions=close[None, :]),
        "near-duplicate curves": lambda: relation(features=near),
        "template": lambda: relation(templates=("c2",), template_features=FEATURES[2:3], template_fractions=OWN[2:3]),
        "template of its composition": lambda: relation(template_fractions=close[None, :]),
        "template with its curves": lambda: relation(template_features=near),
    }[kind]()


KINDS = (
    "publication",
    "publication in capitals",
    "composition within 3e-3",
    "near-duplicate curves",
    "template",
    "template of its composition",
    "template with its curves",
)


def test_an_unrelated_compound_trains() -> None:
    free = relation()
    assert not free.near(held(0, 1, 2)).any()
    assert free.hung_on(np.arange(N)).tolist() == [FREE]
    free.check(np.array([True]), held(0, 1, 2), groups=np.arange(N))


@pytest.mark.parametrize("kind", KINDS)
def test_a_planted_leak_is_kept_out_and_seen(kind: str) -> None:
    leaking = planted(kind)
    assert leaking.near(held(2)).tolist() == [True]
    assert leaking.near(held(0, 1, 3, 4, 5)).tolist() == [False]
    assert leaking.hung_on(np.arange(N)).tolist() == [2]
    with pytest.raises(ModelError, match="leak: m0"):
        leaking.check(np.array([True]), held(2))
    leaking.check(np.array([False]), held(2), groups=np.arange(N))
    leaking.check(np.array([True]), held(0), groups=np.arange(N))


def test_what_is_related_to_a_labelled_template_is_related_to_the_compound() -> None:
    """The template is c1, and c1 shares a publication with c2: testing c2, the compound stays out."""
    papers = PAPERS.copy()
    papers[1] = papers[2]
    one = relation(templates=("c1",), template_features=FEATURES[1:2], template_fractions=OWN[1:2])
    shared = dataclasses.replace(one, pairs=one.pairs | {"publication": np.array([[1, 2]])})
    assert one.near(held(2)).tolist() == [False]
    assert shared.near(held(2)).tolist() == [True]


def test_a_composition_just_beyond_the_limit_is_another() -> None:
    beyond = OWN[2].copy()
    beyond[NUMBERS["La"]] -= 0.0035
    beyond[NUMBERS["O"]] += 0.0035
    assert not relation(fractions=beyond[None, :]).near(held(2)).any()


def test_a_path_over_another_compound_leaks_where_groups_are_left_out() -> None:
    """m1 shares a paper with m0, which has the composition of crystal 2: no relation of its own, but a path."""
    two = relation(
        publication=("10.2000/a", "10.2000/a"),
        template=(0, 1),
        templates=("outside", "beyond"),
        fractions=np.array([OWN[2], shares(1, 1, 1, 1, 9)]),
    )
    assert two.near(held(2)).tolist() == [True, False]
    assert two.hung_on(np.arange(N)).tolist() == [2, 2]
    two.check(np.array([False, True]), held(2))
    with pytest.raises(ModelError, match="path"):
        two.check(np.array([True, True]), held(3), groups=np.where(np.arange(N) == 3, 2, np.arange(N)))


def test_a_compound_that_would_join_two_groups_is_left_out_for_good() -> None:
    joining = relation(publication=("10.1000/4",), fractions=OWN[2:3])
    assert joining.hung_on(np.arange(N)).tolist() == [JOINS]
    one_group = np.array([0, 1, 2, 3, 2, 5])
    assert joining.hung_on(one_group).tolist() == [2]


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=14),
    st.lists(st.integers(0, 3), min_size=N, max_size=N),
    st.integers(0, 3),
)
def test_whatever_is_related_what_is_admitted_passes_the_check(
    edges: list[tuple[int, int]], groups: list[int], out: int
) -> None:
    """Random relations of six crystals and four compounds on two templates: the choice holds what the check asks."""
    plain = relation(publication=("", "", "", ""), template=(0, 0, 1, 1), templates=("outside", "beyond"))
    pairs = np.array(edges, dtype=np.int64).reshape(-1, 2)
    found = dataclasses.replace(plain, pairs=plain.pairs | {"planted": pairs[pairs[:, 0] != pairs[:, 1]]})
    whole = found.whole(np.array(groups))
    hung = found.hung_on(whole)
    test = whole == whole[out]
    used = (hung != JOINS) & ~np.isin(hung, whole[test]) & ~found.near(test)
    found.check(used, test, groups=whole)


def test_names_of_publications_and_families() -> None:
    assert publication_key(" https://dx.doi.org/10.1016/J.SSI.2015.10.016 ") == "10.1016/j.ssi.2015.10.016"
    assert publication_key("doi: 10.1/x") == publication_key("DOI.org/10.1/X") == "10.1/x"
    assert publication_key("Journal de  Physique 26") == "journal de physique 26"
    stated = np.array(
        ["argyrodites", "Argyrodite", "argyrodites", "cholorides", "chlorides", "chlorides", ""], dtype=object
    )
    assert merged_families(stated).tolist() == [*["argyrodites"] * 3, *["chlorides"] * 3, ""]
