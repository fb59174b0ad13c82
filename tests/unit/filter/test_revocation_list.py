"""The filter, as a role uses it."""

from __future__ import annotations

import base64
import subprocess
from typing import TYPE_CHECKING

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.aurore.infra.plugins.filter.revocation_list import FilterModule, revocation_list
from ansible_collections.aurore.infra.plugins.module_utils.model.keys import fingerprint

if TYPE_CHECKING:
    from pathlib import Path

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOpnbACStr5SY3ouNvZsOw2g8QwpgXoD2hxNMjBdGK9b"


def test_the_list_of_a_register(tmp_path: Path) -> None:
    certificates = [{"serial": 7, "authority": fingerprint(KEY), "revoked": "2026-11-25"}]
    made = FilterModule().filters()["revocation_list"](certificates, [KEY])
    (tmp_path / "krl").write_bytes(base64.b64decode(made))
    listed = subprocess.run(["ssh-keygen", "-Q", "-l", "-f", str(tmp_path / "krl")], capture_output=True, check=True)
    assert b"serial: 7\n" in listed.stdout


@pytest.mark.parametrize("certificates", [[{}], [{"serial": 1, "authority": "x", "revoked": "soon"}], 5])
def test_what_is_no_register(certificates: object) -> None:
    with pytest.raises(AnsibleFilterError, match="the revocation list cannot be written"):
        revocation_list(certificates, [KEY])  # type: ignore[arg-type]
