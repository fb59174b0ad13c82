"""Parameters fit what a host has, whatever it has; or what does not fit is told."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ansible_collections.aurore.infra.plugins.module_utils.postgresql.parameters import Problems, amount, derive
from hypothesis import given
from hypothesis import strategies as st

PRODUCTION = {"memory": 8, "cores": 4, "disk": 200}
SMALL = {"memory": 1, "cores": 1, "disk": 20}
DATABASES = [{"name": "a", "pool": 15, "pool_reserve": 3, "owner": "a"}, {"name": "b", "pool": 5}]
UNITS = {"MB": 1, "GB": 1024, "TB": 1024 * 1024}

sizes = st.fixed_dictionaries(
    {
        "memory": st.one_of(st.integers(1, 512), st.floats(0.5, 512)),
        "cores": st.integers(1, 64),
        "disk": st.integers(1, 4096),
    }
)


def mebibytes(value: str | int) -> int:
    match = re.fullmatch(r"(\d+)(MB|GB|TB)", str(value))
    assert match is not None
    return int(match[1]) * UNITS[match[2]]


def problems(*arguments: Any, **options: Any) -> tuple[str, ...]:
    with pytest.raises(Problems) as error:
        derive(*arguments, **options)
    assert str(error.value) == "; ".join(error.value.sentences)
    return error.value.sentences


def test_a_member_of_production() -> None:
    assert derive([PRODUCTION] * 3, DATABASES) == {
        "max_connections": 100,
        "superuser_reserved_connections": 10,
        "shared_buffers": "2GB",
        "huge_pages": "try",
        "effective_cache_size": "6GB",
        "work_mem": "21MB",
        "maintenance_work_mem": "512MB",
        "autovacuum_work_mem": "128MB",
        "autovacuum_max_workers": 3,
        "max_wal_size": "8GB",
        "min_wal_size": "2GB",
        "wal_keep_size": "4GB",
        "max_slot_wal_keep_size": "20GB",
        "max_wal_senders": 12,
        "max_replication_slots": 12,
        "max_worker_processes": 8,
        "max_parallel_workers": 4,
        "max_parallel_workers_per_gather": 2,
        "max_parallel_maintenance_workers": 2,
    }


def test_the_smallest_of_each_counts() -> None:
    apart = [{**PRODUCTION, key: SMALL[key]} for key in SMALL]
    assert derive(apart, DATABASES) == derive([SMALL] * 3, DATABASES)


@pytest.mark.parametrize(("memory", "connections"), [(1, 100), (15, 100), (16, 200), (32, 400), (512, 500)])
def test_connections_follow_from_the_memory(memory: int, connections: int) -> None:
    assert derive([{**PRODUCTION, "memory": memory}], [])["max_connections"] == connections


def test_connections_can_be_chosen() -> None:
    few = derive([PRODUCTION], DATABASES, superusers={"Patroni": 2}, others={}, max_connections=40)
    assert few["max_connections"] == 40
    assert few["superuser_reserved_connections"] == 2
    assert mebibytes(few["work_mem"]) > 21


def test_more_members_need_more_senders() -> None:
    assert derive([PRODUCTION], [])["max_wal_senders"] == 10
    assert derive([PRODUCTION] * 5, [])["max_replication_slots"] == 20


@given(st.lists(sizes, min_size=1, max_size=5), st.lists(st.integers(1, 60), max_size=6))
def test_all_fits_or_is_told(members: list[dict[str, Any]], pools: list[int]) -> None:
    memory = int(min(member["memory"] for member in members) * 1024)
    disk = min(member["disk"] for member in members) * 1024
    try:
        found = derive(members, [{"name": f"d{number}", "pool": pool} for number, pool in enumerate(pools)])
    except Problems as told:
        unhelpful = [sentence for sentence in told.sentences if not re.search(r": (give|take) .*\d", sentence)]
        if unhelpful:
            pytest.fail("; ".join(unhelpful))
        return
    assert sum(pools) + 15 <= int(found["max_connections"])
    used = sum(mebibytes(found[name]) for name in ("shared_buffers", "maintenance_work_mem"))
    used += mebibytes(found["work_mem"]) * int(found["max_connections"])
    used += mebibytes(found["autovacuum_work_mem"]) * int(found["autovacuum_max_workers"])
    assert used < memory
    assert mebibytes(found["max_wal_size"]) + mebibytes(found["max_slot_wal_keep_size"]) <= disk // 4
    assert mebibytes(found["wal_keep_size"]) <= mebibytes(found["max_slot_wal_keep_size"])
    assert mebibytes(found["min_wal_size"]) >= 2 * 16
    assert int(found["max_worker_processes"]) >= int(found["max_parallel_workers"])


@given(st.lists(sizes, min_size=1, max_size=3), st.integers(1, 3000))
def test_what_is_told_helps(members: list[dict[str, Any]], connections: int) -> None:
    def attempt(members: list[dict[str, Any]]) -> str:
        try:
            derive(members, [], max_connections=connections, superusers={}, others={})
        except Problems as error:
            return str(error)
        return ""

    told = attempt(members)
    memory = re.search(r"give each member (\d+) GiB", told)
    disk = re.search(r"a disk of (\d+) GiB", told)
    raised = [
        {
            "memory": max(one["memory"], int(memory[1])) if memory else one["memory"],
            "cores": one["cores"],
            "disk": max(one["disk"], int(disk[1])) if disk else one["disk"],
        }
        for one in members
    ]
    assert attempt(raised) == ""
    if fewer := re.search(r"lower max_connections to (\d+)", told):
        connections = int(fewer[1])
        assert "work_mem" not in attempt(members)


def test_too_many_connections() -> None:
    declared = [*DATABASES, {"name": "c", "pool": 70}]
    (told,) = problems([SMALL], declared)
    assert told == (
        "108 connections are declared, 93 pools (a 18, b 5, c 70), 10 superusers (Patroni 3, pgBackRest 2, "
        "administrators 5), 5 others (the exporter 3, PgBouncer's look-ups 2), but max_connections is 100: take 8 from "
        "the pools, or raise max_connections to 108, for which memory must be there"
    )


def test_all_problems_are_told_at_once() -> None:
    told = problems([{"memory": 0.25, "cores": 1, "disk": 5}], [{"name": "a", "pool": 90}])
    assert [re.sub(r"[^a-z_ ].*", "", re.sub(r"^\d+ ", "", sentence)) for sentence in told] == [
        "connections are declared",
        "connections with work_mem ",
        "the log may take ",
    ]
    assert told[1].endswith("but the smallest member has 256 MiB of memory: give each member 1 GiB")
    assert told[2].endswith("disk of 5120 MiB: give each member a disk of 8 GiB")


def test_what_is_not_given_is_told() -> None:
    assert problems([], []) == ("no member's size is given: pass a list with memory, cores and disk of each",)
    declared = [{"pool": 1}, {"name": "a"}, {"name": "a", "pool": 1, "pool_reserve": -1}, {"name": "b", "pool": "2"}]
    assert problems([{"memory": "8", "disk": 0}], declared) == (
        "member 1 of the list has '8' as its memory: give a number above 0",
        "member 1 of the list has None as its cores: give a number above 0",
        "member 1 of the list has 0 as its disk: give a number above 0",
        "database 1 of the list has no name: give it one",
        "the database a has 0 as its pool: give a whole number from 1",
        "the database a is declared twice: remove one",
        "the database a has -1 as its pool_reserve: give a whole number from 0",
        "the database b has '2' as its pool: give a whole number from 1",
    )


@pytest.mark.parametrize(("number", "text"), [(5, "5MB"), (1024, "1GB"), (1536, "1536MB"), (2097152, "2TB")])
def test_amounts_are_as_postgresql_prints_them(number: int, text: str) -> None:
    assert amount(number) == text
