"""An authority is made, and its shares handed out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from ansible.errors import AnsibleActionFail
from ansible_collections.aurore.infra.plugins.module_utils.register import emergency

from .conftest import type_back

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.conftest import Store

    from .conftest import Desk


def test_an_authority_is_made_once_and_its_shares_are_shown_to_their_holders(desk: Desk, store: Store) -> None:
    papers: list[str] = []
    desk.reply = lambda prompt: papers.append(type_back(prompt)) or papers[-1].upper()
    where = {"directory": str(store.directory), "gnupg_home": str(store.gnupg_home), "entry": "ssh/emergency-test"}
    with pytest.raises(AnsibleActionFail, match="nothing is made in check mode"):
        desk.run("emergency_authority", is_check=True, **where)
    made = desk.run("emergency_authority", holders=3, **where)
    assert [len(paper.split()) for paper in papers] == [20, 20, 20]
    assert not any(paper.split()[6] in repr((made, desk.shown)) for paper in papers)
    with pytest.raises(AnsibleActionFail, match="the store has ssh/emergency-test already"):
        desk.run("emergency_authority", **where)


def test_an_authority_that_is_not_made(desk: Desk, store: Store, tmp_path: Path) -> None:
    where = {"directory": str(store.directory), "gnupg_home": str(store.gnupg_home), "entry": "ssh/never"}
    desk.reply = lambda _: "something else"
    with pytest.raises(AnsibleActionFail, match="what was typed is not share 1: nothing was made"):
        desk.run("emergency_authority", **where)
    with pytest.raises(AnsibleActionFail, match="1 shares cannot be made"):
        desk.run("emergency_authority", holders=1, **where)
    desk.is_terminal = False
    with pytest.raises(AnsibleActionFail, match="there is no terminal on which to show the shares"):
        desk.run("emergency_authority", **where)
    desk.is_terminal, desk.reply = True, type_back
    with pytest.raises(AnsibleActionFail, match="the key was not put into the store"):
        desk.run("emergency_authority", holders=2, directory=str(tmp_path), entry="ssh/never")
    assert not (store.directory / "ssh/never.gpg").exists()
    assert emergency.THRESHOLD == 2
