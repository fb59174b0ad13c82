"""Where the RTC sits: what signs, revokes and checks people's certificates, with a real token and a real store."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from ansible.errors import AnsiblePromptNoninteractive
from ansible_collections.aurore.infra.plugins.lookup import secret
from ansible_collections.aurore.infra.plugins.module_utils.register import token
from ansible_collections.aurore.infra.plugins.module_utils.register.store import Register

from tests.unit.action_call import load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.unit.conftest import Store

PIN = "271828"
PROVIDER = str(next(Path("/usr/lib").glob("**/libsofthsm2.so")))


@dataclass
class Desk:
    """Where the RTC sits: a register, people, maybe a token, and somebody who types."""

    register: Register
    people: list[dict[str, Any]]
    variables: dict[str, Any] = field(default_factory=dict)
    typed: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    is_terminal: bool = True
    reply: Callable[[str], str] | None = None

    def run(self, name: str, *, is_check: bool = False, **options: Any) -> dict[str, Any]:
        """Run a task on the control machine."""
        action = load(f"aurore.infra.{name}", options, check=is_check)
        action._display = self
        result: dict[str, Any] = action.run(task_vars=self.variables)
        return result

    def sign(self, person: str, authority: str, **more: Any) -> dict[str, Any]:
        """Sign with the token."""
        return self.run(
            "user_certificate",
            person=person,
            people=self.people,
            authorities=[authority],
            authority=authority,
            register=str(self.register.path.parent),
            provider=PROVIDER,
            **more,
        )

    # --- What the action sees of the display

    def prompt_until(self, prompt: str, private: bool = False) -> bytes:
        self.asked.append(prompt)
        if not self.is_terminal:
            raise AnsiblePromptNoninteractive("stdin is not interactive")
        return (self.reply(prompt) if self.reply else self.typed.pop(0)).encode()

    def display(self, text: str, *_: object, **__: object) -> None:
        self.shown.append(text)

    def warning(self, text: str) -> None:
        self.warnings.append(text)


def person(nick: str, directory: Path) -> dict[str, Any]:
    """Somebody with a key, whose mandate runs."""
    path = directory / nick
    subprocess.run(["ssh-keygen", "-q", "-N", "", "-t", "ed25519", "-f", str(path)], check=True)
    return {
        "nick": nick,
        "since": "2020-01-01",
        "until": "2999-12-31",
        "keys": [Path(f"{path}.pub").read_text().strip()],
        "administers": ["root"],
    }


@pytest.fixture
def desk(tmp_path: Path, store: Store) -> Iterator[Desk]:
    """A desk with an empty register."""
    (tmp_path / "model").mkdir()
    (tmp_path / "model/certificates.yml").write_text("certificates: []\n")
    people = [person(nick, tmp_path) for nick in ("ann", "bob")]
    secret.show.cache_clear()
    yield Desk(Register(tmp_path / "model"), people, dict(store.variables))
    secret.show.cache_clear()


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The public key of the token that is plugged in."""
    (tmp_path / "tokens").mkdir()
    (tmp_path / "softhsm2.conf").write_text(f"directories.tokendir = {tmp_path}/tokens\n")
    monkeypatch.setenv("SOFTHSM2_CONF", str(tmp_path / "softhsm2.conf"))
    for words in (
        f"--init-token --slot-index 0 --label RTC --so-pin {PIN}",
        f"--token-label RTC --login --login-type so --so-pin {PIN} --init-pin --pin {PIN}",
        f"--token-label RTC --login --pin {PIN} --keypairgen --key-type EC:prime256v1 --label users",
    ):
        subprocess.run(["pkcs11-tool", "--module", PROVIDER, *words.split()], check=True, capture_output=True)
    return token.public_keys(PROVIDER)[0]


def type_back(prompt: str) -> str:
    """What somebody types who has written the words down."""
    return " ".join(re.findall(r"[a-z]+", prompt.partition("type it from there:")[2]))
