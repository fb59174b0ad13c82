"""What signs, revokes and checks people's certificates, with a real token and a real store."""

from __future__ import annotations

import base64
import re
import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from ansible.errors import AnsibleActionFail, AnsiblePromptNoninteractive
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.play_context import PlayContext
from ansible.playbook.task import Task
from ansible.plugins import loader as plugin_loader
from ansible.template import Templar
from ansible_collections.aurore.infra.plugins.lookup import secret
from ansible_collections.aurore.infra.plugins.module_utils.model.keys import fingerprint
from ansible_collections.aurore.infra.plugins.module_utils.register import certificate as certificates
from ansible_collections.aurore.infra.plugins.module_utils.register import emergency, krl, pinentry, store, token

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.unit.conftest import Store

PIN = "271828"
PROVIDER = str(next(Path("/usr/lib").glob("**/libsofthsm2.so")))


@dataclass
class Desk:
    """Where the RTC sits: a register, people, maybe a token, and somebody who types."""

    register: store.Register
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
        loader = DataLoader()
        task = Task.load({"name": "t", f"aurore.infra.{name}": {}, "check_mode": is_check}, loader=loader)
        task.args = options
        context = PlayContext()
        action = plugin_loader.action_loader.get(
            f"aurore.infra.{name}",
            task=task,
            connection=plugin_loader.connection_loader.get("ansible.builtin.local", context),
            play_context=context,
            loader=loader,
            templar=Templar(loader=loader),
            shared_loader_obj=plugin_loader,
        )
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
    yield Desk(registers(tmp_path / "model"), people, dict(store.variables))
    secret.show.cache_clear()


registers = store.Register


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


# --- user_token


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


# --- user_certificate


def test_a_key_is_signed_once(desk: Desk, authority: str) -> None:
    desk.typed = [PIN]
    result = desk.sign("ann", authority)
    assert result["changed"]
    assert result["certificate"]["serial"] == 1
    made = certificates.read(Path(result["path"]).read_text())
    assert (made.key_id, made.principals, made.extensions) == ("ann", ("root",), ("permit-pty",))
    assert result["diff"]["before"] == "certificates: []\n"
    assert "person: ann" in result["diff"]["after"]
    assert desk.asked == ["PIN of the token 'RTC': "]
    assert "Certificate 1 for ann" in desk.shown[0]
    assert PIN not in repr((result, desk.shown, desk.warnings))
    with pytest.raises(AnsibleActionFail, match="ann has the certificate 1, which runs until"):
        desk.sign("ann", authority)
    assert len(desk.asked) == 1
    desk.typed = [PIN]
    assert desk.sign("ann", authority, again=True, forwarding=["agent"])["certificate"]["serial"] == 2
    assert certificates.read(desk.register.published["2-ann.pub"]).extensions == (
        "permit-agent-forwarding",
        "permit-pty",
    )


def test_refusals_write_nothing(desk: Desk, authority: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pinentry, "ask", lambda *_: (_ for _ in ()).throw(pinentry.PinentryError("cancelled")))
    desk.typed = ["", "314159"]
    for options, why in (
        ({"is_check": True}, "a signature cannot be foretold"),
        ({"person": "carl"}, "nobody has the nick 'carl'"),
        ({}, "no PIN was given: nothing was signed"),
        ({}, "nothing was signed: the PIN is wrong"),
        ({"pin_from": "pinentry"}, "cancelled"),
    ):
        with pytest.raises(AnsibleActionFail, match=why):
            desk.sign(**({"person": "ann", "authority": authority} | options))
    desk.is_terminal = False
    with pytest.raises(AnsibleActionFail, match="there is no terminal on which to ask for the PIN"):
        desk.sign("ann", authority)
    assert desk.register.text == "certificates: []\n"
    assert desk.register.published == {}


