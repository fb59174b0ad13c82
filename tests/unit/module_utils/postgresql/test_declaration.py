"""What is declared against what a server holds: steps until nothing differs, and never one that removes by itself."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.aurore.infra.plugins.module_utils.postgresql.declaration import Declared, plan
from ansible_collections.aurore.infra.plugins.module_utils.postgresql.parameters import Problems
from ansible_collections.aurore.infra.plugins.module_utils.postgresql.scram import verifier
from hypothesis import given
from hypothesis import strategies as st

ATTRIBUTES = "NOSUPERUSER,NOCREATEDB,NOCREATEROLE,NOREPLICATION,NOBYPASSRLS"
SYSTEM = [{"name": "pgbouncer"}, {"name": "exporter", "member_of": ["pg_monitor"]}]
KEPT = ["postgres", "rewind"]
DATABASES = [
    {"name": "forge", "owner": "forge", "connect": ["reader"], "pool": 5},
    {"name": "synapse", "owner": "synapse", "collate": "C", "ctype": "C"},
]
ROLES = [
    {"name": "forge", "password": "abc"},
    {"name": "synapse", "password": "def"},
    {"name": "readers", "login": False},
    {"name": "reader", "password": "ghi", "member_of": ["readers"]},
]
GRANTS = [{"database": "forge", "roles": ["readers"], "privileges": ["SELECT"]}]
DECLARED = Declared(DATABASES, ROLES, GRANTS, SYSTEM, KEPT)


def role(name: str, **other: Any) -> dict[str, Any]:
    return {"name": name, "verifier": None, "login": True, "privileged": False, "member_of": []} | other


def database(name: str, owner: str = "postgres", **other: Any) -> dict[str, Any]:
    fixed = {"encoding": "UTF8", "collate": "C.UTF-8", "ctype": "C.UTF-8", "size": "8 MB", "public": False}
    return {"name": name, "owner": owner, "connect": [], **fixed} | other


def server(declared: Declared = DECLARED) -> dict[str, list[dict[str, Any]]]:
    """A server that holds what is declared, and what is PostgreSQL's own."""
    passwords = {one["name"]: verifier(one["password"], one["name"]) for one in declared.roles if "password" in one}
    connect = declared.connect()
    return {
        "roles": [
            role("postgres", privileged=True),
            role("rewind"),
            *(
                role(
                    one["name"],
                    verifier=passwords.get(one["name"]),
                    login=one.get("login", True),
                    member_of=[*one.get("member_of", [])],
                )
                for one in declared.all_roles
            ),
        ],
        "databases": [
            database("postgres", connect=connect["postgres"]),
            database("template0", public=True),
            database("template1"),
            *(
                database(
                    one["name"],
                    one["owner"],
                    connect=connect[one["name"]],
                    **{key: one[key] for key in ("collate", "ctype") if key in one},
                )
                for one in declared.databases
            ),
        ],
    }


def changed(kind: str, name: str, **other: Any) -> dict[str, Any]:
    """That server, with something different in one of its roles or databases."""
    state = server()
    state[kind] = [one | other if one["name"] == name else one for one in state[kind]]
    return state


def steps(found: dict[str, Any], declared: Declared = DECLARED, **options: Any) -> dict[str, Any]:
    """What is to be done, without the kinds of step of which there is none."""
    result = plan(found, declared, **options)
    assert [one["name"] for one in result.pop("enter")]
    result.pop("grants")
    drop, new = result.pop("drop"), result.pop("new")
    nested = {"drop": {k: v for k, v in drop.items() if v}, "new": {k: v for k, v in new.items() if v}}
    return {kind: value for kind, value in (result | nested).items() if value}


def test_nothing_is_to_be_done_where_all_is_there() -> None:
    assert steps(server()) == {}
    assert plan(server(), DECLARED)["enter"] == DATABASES
    assert plan(server(), DECLARED)["grants"] == GRANTS


def test_a_new_server_gets_everything() -> None:
    result = plan({}, DECLARED)
    assert [one["name"] for one in result["roles"]] == [
        "pgbouncer", "exporter", "forge", "synapse", "readers", "reader",
    ]  # fmt: skip
    assert result["roles"][0] == {"name": "pgbouncer", "verifier": "", "attributes": f"LOGIN,{ATTRIBUTES}"}
    assert result["roles"][4]["attributes"] == f"NOLOGIN,{ATTRIBUTES}"
    assert result["roles"][2]["verifier"] == verifier("abc", "forge")
    assert result["memberships"] == [
        {"role": "exporter", "groups": ["pg_monitor"]},
        {"role": "reader", "groups": ["readers"]},
    ]
    assert result["databases"] == [
        {"name": "forge", "owner": "forge", "encoding": "UTF8", "collate": "", "ctype": ""},
        {"name": "synapse", "owner": "synapse", "encoding": "UTF8", "collate": "C", "ctype": "C"},
    ]
    assert result["public"] == ["postgres", "template1", "forge", "synapse"]
    assert result["connect"] == [
        {"database": "postgres", "roles": ["pgbouncer", "exporter", "rewind"]},
        {"database": "forge", "roles": ["reader"]},
    ]
    assert result["new"]["databases"] == ["forge", "synapse"]
    assert result["warnings"] == []


def test_a_check_leaves_out_what_needs_what_is_not_there() -> None:
    result = plan({"roles": [role("postgres")], "databases": [database("postgres", public=True)]}, DECLARED, check=True)
    assert result["public"] == ["postgres", "template1"]
    assert result["memberships"] == result["connect"] == result["enter"] == result["grants"] == []
    assert len(result["databases"]) == 2
    later = server()
    later["databases"] = [one for one in later["databases"] if one["name"] != "forge"]
    result = plan(later, DECLARED, check=True)
    assert result["enter"] == DATABASES[1:]
    assert result["grants"] == result["connect"] == []


