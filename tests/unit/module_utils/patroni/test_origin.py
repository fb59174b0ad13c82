"""No cluster is made over another one, and no host joins with what is not its own."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import pytest
from ansible_collections.aurore.infra.plugins.module_utils.patroni.origin import State, refusals
from hypothesis import given
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Iterator

OURS, OTHER = "7300000000000000001", "7300000000000000002"


def host(data: Any = "none", initialized: str | None = None, identifier: str = OURS, *, runs: bool = False) -> State:
    return {
        "directory": "/data",
        "data": data,
        "identifier": identifier if data == "cluster" else "",
        "initialized": initialized,
        "runs": runs,
    }


def fleet(*hosts: State) -> dict[str, State]:
    return dict(zip("abc", hosts, strict=False))


# What a host can have of a cluster, without what etcd says.
KINDS = [("none", ""), ("cluster", OURS), ("cluster", OTHER), ("other", "")]


def fleets() -> Iterator[dict[str, State]]:
    """Every combination of two hosts, with what etcd says to both."""
    for known, *kinds in product([None, "", OURS], KINDS, KINDS):
        for runs in product([False, True], repeat=2):
            yield fleet(*(host(data, known, of, runs=run) for (data, of), run in zip(kinds, runs, strict=True)))


# --- Where it may be started


@pytest.mark.parametrize(
    "states",
    [
        pytest.param(fleet(host(), host(), host()), id="there is nothing"),
        pytest.param(fleet(host("cluster", OURS), host("cluster", OURS), host("cluster", OURS)), id="all were stopped"),
        pytest.param(fleet(host("cluster", OURS), host(initialized=OURS)), id="a host is new"),
        pytest.param(fleet(host("cluster", ""), host(initialized="")), id="the cluster is being made"),
        pytest.param(fleet(host("cluster", OURS, runs=True), host(initialized=OURS)), id="one joins"),
        pytest.param(fleet(host("other", OURS, runs=True), host("cluster", OURS)), id="what runs is not asked"),
    ],
)
def test_it_may_be_started(states: dict[str, State]) -> None:
    assert refusals(states) == []
    assert refusals(states, forget_backups=True) == []


# --- Where it must not


def test_a_database_that_etcd_does_not_know_is_not_built_over() -> None:
    [said] = refusals(fleet(host("cluster")))
    assert said.startswith("etcd knows no cluster, but a has a database in /data: a new cluster would take its place.")
    assert "docs/runbooks/etcd-quorum-lost.md" in said
    assert "docs/runbooks/adopt-a-database.md" in said
    [said] = refusals(fleet(host("cluster"), host(), host("cluster")))
    assert "but a and c have a database" in said
    [said] = refusals(fleet(host("cluster"), host("cluster"), host("cluster")))
    assert "but a, b and c have a database" in said


def test_a_cluster_without_data_is_restored() -> None:
    [said] = refusals(fleet(host(initialized=OURS), host(initialized=OURS)), backups=3)
    assert said.startswith(f"etcd knows the cluster {OURS}, but no host has its data")
    assert "docs/runbooks/restore-postgresql.md" in said


def test_backups_are_not_forgotten_by_accident() -> None:
    [said] = refusals(fleet(host(), host()), backups=2)
    assert said.startswith("there is no cluster, but 2 backup(s) of one: restore them")
    assert "patroni_forget_backups=true" in said
    assert refusals(fleet(host(), host()), backups=2, forget_backups=True) == []


def test_some_hosts_alone_make_no_cluster() -> None:
    [said] = refusals(fleet(host()), others=["b", "c"])
    assert said == (
        "a new cluster would be made, and b and c have not been asked for data of an old one: run this without --limit"
    )


def test_a_host_joins_alone() -> None:
    assert refusals(fleet(host(initialized=OURS)), others=["b", "c"]) == []


def test_data_of_another_cluster_do_not_join() -> None:
    [said] = refusals(fleet(host("cluster", OURS), host("cluster", OURS, OTHER)))
    assert said == (
        f"b: /data is of the cluster {OTHER}, but etcd knows {OURS}; move it away, and the host is copied from the "
        "primary"
    )


def test_what_is_no_database_is_left_alone() -> None:
    [said] = refusals(fleet(host(), host("other")))
    assert said == "b: /data is not empty, and is no database; look at what it is and move it away"


def test_all_reasons_are_said_at_once() -> None:
    said = refusals(fleet(host("other"), host("cluster"), host("other")))
    assert [one.partition(":")[0] for one in said[:2]] == ["a", "c"]
    assert said[2].startswith("etcd knows no cluster, but b has")


# --- Whatever there is


@pytest.mark.parametrize("forgets", [False, True])
@pytest.mark.parametrize("backups", [0, 2])
def test_every_combination_of_two_hosts(backups: int, forgets: bool) -> None:
    for states in fleets():
        said = refusals(states, backups, forget_backups=forgets)
        known = states["a"]["initialized"]
        asked = [state for state in states.values() if not state["runs"]]
        lives = len(asked) < len(states)
        clusters = {state["identifier"] for state in asked if state["data"] == "cluster"}
        must_not = [
            any(state["data"] == "other" for state in asked),
            bool(known) and bool(clusters - {known}),
            not lives and known is None and bool(clusters),
            not lives and bool(known) and not clusters,
            not lives and known is None and not clusters and backups > 0 and not forgets,
        ]
        assert len(said) >= sum(must_not), states
        assert bool(said) == any(must_not), states


identifiers = st.sampled_from([OURS, OTHER])
hosts = st.builds(
    host,
    st.sampled_from(["none", "cluster", "other"]),
    st.one_of(st.none(), st.just(""), identifiers),
    identifiers,
    runs=st.booleans(),
)
states = st.dictionaries(st.text("abcdef", min_size=1), hosts, min_size=1)


@given(states=states, backups=st.integers(0, 9), forgets=st.booleans())
def test_a_new_cluster_takes_nobodys_place(states: dict[str, State], backups: int, forgets: bool) -> None:
    """Where it may be started and etcd knows nothing, a cluster is made: then there must be nothing to lose."""
    if any(state["runs"] or state["initialized"] is not None for state in states.values()):
        return
    if not refusals(states, backups, forget_backups=forgets):
        assert all(state["data"] == "none" for state in states.values())
        assert backups == 0 or forgets


@given(states=states, backups=st.integers(0, 9))
def test_to_forget_backups_is_not_to_forget_data(states: dict[str, State], backups: int) -> None:
    """It takes away the one reason that it names."""
    with_backups = refusals(states, backups)
    assert refusals(states, backups, forget_backups=True) == [
        one for one in with_backups if not one.startswith("there is no cluster")
    ]


@given(states=states)
def test_each_stranger_is_named(states: dict[str, State]) -> None:
    said = refusals(states)
    for name, state in states.items():
        is_other = state["data"] == "other"
        of_another = state["data"] == "cluster" and state["initialized"] not in {None, "", state["identifier"]}
        named = [one for one in said if one.startswith(f"{name}: ")]
        assert len(named) == (not state["runs"] and (is_other or of_another))
