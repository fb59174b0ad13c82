"""The register is checked against what else there is."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from ansible.errors import AnsibleActionFail
from ansible_collections.aurore.infra.plugins.module_utils.model.keys import fingerprint
from ansible_collections.aurore.infra.plugins.module_utils.register import krl

from .conftest import PIN

if TYPE_CHECKING:
    from .conftest import Desk


def test_the_register_is_checked(desk: Desk, authority: str) -> None:
    desk.typed = [PIN]
    desk.sign("ann", authority)
    today = datetime.now(UTC).date()
    told = {
        "serial": 1,
        "authority": fingerprint(authority),
        "revoked": str(today - timedelta(days=3)),
    }
    fresh = base64.b64encode(krl.of_register([told], [authority])).decode()
    old = base64.b64encode(krl.of_register([], [authority])).decode()
    options = {
        "register": str(desk.register.path.parent),
        "people": desk.people,
        "authorities": [authority],
        "certificates": [told],
    }
    assert not desk.run("user_register", revocation_lists={"git": fresh}, **options).get("failed")
    (desk.register.directory / "9-bob.pub").write_text("lost")
    login = {"host": "git", "at": "2026-11-25T10:00:00", "origin": "", "serial": "", "id": "", "authority": ""}
    result = desk.run("user_register", revocation_lists={"git": old, "www": None}, logins=[login], **options)
    assert result["failed"]
    assert result["problems"] == result["msg"].splitlines()
    assert [re.split(r"[: ]", line)[0].rpartition("/")[2] for line in result["problems"]] == [
        "9-bob.pub", "git", "www", "git",
    ]  # fmt: skip
    assert "signed by nobody" in result["problems"][-1]
    desk.register.path.unlink()
    with pytest.raises(AnsibleActionFail, match="the register cannot be read"):
        desk.run("user_register", **options)
