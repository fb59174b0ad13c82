"""The user authority's token, through ssh-keygen and a PKCS#11 library.

The PIN goes to ssh-keygen as a person would type it, over a terminal of its own: not by argument, environment or file.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from datetime import datetime, time
from pathlib import Path
from typing import TYPE_CHECKING

import pexpect

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ansible_collections.aurore.infra.plugins.module_utils.register.signing import Request

_PROMPT = r"Enter PIN for '([^']*)': ?"
_PATIENCE = 120
"""Seconds for the token to sign: it may wait for a touch."""

_REFUSALS = {
    "PIN incorrect": "the PIN is wrong. Try again with care: after a few wrong ones the token locks itself",
    "PIN length out of range": "the PIN is too short or too long",
    "PIN locked": "the token is locked after too many wrong PINs: unlock it with its PUK",
}
"""What ssh-keygen says of a login that failed (OpenSSH's ssh-pkcs11.c)."""


class TokenError(Exception):
    """The token did not do it; says why, and what to do."""


def public_keys(provider: str) -> list[str]:
    """The public keys of the tokens that are plugged in, as `type blob`.

    Args:
        provider: Path of the PKCS#11 library.

    Raises:
        TokenError: There is no such library, or no token with a key.
    """
    if not Path(provider).is_file():
        raise TokenError(
            f"there is no PKCS#11 library {provider}: install the one of your token (opensc, ykcs11), and name it by "
            "-e token_provider=PATH"
        )
    done = subprocess.run(  # noqa: S603 (argv, no shell)
        ["ssh-keygen", "-D", provider],  # noqa: S607 (wherever the RTC's system has it)
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,
        env=_environment(),
    )
    keys = [" ".join(line.split(" ")[:2]) for line in done.stdout.splitlines() if " " in line]
    if not keys:
        said = " ".join(done.stderr.split()) or "nothing"
        raise TokenError(f"no token with a key was found: plug it in. ssh-keygen says: {said}")
    return keys


def sign(request: Request, provider: str, authority: str, extensions: Sequence[str], ask: Callable[[str], str]) -> str:
    """Has the token sign a request.

    Args:
        request: What to sign.
        provider: Path of the PKCS#11 library.
        authority: Public key of the authority, as a line; the token holds the private one.
        extensions: What the certificate allows.
        ask: Asks a person for the PIN of the token with this label.

    Returns:
        The certificate, as a line.

    Raises:
        TokenError: The token did not sign.
    """
    line = request.line
    since, until = (datetime.combine(day, time()).strftime("%Y%m%d%H%M%S") for day in (line.since, line.until))
    with tempfile.TemporaryDirectory(prefix="aurore-") as directory:
        # ssh-keygen writes beside the key that it signs.
        key, signer = Path(directory, "key.pub"), Path(directory, "authority.pub")
        key.write_text(f"{request.key} {line.person}\n", encoding="utf-8")
        signer.write_text(f"{authority}\n", encoding="utf-8")
        _run(
            [
                *("-q", "-s", str(signer), "-D", provider, "-I", line.person, "-z", str(line.serial)),
                *("-n", ",".join(line.principals), "-V", f"{since}:{until}", "-O", "clear"),
                *(word for extension in extensions for word in ("-O", extension)),
                str(key),
            ],
            ask,
        )
        return key.with_name("key-cert.pub").read_text(encoding="utf-8")


def _run(arguments: list[str], ask: Callable[[str], str]) -> None:
    """Runs ssh-keygen, and answers when it asks for the PIN; once, since each wrong one counts."""
    child = pexpect.spawn("ssh-keygen", arguments, env=_environment(), echo=False, encoding="utf-8", timeout=_PATIENCE)
    pin = ""
    try:
        asked = child.expect([_PROMPT, pexpect.EOF])
        if asked == 0:
            assert isinstance(child.match, re.Match)
            pin = ask(child.match[1].strip())
            child.sendline(pin)
            child.expect([_PROMPT, pexpect.EOF])
        said = child.before or ""
    except pexpect.TIMEOUT:
        raise TokenError(f"the token did not answer within {_PATIENCE} s: nothing was signed") from None
    finally:
        child.close(force=True)
    if child.exitstatus != 0 or child.signalstatus is not None:
        text = " ".join(said.split())
        text = text.replace(pin, "(hidden)") if pin else text
        known = next((meaning for words, meaning in _REFUSALS.items() if words in text), None)
        raise TokenError(f"nothing was signed: {known or text or 'ssh-keygen failed and said nothing'}")


def _environment() -> dict[str, str]:
    """Ours, but that ssh-keygen asks on its terminal, in English, and counts days in UTC."""
    kept = {name: value for name, value in os.environ.items() if name not in {"SSH_ASKPASS", "DISPLAY"}}
    return kept | {"SSH_ASKPASS_REQUIRE": "never", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
