"""A real token (SoftHSM) behind a real PKCS#11 library, asked by the real ssh-keygen."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from ansible_collections.aurore.infra.plugins.module_utils.model.keys import fingerprint
from ansible_collections.aurore.infra.plugins.module_utils.register import file, signing, store, token
from ansible_collections.aurore.infra.plugins.module_utils.register.certificate import read

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Key

PIN = "tr0ub4dor&3"
PROVIDER = str(next(Path("/usr/lib").glob("**/libsofthsm2.so")))


@dataclass
class Token:
    """A token with a key, and who knows its PIN."""

    authority: str
    pin: str = PIN
    asked: int = 0

    def ask(self, label: str) -> str:
        assert label == "RTC"
        self.asked += 1
        return self.pin

    def request(self, key: Key, serial: int = 7) -> signing.Request:
        line = file.Line(
            serial, "ann", ("root", "git"), date(2027, 3, 28), date(2028, 4, 25), key.fingerprint,
            fingerprint(self.authority),
        )  # fmt: skip
        return signing.Request(line, key.line)

    def sign(self, key: Key, *extensions: str) -> str:
        return token.sign(self.request(key), PROVIDER, self.authority, extensions or ["permit-pty"], self.ask)


@pytest.fixture
def plugged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Token:
    """A token that is plugged in."""
    (tmp_path / "tokens").mkdir()
    (tmp_path / "softhsm2.conf").write_text(f"directories.tokendir = {tmp_path}/tokens\n")
    monkeypatch.setenv("SOFTHSM2_CONF", str(tmp_path / "softhsm2.conf"))
    monkeypatch.setenv("SSH_ASKPASS", "/bin/false")
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    for words in (
        f"--init-token --slot-index 0 --label RTC --so-pin {PIN}",
        f"--token-label RTC --login --login-type so --so-pin {PIN} --init-pin --pin {PIN}",
        f"--token-label RTC --login --pin {PIN} --keypairgen --key-type EC:prime256v1 --label users",
    ):
        subprocess.run(["pkcs11-tool", "--module", PROVIDER, *words.split()], check=True, capture_output=True)
    (authority,) = token.public_keys(PROVIDER)
    return Token(authority)


def test_a_key_is_signed(plugged: Token, ann: Key) -> None:
    certificate = read(plugged.sign(ann))
    assert certificate.is_signed
    assert store.line_of(certificate) == plugged.request(ann).line
    assert (certificate.extensions, certificate.critical_options) == (("permit-pty",), ())
    assert plugged.asked == 1


def test_what_the_certificate_allows(plugged: Token, ann: Key) -> None:
    text = plugged.sign(ann, "permit-pty", "permit-agent-forwarding")
    assert read(text).extensions == ("permit-agent-forwarding", "permit-pty")


def test_a_wrong_pin_is_tried_once_and_quoted_nowhere(plugged: Token, ann: Key) -> None:
    plugged.pin = "wrong-pin-4711"
    with pytest.raises(
        token.TokenError, match=r"^nothing was signed: the PIN is wrong. Try again with care"
    ) as refused:
        plugged.sign(ann)
    assert plugged.asked == 1
    assert "4711" not in str(refused.value)


def test_a_key_that_the_token_does_not_have(plugged: Token, ann: Key, authority: Key) -> None:
    plugged.authority = authority.line
    with pytest.raises(token.TokenError, match=r"^nothing was signed: "):
        plugged.sign(ann)


def test_no_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "softhsm2.conf").write_text(f"directories.tokendir = {tmp_path}\n")
    monkeypatch.setenv("SOFTHSM2_CONF", str(tmp_path / "softhsm2.conf"))
    with pytest.raises(token.TokenError, match=r"^no token with a key was found: plug it in"):
        token.public_keys(PROVIDER)


def test_no_library() -> None:
    with pytest.raises(token.TokenError, match=r"^there is no PKCS#11 library /nowhere\.so: install"):
        token.public_keys("/nowhere.so")


def test_a_token_that_does_not_answer(
    plugged: Token, ann: Key, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A program that hangs takes ssh-keygen's place, as one does that waits for a touch."""
    program = tmp_path / "bin/ssh-keygen"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    monkeypatch.setattr(token, "_PATIENCE", 0.2)
    with pytest.raises(token.TokenError, match=r"^the token did not answer within 0\.2 s: nothing was signed"):
        plugged.sign(ann)


def test_nobody_else_can_read_the_pin_while_it_is_used(plugged: Token, ann: Key) -> None:
    """Neither the arguments nor the environment of any process has it."""
    seen: list[bytes] = []

    def look(label: str) -> str:
        for process in Path("/proc").glob("[0-9]*"):
            for name in ("cmdline", "environ"):
                try:
                    seen.append((process / name).read_bytes())
                except OSError:  # it has ended
                    continue
        return plugged.ask(label)

    token.sign(plugged.request(ann), PROVIDER, plugged.authority, ["permit-pty"], look)
    assert any(b"ssh-keygen\0-q\0-s\0" in text for text in seen)
    assert not any(PIN.encode() in text for text in seen)


def test_sessions_do_not_share_a_token(plugged: Token, ann: Key, make_key: Callable[..., Key]) -> None:
    """A second run asks again."""
    plugged.sign(ann)
    plugged.sign(make_key())
    assert plugged.asked == 2
