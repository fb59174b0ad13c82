"""Certificates are marked as revoked in the register."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from ansible.errors import AnsibleActionFail
from ansible_collections.aurore.infra.plugins.module_utils.model.keys import fingerprint

from .conftest import PIN

if TYPE_CHECKING:
    from .conftest import Desk


def test_revocations(desk: Desk, authority: str) -> None:
    desk.typed = [PIN] * 3
    for nick, again in (("ann", False), ("bob", False), ("ann", True)):
        desk.sign(nick, authority, again=again)
    where = {"register": str(desk.register.path.parent), "reason": 'Laptop "stolen"'}
    before = desk.register.text
    told = desk.run("user_revocation", person="ann", is_check=True, **where)
    assert (told["changed"], told["revoked"]) == (True, [1, 3])
    assert desk.register.text == before
    done = desk.run("user_revocation", serials=[3], **where)
    assert (done["changed"], done["revoked"]) == (True, [3])
    assert done["diff"]["after"] == desk.register.text
    today = datetime.now(UTC).date()
    revoked = {one.serial: (one.revoked, one.reason) for one in desk.register.certificates}
    assert revoked == {1: (None, None), 2: (None, None), 3: (today, 'Laptop "stolen"')}
    done = desk.run("user_revocation", authority=fingerprint(authority), **where)
    assert done["revoked"] == [1, 2]
    done = desk.run("user_revocation", person="ann", **where)
    assert (done["changed"], done["revoked"]) == (False, [])


def test_revocations_of_what_there_is_not(desk: Desk) -> None:
    where = {"register": str(desk.register.path.parent), "reason": "x"}
    for options, why in (
        ({"person": "carl"}, "nothing was revoked: the register has no certificate whose person is carl"),
        ({"authority": "SHA256:x"}, "nothing was revoked: the register has no certificate whose authority is SHA256:x"),
        ({"serials": [4, 5]}, "nothing was revoked: the register has no certificate 4, 5"),
    ):
        with pytest.raises(AnsibleActionFail, match=re.escape(why)):
            desk.run("user_revocation", **options, **where)
    with pytest.raises(AnsibleActionFail, match="one of the following"):
        desk.run("user_revocation", **where)
