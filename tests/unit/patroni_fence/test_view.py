"""What etcd says, as one look sees it."""

from __future__ import annotations

import pytest
from patroni_fence.etcd import EtcdUnavailableError
from patroni_fence.view import View, look

from .memory import CLUSTER, LEADER, SYNC, VOTES, Client, Memory


def seen(etcd: Memory) -> View:
    return look(Client(etcd, [("192.0.2.1", 2379)]), CLUSTER, VOTES)


@pytest.fixture
def etcd() -> Memory:
    memory = Memory()
    memory.lead("a", "77", "b", "c")
    return memory


def test_while_nobody_leads_there_is_nothing_to_see() -> None:
    assert seen(Memory()) == View(None, "", 0, frozenset(), frozenset(), {})


def test_a_leader_its_replicas_and_its_silence(etcd: Memory) -> None:
    etcd.wait(12.5)
    view = seen(etcd)
    assert (view.leader, view.lease, view.silent) == ("a", "77", 12)
    assert view.synchronous == {"b", "c"}
    assert view.votes == frozenset()
    assert view.term == "a/77"
    assert view.revisions == {key: str(etcd.entries[key].revision) for key in (LEADER, SYNC)}


def test_the_last_second_of_a_lease(etcd: Memory) -> None:
    etcd.wait(19.5)
    assert seen(etcd).silent == 19


def test_votes_count_for_their_term_alone(etcd: Memory) -> None:
    for member, term in {"b": "a/77", "c": "a/76", "d": "c/77"}.items():
        etcd.put(f"{VOTES}{member}", term)
    assert seen(etcd).votes == {"b"}


@pytest.mark.parametrize(
    ("written", "names"),
    [
        ('{"leader": "a", "sync_standby": "b"}', {"b"}),
        ('{"leader": "a", "sync_standby": "b,c"}', {"b", "c"}),
        ('{"leader": "a", "sync_standby": ""}', set()),
        ('{"leader": "a", "sync_standby": null}', set()),
        ('{"leader": "a"}', set()),
        # Of an earlier leader: nobody knows yet whom this one waits for.
        ('{"leader": "b", "sync_standby": "a,c"}', set()),
        ("{}", set()),
    ],
)
def test_synchronous_replicas_are_this_leaders(etcd: Memory, written: str, names: set[str]) -> None:
    etcd.put(SYNC, written)
    assert seen(etcd).synchronous == names


def test_a_cluster_that_never_had_synchronous_replicas(etcd: Memory) -> None:
    del etcd.entries[SYNC]
    view = seen(etcd)
    assert view.synchronous == frozenset()
    assert view.revisions[SYNC] == "0"


def test_a_leader_without_a_lease_is_not_silent(etcd: Memory) -> None:
    etcd.put(LEADER, "a")
    etcd.wait(100)
    view = seen(etcd)
    assert (view.leader, view.lease, view.silent) == ("a", "", 0)


def test_a_lease_that_ends_between_two_questions_has_no_leader(etcd: Memory) -> None:
    """Not one that is alive: its silence cannot be known any more."""
    answers = iter(range(9))
    etcd.before_each = lambda: etcd.wait(30) if next(answers) == 1 else None
    assert seen(etcd) == View()


def test_an_etcd_that_is_away_is_told(etcd: Memory) -> None:
    etcd.is_away = True
    with pytest.raises(EtcdUnavailableError):
        seen(etcd)