def test_pinentry_gives_the_pin(desk: Desk, authority: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real one is in module_utils/register/test_pinentry.py."""
    asked: list[tuple[str, str]] = []
    monkeypatch.setattr(pinentry, "ask", lambda *words: asked.append(words) or PIN)
    assert desk.sign("ann", authority, pin_from="pinentry")["certificate"]["serial"] == 1
    ((description, prompt),) = asked
    assert "Certificate 1 for ann" in description
    assert prompt == "PIN of the token 'RTC'"


def test_what_an_interrupted_run_has_signed_is_entered_without_signing(desk: Desk, authority: str) -> None:
    desk.typed = [PIN]
    desk.sign("ann", authority)
    desk.register.path.write_text("certificates: []\n")
    result = desk.sign("ann", authority)
    assert result["certificate"]["serial"] == 1
    assert len(desk.asked) == 1
    assert desk.warnings == ["the certificate 1 of ann had no line yet; it was added"]
    assert len(desk.register.certificates) == 1


def test_something_else_than_was_asked_for(desk: Desk, authority: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sign = token.sign
    changed = {"serial": 9}
    monkeypatch.setattr(
        token, "sign", lambda request, *more: sign(request._replace(line=request.line._replace(**changed)), *more)
    )
    desk.typed = [PIN]
    with pytest.raises(AnsibleActionFail, match="something else was signed than was asked for"):
        desk.sign("ann", authority)
    assert desk.register.published == {}


def test_a_register_with_problems(desk: Desk, authority: str) -> None:
    desk.register.path.write_text("certificates: [1]\n")
    with pytest.raises(AnsibleActionFail, match=r"the register cannot be used: certificates\.yml:1: wrong-type"):
        desk.sign("ann", authority)


# --- user_revocation


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


# --- user_register


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


# --- emergency_authority and emergency_certificate


def type_back(prompt: str) -> str:
    """What somebody types who has written the words down."""
    return " ".join(re.findall(r"[a-z]+", prompt.partition("type it from there:")[2]))


def test_an_authority_that_two_people_open(desk: Desk, store: Store) -> None:
    papers: list[str] = []
    desk.reply = lambda prompt: papers.append(type_back(prompt)) or papers[-1].upper()
    where = {"directory": str(store.directory), "gnupg_home": str(store.gnupg_home), "entry": "ssh/emergency-test"}
    with pytest.raises(AnsibleActionFail, match="nothing is made in check mode"):
        desk.run("emergency_authority", is_check=True, **where)
    made = desk.run("emergency_authority", holders=3, **where)
    assert [len(paper.split()) for paper in papers] == [20, 20, 20]
    assert not any(paper.split()[6] in repr((made, desk.shown)) for paper in papers)
    with pytest.raises(AnsibleActionFail, match="the store has ssh/emergency-test already"):
        desk.run("emergency_authority", **where)

    options = {
        "person": "ann",
        "people": desk.people,
        "authorities": [made["public"]],
        "authority": made["public"],
        "entry": "ssh/emergency-test",
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


def test_an_authority_that_is_not_made(desk: Desk, store: Store, tmp_path: Path) -> None:
    where = {"directory": str(store.directory), "gnupg_home": str(store.gnupg_home), "entry": "ssh/never"}
    desk.reply = lambda _: "something else"
    with pytest.raises(AnsibleActionFail, match="what was typed is not share 1: nothing was made"):
        desk.run("emergency_authority", **where)
    with pytest.raises(AnsibleActionFail, match="1 shares cannot be made"):
        desk.run("emergency_authority", holders=1, **where)
    desk.is_terminal = False
    with pytest.raises(AnsibleActionFail, match="there is no terminal on which to show the shares"):
        desk.run("emergency_authority", **where)
    desk.is_terminal, desk.reply = True, type_back
    with pytest.raises(AnsibleActionFail, match="the key was not put into the store"):
        desk.run("emergency_authority", holders=2, directory=str(tmp_path), entry="ssh/never")
    assert not (store.directory / "ssh/never.gpg").exists()
    assert emergency.THRESHOLD == 2
