"""Two people let somebody in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from ansible.errors import AnsibleActionFail
from ansible_collections.aurore.infra.plugins.module_utils.register import certificate as certificates

from .conftest import type_back

if TYPE_CHECKING:
    from tests.unit.conftest import Store

    from .conftest import Desk


def test_two_shares_sign_and_one_does_not(desk: Desk, store: Store) -> None:
    papers: list[str] = []
    desk.reply = lambda prompt: papers.append(type_back(prompt)) or papers[-1]
    where = {"directory": str(store.directory), "gnupg_home": str(store.gnupg_home), "entry": "ssh/emergency-shares"}
    made = desk.run("emergency_authority", holders=3, **where)
    options = {
        "person": "ann",
        "people": desk.people,
        "authorities": [made["public"]],
        "authority": made["public"],
        "entry": "ssh/emergency-shares",
        "register": str(desk.register.path.parent),
    }
    desk.reply = None
    desk.typed = [papers[2], papers[0]]
    signed = desk.run("emergency_certificate", **options)
    today = datetime.now(UTC).date()
    assert signed["certificate"]["until"] == str(today + timedelta(days=2))
    assert certificates.read(Path(signed["path"]).read_text()).is_signed
    assert papers[0] not in repr((signed, desk.shown))

    before = desk.register.text
    desk.typed = [papers[1], papers[1], papers[1], "words"]
    for why in ("the same share was typed twice", "the shares do not fit together"):
        with pytest.raises(AnsibleActionFail, match=why):
            desk.run("emergency_certificate", **options)
    with pytest.raises(AnsibleActionFail, match="nothing is signed in check mode"):
        desk.run("emergency_certificate", is_check=True, **options)
    with pytest.raises(AnsibleActionFail, match="the emergency authority's key is needed"):
        desk.run("emergency_certificate", **options | {"entry": "nowhere"})
    desk.is_terminal = False
    with pytest.raises(AnsibleActionFail, match="there is no terminal on which to ask for the shares"):
        desk.run("emergency_certificate", **options)
    assert desk.register.text == before
    desk.register.path.write_text("certificates: [1]\n")
    with pytest.raises(AnsibleActionFail, match="the register cannot be used"):
        desk.run("emergency_certificate", **options)
