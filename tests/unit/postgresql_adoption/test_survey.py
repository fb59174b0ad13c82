"""What keeps one database from taking over another's content."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest
from postgresql_adoption import survey

from .played import HERE, SURVEY

if TYPE_CHECKING:
    from postgresql_adoption.survey import Survey

    from .played import Servers

ROLES = {"forge"}


def told(servers: Servers, old: dict[str, Any] | None = None, new: dict[str, Any] | None = None, **more: Any) -> str:
    """What is told of such databases."""
    there, here = cast("Survey", SURVEY | (old or {})), cast("Survey", HERE | (new or {}))
    return "\n".join(survey.problems(servers.job, there, here, ROLES, more.get("free", 1 << 40)))


def test_nothing_stands_in_the_way(servers: Servers) -> None:
    assert told(servers) == ""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ({"version": 11}, {}, "rows can be compared from 12 on"),
        ({"recovers": True}, {}, "is a replica"),
        ({"prepared": 1}, {}, "1 prepared transaction(s)"),
        ({"owners": ["ann", "bob"]}, {}, "belongs to several roles, ann, bob"),
        ({"special": ["event trigger x"]}, {}, "event trigger x. Remove it there"),
        ({"version": 18}, {}, "PostgreSQL 18, and here is 17"),
        ({"encoding": "LATIN1"}, {}, "in LATIN1 there and in UTF8 here"),
        ({}, {"extensions": {}}, "Extensions are missing here: pg_trgm."),
        ({"extensions": {"pg_trgm": "ext"}}, {}, "pg_trgm is in the schema ext there, and in public here"),
        ({"collations": ["fr_FR.utf8"]}, {}, "collations that this host does not have: fr_FR.utf8"),
        ({"policy_roles": ["auditor"]}, {}, "roles that are not here: auditor"),
        ({}, {"recovers": True}, "no primary"),
        ({}, {"objects": [f"t{n}" for n in range(10)]}, "it has t0, t1, t2, t3, t4, t5, t6, t7 and 2 more."),
    ],
)
def test_what_stands_in_the_way(servers: Servers, old: dict[str, Any], new: dict[str, Any], said: str) -> None:
    assert said in told(servers, old, new)
    assert len(told(servers, old, new).splitlines()) == 1


def test_what_somebody_has_agreed_to(servers: Servers) -> None:
    servers.having(replace=True, one_owner=True)
    assert told(servers, {"owners": ["ann", "bob"]}, {"objects": ["public.issue"]}) == ""


def test_no_room(servers: Servers) -> None:
    assert "old_forge has 4.0 GiB; the copy and its log take up to 2 times that, and 5.0 GiB are free" in told(
        servers, {"size": 4 << 30}, free=5 << 30
    )


def test_what_will_be_different() -> None:
    old = SURVEY | {
        "order": "fr_FR.UTF-8",
        "large_objects": 3,
        "grantees": ["PUBLIC"],
        "views": ["public.counted"],
        "settings": ["search_path=public"],
        "publications": ["all"],
    }
    notes = survey.notes(cast("Survey", old), cast("Survey", HERE))
    assert [note.split()[0] for note in notes] == [
        "Texts",
        "Privileges",
        "Materialized",
        "Settings",
        "Replication",
    ]
    assert survey.notes(cast("Survey", SURVEY), cast("Survey", HERE)) == []


def test_databases_that_are_not_there(servers: Servers) -> None:
    servers.rule("old", "datallowconn", 0)
    servers.rule("new", "datallowconn", 0)
    servers.rule("old", "datistemplate", "old_gitea")
    servers.rules[0] = ("old", "datistemplate", '"old_gitea"')
    problems, notes = survey.look(servers.play())
    assert problems == [
        "git has no database old_forge, but old_gitea.",
        "The database forge is declared, and is not there yet: run playbooks/postgresql.yml first.",
    ]
    assert notes == []


def test_values_are_quoted() -> None:
    assert survey.literal("l'île") == "'l''île'"
