"""A vote that is taken back and the end of a term cannot cross: whichever is first, the other one does not happen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from patroni_fence.view import View, look
from patroni_fence.votes import LASTS, Votes

from .memory import CLUSTER, LEADER, VOTES, Client, Memory

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def etcd() -> Memory:
    """The primary is a, and all replicas have said that they do not listen to it."""
    memory = Memory()
    memory.lead("a", "77", "b", "c")
    for name in "bc":
        votes(memory, name).give(seen(memory), votes(memory, name).prepare())
    return memory


def votes(etcd: Memory, name: str) -> Votes:
    return Votes(Client(etcd, [("192.0.2.1", 2379)]), CLUSTER, VOTES, name)


def seen(etcd: Memory) -> View:
    return look(Client(etcd, [("192.0.2.1", 2379)]), CLUSTER, VOTES)


def test_with_all_votes_a_term_ends_once(etcd: Memory) -> None:
    view = seen(etcd)
    assert view.votes == {"b", "c"}
    assert votes(etcd, "b").end(view)
    assert etcd.leader is None
    assert "77" not in etcd.leases
    assert not votes(etcd, "c").end(view)


def test_who_takes_a_vote_back_in_time_keeps_the_term_from_ending(etcd: Memory) -> None:
    view = seen(etcd)
    assert votes(etcd, "b").take_back(view)
    assert not votes(etcd, "c").end(view)
    assert etcd.leader == "a"


def test_who_comes_too_late_is_told(etcd: Memory) -> None:
    view = seen(etcd)
    assert votes(etcd, "c").end(view)
    assert not votes(etcd, "b").take_back(view)
    assert etcd.votes["b"] == "a/77"


@pytest.mark.parametrize(
    "happens",
    [
        pytest.param(lambda etcd: etcd.follow("a", "b", "d"), id="it has other replicas"),
        pytest.param(lambda etcd: etcd.lead("a", "78", "b", "c"), id="it leads anew"),
        pytest.param(lambda etcd: etcd.lead("b", "78", "c"), id="another one leads"),
        pytest.param(lambda etcd: etcd.entries.pop(LEADER), id="nobody leads"),
    ],
)
def test_what_was_seen_must_still_hold(etcd: Memory, happens: Callable[[Memory], object]) -> None:
    view = seen(etcd)
    happens(etcd)
    leader = etcd.leader
    assert not votes(etcd, "b").end(view)
    assert not votes(etcd, "b").take_back(view)
    assert (etcd.leader, etcd.votes) == (leader, {"b": "a/77", "c": "a/77"})


def test_a_vote_about_another_term_ends_nothing(etcd: Memory) -> None:
    view = seen(etcd)
    etcd.put(f"{VOTES}b", "a/76")
    assert not votes(etcd, "c").end(view)


def test_a_vote_ends_by_itself_and_can_be_taken_back_then(etcd: Memory) -> None:
    etcd.renew("77")
    etcd.wait(LASTS)
    view = seen(etcd)
    assert view.votes == frozenset()
    assert votes(etcd, "b").take_back(view)
