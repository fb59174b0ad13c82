"""Which authority the token holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from ansible.errors import AnsibleActionFail
from ansible_collections.aurore.infra.plugins.module_utils.model.keys import fingerprint

from .conftest import PROVIDER

if TYPE_CHECKING:
    from .conftest import Desk


def test_the_authority_in_the_token(desk: Desk, authority: str) -> None:
    other = desk.people[0]["keys"][0]
    found = desk.run("user_token", provider=PROVIDER, authorities=[other, f"{authority} the RTC's"], is_check=True)
    assert found["authority"] == f"{authority} the RTC's"
    assert found["fingerprint"] == fingerprint(authority)
    assert not found["changed"]


def test_a_token_of_somebody_else(desk: Desk, authority: str) -> None:
    other = desk.people[0]["keys"][0]
    for authorities, known in (([other], fingerprint(other)), ([], "none yet")):
        with pytest.raises(AnsibleActionFail) as refused:
            desk.run("user_token", provider=PROVIDER, authorities=authorities)
        assert f"the token holds {fingerprint(authority)}, which is no user authority" in str(refused.value)
        assert f"({known})" in str(refused.value)


def test_no_token(desk: Desk) -> None:
    with pytest.raises(AnsibleActionFail, match=r"^there is no PKCS#11 library /nowhere"):
        desk.run("user_token", provider="/nowhere", authorities=[])
