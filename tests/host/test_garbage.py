"""The search for circular garbage: put off, and afterwards as it was."""

from __future__ import annotations

import gc

import pytest

from screening.host import no_search_for_cycles


def test_the_search_is_as_it_was_afterwards_also_after_an_error() -> None:
    assert gc.isenabled()
    with no_search_for_cycles():
        assert not gc.isenabled()
        with no_search_for_cycles():
            assert not gc.isenabled()
        assert not gc.isenabled()
    with pytest.raises(ZeroDivisionError), no_search_for_cycles():
        divmod(1, 0)
    assert gc.isenabled()
