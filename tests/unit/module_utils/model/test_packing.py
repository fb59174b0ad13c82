"""Packing finds an arrangement if there is one, says which, and does not take for ever."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING

import pytest
from ansible_collections.aurore.infra.plugins.module_utils.model.rules.packing import (
    GivenUp,
    Patience,
    Space,
    arrange,
    best_fit,
    shortage,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from .fleet import fleet

if TYPE_CHECKING:
    from ansible_collections.aurore.infra.plugins.module_utils.model.schema import Guest

NONE = frozenset[str]()


def guests(*memories: int, group: str | None = None) -> list[Guest]:
    """Guests of some sizes."""
    model = fleet().guests[0]
    return [replace(model, name=f"g{n}", memory=memory, anti_affinity=group) for n, memory in enumerate(memories)]


def spaces(*rooms: int) -> Counter[Space]:
    """Empty nodes."""
    return Counter(Space(room, NONE) for room in rooms)


def test_best_fit_leaves_what_it_did_not_use() -> None:
    left = spaces(8, 5, 5)
    assert [guest.name for guest in best_fit(guests(5, 4, 4, 6), left)] == ["g3"]
    assert left == spaces(0, 1, 4)


def test_members_of_a_group_go_to_different_nodes() -> None:
    left = spaces(9, 9)
    assert [guest.name for guest in best_fit(guests(1, 1, 1, group="x"), left)] == ["g2"]
    assert left == Counter({Space(8, frozenset({"x"})): 2})
    assert arrange(guests(1, 1, 1, group="x"), spaces(9, 9), Patience()) is None


def test_what_is_short_is_what_one_would_have_to_add() -> None:
    assert shortage(guests(5, 4), spaces(3, 2)) == 2 + 2
    assert shortage(guests(5), spaces(-3)) == 5
    assert shortage(guests(5), Counter()) == 5
    assert shortage(guests(5, group="x"), Counter({Space(9, frozenset({"x"})): 1})) == 5


def test_nothing_to_place() -> None:
    assert arrange([], spaces(1), Patience(0)) == []


def test_patience_ends() -> None:
    with pytest.raises(GivenUp):
        arrange(guests(3, 2, 2, 2), spaces(5, 4), Patience(1))


def test_more_guests_than_python_has_stack() -> None:
    assert arrange(guests(*[1] * 5000), spaces(2500, 2500), Patience()) is not None


@settings(max_examples=300)
@given(st.lists(st.integers(1, 6), max_size=6), st.lists(st.integers(0, 12), max_size=3))
def test_an_arrangement_is_found_if_and_only_if_there_is_one(memories: list[int], rooms: list[int]) -> None:
    found = arrange(guests(*memories), spaces(*rooms), Patience())
    exists = any(
        all(
            sum(size for size, at in zip(memories, places, strict=True) if at == node) <= rooms[node] for node in places
        )
        for places in product(range(len(rooms)), repeat=len(memories))
    )
    assert (found is not None) == exists
    if found is not None:
        left = spaces(*rooms)
        for guest, space in zip(guests(*memories), found, strict=True):
            assert left[space] > 0
            assert space.room >= guest.memory
            left[space] -= 1
            left[space.with_guest(guest)] += 1
