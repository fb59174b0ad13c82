"""aurore.infra.host_identity over a connection that runs things here, with a real store."""

from __future__ import annotations

import grp
import os
import pwd
import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from ansible.errors import AnsibleActionFail
from ansible_collections.aurore.infra.plugins.action import host_identity
from ansible_collections.aurore.infra.plugins.lookup import secret
from ansible_collections.aurore.infra.plugins.module_utils import options
from ansible_collections.aurore.infra.plugins.module_utils.identity import ssh
from ansible_collections.aurore.infra.plugins.modules.host_identity import DOCUMENTATION

from tests.unit.action_call import load

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.conftest import Authorities, Makers, Store, Systemctl

NOW = datetime(2031, 1, 5, 12, tzinfo=UTC)
ME = pwd.getpwuid(os.getuid()).pw_name
GROUP = grp.getgrgid(os.getgid()).gr_name


@dataclass
class Host:
    """A directory that plays the host, reached over Ansible's local connection."""

    root: Path
    store: Store
    options: dict[str, Any]
    round_trips: int = 0
    warnings: list[str] = field(default_factory=list)
    answer: dict[str, Any] | None = None

    def run(self, *, is_check: bool = False, **options: Any) -> dict[str, Any]:
        """Run the task, as a worker does."""
        self.round_trips = 0
        action = load("aurore.infra.host_identity", self.options | options, check=is_check)
        execute = action._low_level_execute_command

        def count(*arguments: Any, **more: Any) -> Any:
            self.round_trips += 1
            return self.answer or execute(*arguments, **more)

        action._low_level_execute_command = count
        action._display = self
        result: dict[str, Any] = action.run(task_vars=dict(self.store.variables))
        return result

    def warning(self, text: str) -> None:
        self.warnings.append(text)

    def display(self, *_: object, **__: object) -> None:
        """Nothing is shown."""


@pytest.fixture(scope="module", autouse=True)
def _entries(store: Store, authorities: Authorities) -> None:
    store.insert("ssh/host-authority", authorities.ssh_private)
    store.insert("tls/authority", authorities.tls_private)


