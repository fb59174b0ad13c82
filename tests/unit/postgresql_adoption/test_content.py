"""What is in a database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from postgresql_adoption import content
from restore_drill.manifest import Table
from restore_drill.settings import RestoreError

if TYPE_CHECKING:
    from .played import Servers


def test_what_is_in_a_database(servers: Servers) -> None:
    found = content.read(servers.play().old, "old_forge", "00000003-1")
    assert found == {"public.issue": Table(2, "7", sampled=False), "(large objects)": Table(0, "0", sampled=False)}
    assert len(servers.told("old", "SET TRANSACTION SNAPSHOT '00000003-1'")) == 2


def test_what_is_in_it_now(servers: Servers) -> None:
    content.read(servers.play().old, "old_forge")
    assert not servers.told("old", "SNAPSHOT")


def test_a_server_that_does_not_answer(servers: Servers) -> None:
    servers.rule("old", "FROM ONLY public.issue", "!canceled")
    with pytest.raises(RestoreError, match="canceled"):
        content.read(servers.play().old, "old_forge")
