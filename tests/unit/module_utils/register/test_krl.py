"""Lists of revoked certificates, judged by ssh-keygen, which reads them as sshd does."""

from __future__ import annotations

import subprocess
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from ansible_collections.aurore.infra.plugins.module_utils.register import krl
from hypothesis import given
from hypothesis import strategies as some

from .conftest import keygen, sign

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import Key

DAY = date(2026, 11, 25)


def entry(serial: int, authority: Key, revoked: str | None = None) -> dict[str, Any]:
    """What the inventory says of a certificate."""
    return {"serial": serial, "authority": authority.fingerprint, "revoked": revoked}


def is_revoked(content: bytes, certificate: str, directory: Path) -> bool:
    """What ssh-keygen says."""
    (directory / "krl").write_bytes(content)
    (directory / "c.pub").write_text(certificate)
    asked = ["ssh-keygen", "-Q", "-f", str(directory / "krl"), str(directory / "c.pub")]
    return "REVOKED" in subprocess.run(asked, capture_output=True, text=True, check=False).stdout


def test_only_what_is_revoked_is_refused(
    make_key: Callable[..., Key], authority: Key, ann: Key, tmp_path: Path
) -> None:
    other = make_key()
    certificates = [
        entry(1, authority, "2026-11-20"), entry(2, authority), entry(3, authority, "2026-11-25"),
        entry(4, other, "2026-11-01"), entry(9, make_key(), "2026-10-01"),
    ]  # fmt: skip
    content = krl.of_register(certificates, [authority.line, other.line])
    found = {
        (signer, serial): is_revoked(content, sign(key, ann, serial), tmp_path)
        for signer, key in (("authority", authority), ("other", other))
        for serial in range(1, 5)
    }
    assert {name for name, revoked in found.items() if revoked} == {("authority", 1), ("authority", 3), ("other", 4)}
    listing = keygen("-Q", "-l", "-f", str(tmp_path / "krl"))
    assert "# KRL version 4" in listing
    assert "# Generated at 20261125T000000" in listing
    assert krl.read_head(content) == krl.Head(4, DAY)


def test_nothing_is_revoked(authority: Key, ann: Key, tmp_path: Path) -> None:
    content = krl.of_register([entry(1, authority)], [authority.line])
    assert not is_revoked(content, sign(authority, ann), tmp_path)
    assert keygen("-Q", "-l", "-f", str(tmp_path / "krl"))
    assert krl.read_head(content) == krl.Head(0, date(1970, 1, 1))


@given(some.lists(some.integers(1, 2**32), max_size=30), some.randoms())
def test_the_same_revocations_give_the_same_bytes(serials: list[int], random: Any) -> None:
    line = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOpnbACStr5SY3ouNvZsOw2g8QwpgXoD2hxNMjBdGK9b"
    made = krl.build({line: serials}, krl.Head(len(serials), DAY), "x")
    random.shuffle(serials)
    assert krl.build({line: serials}, krl.Head(len(serials), DAY), "x") == made


@pytest.mark.parametrize("content", [b"", b"SSHKRL\n\0", b"ssh-ed25519 AAAA" * 5])
def test_what_is_no_list(content: bytes) -> None:
    with pytest.raises(ValueError, match="not a key revocation list"):
        krl.read_head(content)