@pytest.fixture(autouse=True)
def _forget(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(host_identity.certificate, "now", lambda: NOW)
    secret.show.cache_clear()
    yield
    secret.show.cache_clear()


@pytest.fixture
def decryptions(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The entries that were decrypted."""
    seen: list[str] = []
    run = subprocess.run

    def record(command: list[str], **options: Any) -> Any:
        if command[0] == "pass":
            seen.append(command[-1])
        return run(command, **options)

    monkeypatch.setattr(secret.subprocess, "run", record)
    return seen


@pytest.fixture
def new(
    tmp_path: Path,
    store: Store,
    authorities: Authorities,
    systemctl: Systemctl,
    monkeypatch: pytest.MonkeyPatch,
) -> Host:
    """A host that has nothing."""
    root = tmp_path / "host"
    root.mkdir()
    monkeypatch.setattr(host_identity, "JOURNAL", str(root / "var/journal"))
    monkeypatch.setattr(host_identity, "OWNER", ME)
    systemctl.set_state("ssh.service", "active")
    return Host(
        root,
        store,
        {
            "identity": "git.adm.auro.re",
            "names": ["git"],
            "addresses": ["192.0.2.12"],
            "ssh": {"authority": authorities.ssh_public, "key": str(root / "ssh_key")},
            "tls": {
                "authority": authorities.tls_certificate,
                "directory": str(root / "tls"),
                "group": GROUP,
                "restarts": ["nginx.service"],
            },
        },
    )


@pytest.fixture
def host(new: Host) -> Host:
    """A host that has all it needs."""
    new.run()
    secret.show.cache_clear()
    return new


def names(result: dict[str, Any]) -> list[tuple[str, str]]:
    return [(Path(item["name"]).name, item["change"]) for item in result["items"]]


NEW_FILES = [
    ("ssh_key", "created"),
    ("ssh_key.pub", "created"),
    ("ssh_key-cert.pub", "created"),
    ("tls", "created"),
    ("host.key", "created"),
    ("host.crt", "created"),
    ("ca.crt", "created"),
]


def test_a_new_host_gets_everything_in_two_round_trips(new: Host, decryptions: list[str], systemctl: Systemctl) -> None:
    result = new.run()
    assert result["changed"] is True
    assert names(result) == [*NEW_FILES, ("ssh.service", "reloaded"), ("nginx.service", "left inactive")]
    assert new.round_trips == 2
    assert decryptions == ["ssh/host-authority", "tls/authority"]
    assert systemctl.calls == ["reload ssh.service"]
    assert result["certificates"]["ssh"]["not_after"] == "2032-01-05T12:00:00+00:00"
    found = ssh.read((new.root / "ssh_key-cert.pub").read_text())
    assert found.names == {"git.adm.auro.re", "git", "192.0.2.12"}


def test_a_host_on_which_all_is_well_costs_one_round_trip_and_no_secret(host: Host, decryptions: list[str]) -> None:
    host.store = type(host.store)(host.root / "no-store", host.root / "no-gnupg")
    result = host.run()
    assert (result["changed"], result["items"], result["diff"]) == (False, [], [])
    assert host.round_trips == 1
    assert decryptions == []


def test_check_mode_foretells_and_touches_nothing(new: Host, decryptions: list[str]) -> None:
    foretold = new.run(is_check=True)
    assert foretold["changed"] is True
    assert names(foretold) == [*NEW_FILES, ("ssh.service", "reload"), ("nginx.service", "restart")]
    assert new.round_trips == 1
    assert decryptions == []
    assert list(new.root.iterdir()) == []


def test_check_mode_shows_the_diff_that_is_then_applied(host: Host) -> None:
    foretold = host.run(is_check=True, names=["git", "git.auro.re"])
    applied = host.run(names=["git", "git.auro.re"])
    assert foretold["diff"] == applied["diff"]
    assert "  git.auro.re\n" not in foretold["diff"][0]["before"]
    assert "  git.auro.re\n" in foretold["diff"][0]["after"]
    assert host.run(is_check=True, names=["git", "git.auro.re"])["changed"] is False


def test_only_the_authority_that_signs_is_decrypted(host: Host, decryptions: list[str]) -> None:
    (host.root / "ssh_key-cert.pub").unlink()
    assert names(host.run()) == [("ssh_key-cert.pub", "created"), ("ssh.service", "reloaded")]
    assert decryptions == ["ssh/host-authority"]


def test_a_certificate_without_a_common_name_is_an_option(host: Host, decryptions: list[str]) -> None:
    with_nameless = {"tls": host.options["tls"] | {"nameless": True}}
    assert names(host.run(is_check=True, **with_nameless))[0] == ("nameless.crt", "created")
    result = host.run(**with_nameless)
    assert names(result) == [("nameless.crt", "created"), ("nginx.service", "left inactive")]
    assert decryptions == ["tls/authority"]
    assert result["certificates"]["tls_nameless"]["names"] == result["certificates"]["tls"]["names"]
    command = ["openssl", "x509", "-noout", "-subject", "-in", host.root / "tls/nameless.crt"]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout == "subject=\n"
    assert host.run(**with_nameless)["changed"] is False


def test_an_interrupted_run_is_completed(host: Host, systemctl: Systemctl) -> None:
    """The agent is killed between the file and the reload."""
    (host.root / "ssh_key-cert.pub").unlink()
    systemctl.misbehave("kill -9 $PPID; exit 1")
    with pytest.raises(AnsibleActionFail, match=r"^/usr/bin/python3 on the host did not answer"):
        host.run()
    systemctl.behave()
    before = list(systemctl.calls)
    result = host.run()
    assert names(result) == [("ssh.service", "reloaded")]
    assert result["items"][0]["reasons"] == ["an earlier run was interrupted before"]
    assert systemctl.calls[len(before) :] == ["reload ssh.service"]
    assert host.run()["changed"] is False


def test_near_its_end_an_authority_is_warned_about(new: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_identity.certificate, "now", lambda: NOW + timedelta(days=3650 - 30))
    new.run()
    assert [warning.split(" ends on ")[0] for warning in new.warnings] == ["git.adm.auro.re: The TLS authority"]


def test_a_store_without_the_authority_is_named(host: Host) -> None:
    (host.root / "ssh_key-cert.pub").unlink()
    options = host.options["ssh"] | {"entry": "ssh/nothing"}
    with pytest.raises(AnsibleActionFail) as caught:
        host.run(ssh=options)
    message = str(caught.value)
    assert message.startswith("git.adm.auro.re: its SSH certificate must be signed. There is no secret 'ssh/nothing'")
    assert "pass insert --multiline ssh/nothing" in message


@pytest.mark.parametrize(("kind", "entry"), [("ssh", "ssh/host-authority"), ("tls", "tls/authority")])
def test_a_model_with_another_authority_than_the_store_is_refused(
    host: Host, make: Makers, kind: str, entry: str
) -> None:
    other = make.authorities("p256")
    authority = {"ssh": other.ssh_public, "tls": other.tls_certificate}[kind]
    before = {path: path.read_bytes() for path in host.root.rglob("*") if path.is_file()}
    with pytest.raises(AnsibleActionFail) as caught:
        host.run(**{kind: host.options[kind] | {"authority": authority}})
    message = str(caught.value)
    assert f"git.adm.auro.re: the secret '{entry}': the private half of SHA256:" in message
    assert "correct whichever is out of date" in message
    assert {path: path.read_bytes() for path in host.root.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"names": ["GIT"]}, "git.adm.auro.re: 'GIT' is not a host name"),
        ({"renew_before_days": 365}, "git.adm.auro.re: renew_before_days"),
        ({"ssh": {"authority": "nonsense"}}, "git.adm.auro.re: ssh.authority: not an SSH public key"),
        ({"tls": {"authority": "nonsense"}}, "git.adm.auro.re: tls.authority: not a certificate in PEM"),
        ({"ssh": {"authority": None}}, r"git\.adm\.auro\.re: ssh.authority: there is none yet.*'ssh/host-authority'"),
        ({"tls": None}, "missing required arguments: tls"),
        ({"tls": {}}, "missing required arguments: authority found in tls"),
        ({"nmes": []}, r"Unsupported parameters.*nmes"),
        ({"valid_days": "long"}, "valid_days"),
    ],
)
def test_options_that_cannot_be_are_named(new: Host, options: dict[str, Any], message: str) -> None:
    with pytest.raises(AnsibleActionFail, match=message):
        new.run(**options)
    assert new.round_trips == 0


def test_what_is_in_the_way_on_the_host_is_named(host: Host) -> None:
    certificate = host.root / "tls/host.crt"
    certificate.unlink()
    certificate.mkdir()
    with pytest.raises(AnsibleActionFail, match=f"git.adm.auro.re: {certificate} is there, but is not a file"):
        host.run()


def test_a_problem_on_the_host_is_told(host: Host) -> None:
    (host.root / "ssh_key").write_text("damaged")
    with pytest.raises(AnsibleActionFail, match=r"git\.adm\.auro\.re: the private key .*/ssh_key cannot be read"):
        host.run()


@pytest.mark.parametrize(
    ("stdout", "stderr", "told"),
    [
        ("", "sh: /usr/bin/python3: not found", "sh: /usr/bin/python3: not found / exit status 127"),
        ("Welcome\nnot JSON", "", "Welcome / not JSON / exit status 127"),
    ],
)
def test_a_host_without_python_is_told(new: Host, stdout: str, stderr: str, told: str) -> None:
    new.answer = {"rc": 127, "stdout": stdout, "stderr": stderr}
    with pytest.raises(AnsibleActionFail, match=told):
        new.run()


def test_a_greeting_before_the_answer_does_no_harm(new: Host) -> None:
    new.answer = {"rc": 0, "stdout": 'Welcome!\n{"problem": "nothing works"}\n', "stderr": ""}
    with pytest.raises(AnsibleActionFail, match=r"git\.adm\.auro\.re: nothing works"):
        new.run()


def test_the_options_are_those_of_the_documentation() -> None:
    spec = options.documented(DOCUMENTATION)
    assert spec["valid_days"] == {"type": "int", "default": 365}
    assert spec["ssh"]["options"]["key"] == {"type": "path", "default": "/etc/ssh/ssh_host_ed25519_key"}
    assert spec.keys() == yaml.safe_load(DOCUMENTATION)["options"].keys()


def test_no_secret_is_in_the_result_or_on_the_host(new: Host, authorities: Authorities) -> None:
    result = repr(new.run())
    on_the_host = "".join(path.read_text() for path in new.root.rglob("*") if path.is_file())
    for private in (authorities.ssh_private, authorities.tls_private):
        body = private.splitlines()[1:-1]
        # Two keys of one kind begin alike in OpenSSH's format.
        for line in body[2:] or body:
            assert line not in result
            assert line not in on_the_host
    for path in ("ssh_key", "tls/host.key"):
        for line in (new.root / path).read_text().splitlines()[1:-1]:
            assert line not in result
