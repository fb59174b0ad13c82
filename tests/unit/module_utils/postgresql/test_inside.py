"""What is declared to be inside of databases against what is there."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.aurore.infra.plugins.module_utils.postgresql.inside import PRIVILEGES, inside, problems
from hypothesis import given
from hypothesis import strategies as st

FORGE = {"name": "forge", "owner": "forge", "extensions": ["pg_trgm"]}
READ = {"database": "forge", "privileges": ["SELECT"], "roles": ["reader"]}


def entry(kind: str, name: str = "", *privileges: tuple[str, str], schema: str = "public") -> dict[str, Any]:
    return {"type": kind, "schema": schema, "name": name, "privileges": [[*one] for one in privileges]}


def database(*objects: dict[str, Any]) -> dict[str, Any]:
    public = entry("schema", "", ("PUBLIC", "USAGE"))
    return {"extensions": ["pg_trgm", "plpgsql"], "objects": [public, *objects]}


def steps(found: dict[str, Any], *grants: dict[str, Any]) -> dict[str, Any]:
    """What is to be done, without the kinds of step of which there is none."""
    return {kind: value for kind, value in inside({"forge": found}, [FORGE], grants).items() if value}


def test_nothing_is_to_be_done_where_all_is_there() -> None:
    has = ("reader", "SELECT")
    assert steps(database(entry("table", "issue"))) == {}
    assert steps(database(entry("table", "issue", has), entry("table", "", has)), READ) == {}
    assert inside({}, [], []) == {"public": [], "extensions": [], "grants": [], "later": [], "warnings": []}


def test_an_empty_database() -> None:
    assert steps({"extensions": None, "objects": None}, READ) == {
        "extensions": [{"database": "forge", "name": "pg_trgm"}],
        "later": [{**READ, "type": "table", "schema": "public", "objects": [""], "owner": "forge"}],
    }


def test_only_what_lacks_is_granted() -> None:
    found = database(
        entry("table", "issue", ("reader", "SELECT")), entry("table", "star"), entry("sequence", "star_id")
    )
    assert steps(found, READ)["grants"] == [{**READ, "type": "table", "schema": "public", "objects": ["star"]}]
    both = {**READ, "objects": ["issue"], "privileges": ["SELECT", "INSERT"], "roles": ["reader", "bot"]}
    step = {**both, "type": "table", "schema": "public"}
    assert steps(found, both) == {"grants": [step]}
    assert steps(found, {**both, "roles": ["reader"]})["grants"] == [
        {**step, "roles": ["reader"], "privileges": ["INSERT"]}
    ]


def test_a_schema_is_granted_by_its_name() -> None:
    use = {"database": "forge", "type": "schema", "schema": "reports", "privileges": ["USAGE"], "roles": ["reader"]}
    assert steps(database(entry("schema", schema="reports")), use) == {"grants": [{**use, "objects": [""]}]}
    assert steps(database(entry("schema", "", ("reader", "USAGE"), schema="reports")), use) == {}


def test_what_everybody_may_make_is_closed() -> None:
    found = database()
    found["objects"][0]["privileges"].append(["PUBLIC", "CREATE"])
    assert steps(found) == {"public": ["forge"]}


def test_what_is_not_there_is_told() -> None:
    use = {"database": "forge", "type": "schema", "schema": "reports", "privileges": ["USAGE"], "roles": ["reader"]}
    assert steps(database(), {**READ, "objects": ["star"], "roles": ["reader", "bot"]}, use) == {
        "warnings": [
            "the table public.star of forge, on which reader and bot shall have privileges, is not there: run this "
            "again when the service has made it",
            "the schema reports of forge, on which reader shall have privileges, is not there: run this again when the "
            "service has made it",
        ]
    }


def test_what_is_not_declared_is_told_with_what_takes_it_away() -> None:
    found = database(
        entry("table", "issue", ("bot", "INSERT"), ("bot", "SELECT"), ("reader", "SELECT")),
        entry("table", "Star", ("bot", "INSERT"), ("bot", "SELECT"), ("PUBLIC", "SELECT")),
        entry("table", "", ("bot", "DELETE")),
        entry("schema", "", ("bot", "CREATE"), schema="reports"),
    )
    found["extensions"].append("uuid-ossp")
    told = " in forge, which is not declared: declare it, or "
    assert steps(found, {**READ, "objects": ["issue"]}) == {
        "warnings": [
            f'the extension uuid-ossp is{told.replace(", which is", " and")}DROP EXTENSION "uuid-ossp" there',
            f"bot has CREATE on the schema reports{told}REVOKE CREATE ON SCHEMA reports FROM bot there",
            f"bot has DELETE on the tables that forge will make in public{told}ALTER DEFAULT PRIVILEGES FOR ROLE forge "
            "IN SCHEMA public REVOKE DELETE ON TABLES FROM bot there",
            f'PUBLIC has SELECT on 1 table of public{told}REVOKE SELECT ON TABLE public."Star" FROM PUBLIC there',
            f'bot has SELECT, INSERT on 2 tables of public{told}REVOKE SELECT, INSERT ON TABLE public."Star", '
            "public.issue FROM bot there",
        ]
    }


@pytest.mark.parametrize(
    ("grant", "said"),
    [
        ({}, []),
        (
            {"type": "sequence", "privileges": ["USAGE", "ALL", "INSERT"]},
            [
                "the privilege 'ALL' in forge is none that a sequence has: choose from USAGE, SELECT, UPDATE",
                "the privilege 'INSERT' in forge is none that a sequence has: choose from USAGE, SELECT, UPDATE",
            ],
        ),
        (
            {"type": "schema", "privileges": ["USAGE"], "objects": ["a"]},
            ["privileges of a schema in forge are granted on objects: name the schema alone"],
        ),
    ],
)
def test_a_grant_that_cannot_be(grant: dict[str, Any], said: list[str]) -> None:
    assert [*problems(READ | grant)] == said


NAMES = st.lists(st.sampled_from("abc"), unique=True, min_size=1)
GRANTS = st.builds(
    lambda kind, names, roles, data: {
        "database": "forge",
        "type": kind,
        "objects": names if kind != "schema" else [],
        "roles": roles,
        "privileges": data[: len(PRIVILEGES[kind])],
    },
    st.sampled_from(["table", "sequence", "schema"]),
    st.lists(st.sampled_from("abc"), unique=True),
    NAMES,
    st.just(["SELECT", "UPDATE"]),
)


@given(st.lists(GRANTS, max_size=4))
def test_what_was_granted_lacks_no_more(grants: list[dict[str, Any]]) -> None:
    """After all steps nothing lacks, and nothing is there that was not declared."""
    there = [(kind, name) for kind in ("table", "sequence") for name in ("a", "b", "c", "")]
    held: dict[tuple[str, str], set[tuple[str, str]]] = {one: set() for one in there}
    held["schema", ""] = {("PUBLIC", "USAGE")}

    def found() -> dict[str, Any]:
        return database(*(entry(kind, name, *sorted(some)) for (kind, name), some in held.items()))

    first = inside({"forge": found()}, [FORGE], grants)
    for step in [*first["grants"], *first["later"]]:
        for name in step["objects"]:
            held[step["type"], name] |= {(role, one) for role in step["roles"] for one in step["privileges"]}
    assert steps(found(), *grants) == {}
