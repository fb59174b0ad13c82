"""What would be done is told, and nothing is done."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from postgresql_adoption import preview
from restore_drill.settings import RestoreError

if TYPE_CHECKING:
    from .played import Servers

MARK = "adopted from old_forge on git, 2026-01-01"


def changes_nothing(servers: Servers) -> None:
    """See that the servers were only asked."""
    assert {name for name, _, _ in servers.did()} == {"psql"}
    words = re.compile("ALTER|DROP|CREATE|COMMENT ON|pg_terminate_backend")
    assert not [text for _, _, text in servers.did() if words.search(text)]


def test_a_look_changes_nothing(servers: Servers) -> None:
    assert preview.rehearse(servers.play()).notes == []
    changes_nothing(servers)


def test_what_stands_in_the_way_is_told_at_once(servers: Servers) -> None:
    servers.survey("old", version=9, prepared=2)
    servers.survey("new", objects=["public.issue"], comment="adopted from x on y, 2026-01-01", extensions={})
    with pytest.raises(RestoreError) as refusal:
        preview.rehearse(servers.play())
    told = str(refusal.value).splitlines()
    assert len(told) == 4
    assert "forge is not empty (adopted from x on y, 2026-01-01): it has public.issue." in told[0]


def test_what_was_given_back_may_be_adopted_anew(servers: Servers) -> None:
    servers.survey("new", objects=["public.issue"], comment="given back 2026-01-02, adopted from old_forge on git")
    assert preview.rehearse(servers.having(replace=True)).notes == []


def test_a_real_one_is_told_before(servers: Servers) -> None:
    servers.rule("old", "default_transaction_read_only=on", [False, 3])
    servers.survey("new", objects=["public.issue"])
    assert preview.adopt(servers.having(replace=True)).notes == [
        "old_forge on git would take no writes from then on, and its 3 clients be hung up.",
        "A copy of it would take the place of forge.",
        "What forge has would go for good: public.issue.",
    ]
    changes_nothing(servers)


def test_a_real_one_that_would_be_refused(servers: Servers) -> None:
    servers.survey("new", objects=["public.issue"])
    with pytest.raises(RestoreError, match="forge is not empty"):
        preview.adopt(servers.play())
    changes_nothing(servers)


def test_a_real_one_that_is_done(servers: Servers) -> None:
    servers.survey("new", objects=["public.issue"], comment=MARK)
    servers.rule("new", "datname IN", '"adoption_replaced_forge"')
    assert preview.adopt(servers.play()).notes == [
        "Left by an adoption that did not end well, and would be removed: adoption_replaced_forge.",
        f"forge is {MARK} already: nothing would be copied.",
    ]
    changes_nothing(servers)


def test_the_way_back_is_told_before(servers: Servers) -> None:
    servers.rule("new", "SELECT to_json(shobj_description", f'"{MARK}"')
    assert preview.way_back(servers.play()).notes == [
        "old_forge on git takes no writes now, and would take them again. Its 0 clients would be hung up.",
        f"forge is {MARK}: it would stay as it is, marked as given back, so that it may be replaced.",
    ]
    changes_nothing(servers)


def test_a_way_back_from_a_half_adoption(servers: Servers) -> None:
    servers.rule("old", "default_transaction_read_only=on", [False, 2])
    servers.rule("new", "datname IN", '"adoption_of_forge"')
    assert preview.way_back(servers.play()).notes == [
        "old_forge on git takes writes already. Its 2 clients would be hung up.",
        "forge would stay as it is.",
        "Left by an adoption that did not end well, and would be removed: adoption_of_forge.",
    ]
    changes_nothing(servers)


def test_a_way_back_to_nothing(servers: Servers) -> None:
    servers.rule("old", "default_transaction_read_only=on", None)
    servers.rule("old", "datistemplate", '"old_gitea"')
    with pytest.raises(RestoreError, match="git has no database old_forge, but old_gitea"):
        preview.way_back(servers.play())
