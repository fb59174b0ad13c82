"""Keys are read, named by their fingerprints, and never shown."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from ansible_collections.aurore.infra.plugins.module_utils.identity import keys
from ansible_collections.aurore.infra.plugins.module_utils.identity.certificate import IdentityError

if TYPE_CHECKING:
    from pathlib import Path

KINDS = [("ed25519", []), ("ecdsa", ["-b", "256"]), ("rsa", ["-b", "3072"])]


def keygen(path: Path, kind: str, *options: str, passphrase: str = "") -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", kind, *options, "-N", passphrase, "-f", path], check=True)


@pytest.mark.parametrize(("kind", "options"), KINDS)
def test_a_fingerprint_is_the_one_that_ssh_keygen_prints(tmp_path: Path, kind: str, options: list[str]) -> None:
    keygen(tmp_path / "key", kind, *options)
    printed = subprocess.run(["ssh-keygen", "-l", "-f", tmp_path / "key"], check=True, capture_output=True, text=True)
    assert keys.fingerprint(keys.public_key((tmp_path / "key.pub").read_text())) == printed.stdout.split()[1]


@pytest.mark.parametrize("form", ["RFC4716", "PKCS8"])
def test_a_private_key_is_read_in_either_format(tmp_path: Path, form: str) -> None:
    keygen(tmp_path / "key", "ecdsa", "-m", form)
    expected = keys.public_key((tmp_path / "key.pub").read_text())
    key = keys.private_key((tmp_path / "key").read_text(), expected)
    assert keys.fingerprint(key.public_key()) == keys.fingerprint(expected)


@pytest.mark.parametrize("line", ["", "nonsense", "ssh-ed25519 AAAA", "ssh-ed25519 é", "ssh-unknown AAAA"])
def test_what_is_no_public_key_is_refused(line: str) -> None:
    with pytest.raises(IdentityError, match="not an SSH public key"):
        keys.public_key(line)


def test_kinds_that_may_not_sign_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Strange:
        """A key of a kind that a later version may read."""

    def load(*_: object, **__: object) -> Strange:
        return Strange()

    monkeypatch.setattr(keys, "load_ssh_public_key", load)
    with pytest.raises(IdentityError, match="neither an Ed25519"):
        keys.public_key("ssh-strange AAAA")
    monkeypatch.setattr(keys, "load_pem_private_key", load)
    with pytest.raises(IdentityError, match="neither an Ed25519"):
        keys.private_key("BEGIN PRIVATE KEY", None)  # type: ignore[arg-type]


def test_a_private_key_that_is_not_the_models_is_refused(tmp_path: Path) -> None:
    keygen(tmp_path / "one", "ed25519")
    keygen(tmp_path / "two", "ed25519")
    ours = keys.public_key((tmp_path / "one.pub").read_text())
    theirs = (tmp_path / "two").read_text()
    with pytest.raises(IdentityError) as caught:
        keys.private_key(theirs, ours)
    message = str(caught.value)
    assert keys.fingerprint(ours) in message
    assert keys.fingerprint(keys.public_key((tmp_path / "two.pub").read_text())) in message
    assert "out of date" in message


@pytest.mark.parametrize("form", ["RFC4716", "PKCS8"])
def test_a_private_key_with_a_passphrase_is_refused(tmp_path: Path, form: str) -> None:
    keygen(tmp_path / "key", "ecdsa", "-m", form, passphrase="secret words")
    with pytest.raises(IdentityError, match="without a passphrase"):
        keys.private_key((tmp_path / "key").read_text(), keys.public_key((tmp_path / "key.pub").read_text()))


def test_a_damaged_private_key_is_not_shown(tmp_path: Path) -> None:
    keygen(tmp_path / "key", "ed25519")
    damaged = (tmp_path / "key").read_text().replace("b3Bl", "****", 1)
    with pytest.raises(IdentityError) as caught:
        keys.private_key(damaged, keys.public_key((tmp_path / "key.pub").read_text()))
    assert str(caught.value) == "not a private key without a passphrase (ValueError)"
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