@pytest.mark.parametrize(
    ("name", "difference"),
    [
        ("forge", {"verifier": verifier("old", "forge")}),
        ("forge", {"verifier": None}),
        ("forge", {"login": False}),
        ("forge", {"privileged": True}),
        ("readers", {"login": True}),
        ("pgbouncer", {"verifier": verifier("a", "pgbouncer")}),
    ],
)
def test_a_role_that_differs_is_corrected(name: str, difference: dict[str, Any]) -> None:
    done = steps(changed("roles", name, **difference))
    assert [one["name"] for one in done.pop("roles")] == [name]
    assert done == {}


@pytest.mark.parametrize(
    ("name", "difference"),
    [("forge", {"owner": "postgres"}), ("synapse", {"collate": "fr_FR.UTF-8"}), ("forge", {"encoding": "LATIN1"})],
)
def test_a_database_that_differs_is_corrected(name: str, difference: dict[str, Any]) -> None:
    done = steps(changed("databases", name, **difference))
    assert [one["name"] for one in done.pop("databases")] == [name]
    assert done == {}


def test_what_is_open_is_closed_and_what_is_closed_is_opened() -> None:
    assert steps(changed("databases", "forge", public=True)) == {"public": ["forge"]}
    assert steps(changed("databases", "forge", connect=[])) == {"connect": [{"database": "forge", "roles": ["reader"]}]}
    assert steps(changed("roles", "exporter", member_of=[])) == {
        "memberships": [{"role": "exporter", "groups": ["pg_monitor"]}]
    }


def test_what_is_not_declared_is_told_and_stays() -> None:
    state = server()
    state["databases"].append(database("old", "gone", size="12 MB"))
    state["roles"].append(role("gone"))
    result = steps(state)
    told = result.pop("warnings")
    assert result == {}
    assert told == [
        "the database old (12 MB, of gone) is on the server and not declared: declare it, or remove it for good with "
        '-e \'{"postgresql_databases_drop": {"databases": ["old"]}}\'',
        "the role gone is on the server and not declared: declare it, or remove it for good with "
        '-e \'{"postgresql_databases_drop": {"roles": ["gone"]}}\'',
    ]
    both = DECLARED._replace(drop={"databases": ["old", "never"], "roles": ["gone"]})
    assert steps(state, both) == {"drop": {"databases": ["old"], "roles": ["gone"]}}


def test_rights_that_are_not_declared_are_told() -> None:
    assert steps(changed("roles", "forge", member_of=["pg_write_all_data"])) == {
        "warnings": [
            "the role forge is a member of pg_write_all_data, which is not declared: declare it, or REVOKE "
            "pg_write_all_data FROM forge"
        ]
    }
    assert steps(changed("databases", "synapse", connect=["forge"])) == {
        "warnings": [
            "the role forge may connect to synapse, which is not declared: declare it, or REVOKE CONNECT ON DATABASE "
            "synapse FROM forge"
        ]
    }


def test_a_declaration_that_contradicts_itself_is_refused_at_once() -> None:
    declared = Declared(
        databases=[
            {"name": "a", "owner": "nobody", "connect": ["noone"]},
            {"name": "a", "owner": "b"},
            {"name": "postgres", "owner": "b"},
            {"name": "Forge", "owner": "b"},
        ],
        roles=[{"name": "b", "password": "é", "member_of": ["c", "pg_monitor"]}, {"name": "rewind"}, {}],
        grants=[{"database": "d", "roles": ["e"], "type": "schema", "privileges": ["ALL"]}],
        kept=KEPT,
        drop={"databases": ["a"], "roles": ["postgres", "gone"]},
    )
    with pytest.raises(Problems) as error:
        plan(server(), declared)
    assert error.value.sentences == (
        "the role rewind is the cluster's own: choose another name",
        "role 3 of the list has the name None: use lower-case letters, digits and underscores",
        "the database a is declared twice: remove one",
        "the database postgres is the cluster's own: choose another name",
        "database 4 of the list has the name 'Forge': use lower-case letters, digits and underscores",
        "the database a has 'nobody' as owner: declare that role",
        "the database a has 'noone' as connect: declare that role",
        "the password of b is empty or is not printable ASCII: choose another",
        "the role b is a member of 'c': declare that role",
        "a privilege is granted in the database d: declare that database",
        "a privilege in d is granted to e: declare that role",
        "the privilege 'ALL' in d is none that a schema has: choose from USAGE, CREATE",
        "a of the databases to remove is needed: take it out of what is declared first",
        "postgres of the roles to remove is needed: take it out of what is declared first",
    )


NAMES = st.text("abcdef", min_size=1, max_size=3)


@given(st.lists(NAMES, unique=True, max_size=4), st.sets(NAMES, max_size=4), st.sets(NAMES, max_size=4))
def test_nothing_that_is_declared_or_unknown_goes_by_itself(
    names: list[str], other_roles: set[str], other_databases: set[str]
) -> None:
    declared = Declared([{"name": name, "owner": name} for name in names], [{"name": name} for name in names])
    state = server(declared)
    state["roles"] += [role(name) for name in sorted(other_roles - {*names})]
    state["databases"] += [database(name) for name in sorted(other_databases - {*names})]
    result = plan(state, declared._replace(kept=KEPT))
    assert result["drop"] == {"databases": [], "roles": []}
    assert len(result["warnings"]) == len(other_roles - {*names}) + len(other_databases - {*names})
    assert result["roles"] == result["databases"] == []
