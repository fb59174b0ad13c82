"""From a host's files to the steps, and back: what the plan says is what the agent then does."""

from __future__ import annotations

import grp
import os
import pwd
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from ansible_collections.aurore.infra.plugins.module_utils.identity import agent, keys, plan, ssh, tls
from ansible_collections.aurore.infra.plugins.module_utils.identity.certificate import IdentityError, Wanted
from cryptography.hazmat.primitives.asymmetric import ed25519

if TYPE_CHECKING:
    from tests.unit.conftest import Authorities, Makers, Systemctl

NOW = datetime(2031, 1, 5, 12, tzinfo=UTC)
ME = pwd.getpwuid(os.getuid()).pw_name
GROUP = grp.getgrgid(os.getgid()).gr_name
SSH_UNITS: agent.Units = {"reload": ["ssh.service"], "restart": []}
TLS_UNITS: agent.Units = {"reload": [], "restart": ["nginx.service"]}
WANTED = Wanted.of("git.adm.auro.re", ["git"], ["192.0.2.12"], 365, 90)


@dataclass
class Host:
    """A directory that plays the host, and what the model wants of it."""

    root: Path
    authorities: Authorities
    wanted: Wanted = WANTED
    bundle: str = ""
    has_nameless: bool = False
    at: datetime = NOW
    signed: list[str] = field(default_factory=list)

    @property
    def desired(self) -> plan.Desired:
        bundle = self.bundle or self.authorities.tls_certificate
        return plan.Desired(
            wanted=self.wanted,
            layout=plan.Layout(
                ssh_key=str(self.root / "ssh_key"),
                tls_directory=str(self.root / "tls"),
                tls_group=GROUP,
                ssh_units=SSH_UNITS,
                tls_units=TLS_UNITS,
                journal=str(self.root / "var/journal"),
                owner=ME,
                has_nameless=self.has_nameless,
            ),
            ssh_authority=keys.public_key(self.authorities.ssh_public),
            tls_authority=tls.authority(bundle, self.at),
            tls_bundle=bundle,
        )

    def plan(self, *, is_check: bool = True) -> plan.Plan:
        desired = self.desired
        state = agent.inspect(desired.layout.inspection(self.wanted.identity, create=not is_check))
        return plan.plan(state, desired, self.at)

    def sign(self, request: plan.ToSign) -> str:
        self.signed.append(request.kind)
        desired = self.desired
        assert request.key
        if request.kind == "ssh":
            key = keys.private_key(self.authorities.ssh_private, desired.ssh_authority)
            return ssh.issue(request.key, request.content, self.wanted, key)
        key = keys.private_key(self.authorities.tls_private, desired.tls_authority.key)
        return tls.issue(request.key, request.content, self.wanted, desired.tls_authority, key)

    def apply(self) -> plan.Plan:
        planned = self.plan(is_check=False)
        agent.install(plan.installation(planned, self.desired.layout, self.sign))
        return planned

    def steps(self) -> list[tuple[str, str, tuple[str, ...]]]:
        """What would be done: name, change and reasons."""
        return [(Path(step.path).name, step.change, step.reasons) for step in self.plan().steps]


@pytest.fixture
def new(tmp_path: Path, authorities: Authorities, systemctl: Systemctl) -> Host:
    """A host that has nothing."""
    (tmp_path / "host").mkdir()
    return Host(tmp_path / "host", authorities)


@pytest.fixture
def host(new: Host) -> Host:
    """A host that has all it needs."""
    new.apply()
    new.signed.clear()
    return new


ALL_OF_A_NEW_HOST = [
    ("ssh_key", "created", ("there was none",)),
    ("ssh_key.pub", "created", ("there is none",)),
    ("ssh_key-cert.pub", "created", ("there is none",)),
    ("tls", "created", ("there was none",)),
    ("host.key", "created", ("there was none",)),
    ("host.crt", "created", ("there is none",)),
    ("ca.crt", "created", ("there are none",)),
]


def test_check_mode_foretells_what_a_new_host_gets(new: Host) -> None:
    assert new.steps() == ALL_OF_A_NEW_HOST
    assert list(new.root.iterdir()) == []
    planned = new.plan()
    assert planned.certificates["ssh"].key == plan.NO_KEY_YET
    assert planned.units == {"reload": ["ssh.service"], "restart": ["nginx.service"]}
    done = new.apply()
    assert [(Path(step.path).name, step.change, step.reasons) for step in done.steps] == ALL_OF_A_NEW_HOST
    assert new.signed == ["ssh", "tls"]


def test_then_there_is_nothing_to_do(host: Host) -> None:
    planned = host.plan(is_check=False)
    assert planned.steps == ()
    assert not planned.changed
    assert planned.units == {"reload": [], "restart": []}
    assert planned.warnings == ()
    assert planned.certificates["tls"].names == {"git.adm.auro.re", "git", "192.0.2.12"}


def test_a_year_of_runs_renews_once(host: Host) -> None:
    for day in range(0, 364, 28):
        host.at = NOW + timedelta(days=day)
        host.apply()
    assert sorted(host.signed) == ["ssh", "tls"]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("ssh_key.pub", "ssh-ed25519 AAAA somebody", "it is not the private key's other half"),
        ("ssh_key-cert.pub", "", "it cannot be read: not an SSH certificate"),
        ("tls/host.crt", "-----BEGIN", "it cannot be read: not a certificate in PEM"),
        ("tls/ca.crt", "something else", "they are not the model's"),
    ],
)
def test_a_public_file_that_was_changed_is_mended(host: Host, name: str, content: str, reason: str) -> None:
    (host.root / name).write_text(content)
    [(changed, change, reasons)] = host.steps()
    assert (changed, change) == (Path(name).name, "replaced")
    assert reasons[0].startswith(reason)
    host.apply()
    assert host.steps() == []


def test_the_public_halfs_comment_is_free(host: Host) -> None:
    public = host.root / "ssh_key.pub"
    assert public.read_text().endswith(" root@git.adm.auro.re\n")
    public.write_text(public.read_text().replace("root@git.adm.auro.re", "somebody else's words"))
    assert host.steps() == []


def test_a_certificate_without_a_common_name_is_beside_the_other(host: Host) -> None:
    host.has_nameless = True
    assert host.steps() == [("nameless.crt", "created", ("there is none",))]
    planned = host.apply()
    assert planned.units == TLS_UNITS
    assert host.steps() == []
    found = planned.certificates["tls_nameless"]
    assert replace(found, identity="git.adm.auro.re") == planned.certificates["tls"]
    assert found.identity == ""
    assert host.signed == ["tls"]
    # One with a name is not taken for it.
    (host.root / "tls/nameless.crt").write_text((host.root / "tls/host.crt").read_text())
    assert host.steps() == [("nameless.crt", "replaced", ("its identity is 'git.adm.auro.re'",))]
    host.apply()
    assert host.steps() == []


def test_it_is_renewed_with_the_other(host: Host) -> None:
    host.has_nameless = True
    host.apply()
    host.at = NOW + timedelta(days=280)
    assert [name for name, _, _ in host.steps()] == ["ssh_key-cert.pub", "host.crt", "nameless.crt"]
    host.apply()
    assert host.steps() == []


def test_who_does_not_want_one_does_not_look_at_it(host: Host) -> None:
    (host.root / "tls/nameless.crt").write_text("something else")
    assert host.steps() == []
    assert "tls_nameless" not in host.plan().certificates


def test_a_new_key_gets_a_new_certificate(host: Host) -> None:
    (host.root / "ssh_key").unlink()
    expected = [
        ("ssh_key", "created", ("there was none",)),
        ("ssh_key.pub", "replaced", ("it is not the private key's other half",)),
        ("ssh_key-cert.pub", "replaced", ("it is for another key than the host's",)),
    ]
    assert host.steps() == expected
    assert host.apply().units == SSH_UNITS
    assert host.steps() == []
    assert host.signed == ["ssh"]


def test_a_new_name_is_in_both_certificates(host: Host) -> None:
    host.wanted = Wanted.of("git.adm.auro.re", ["git", "git.auro.re"], ["192.0.2.12"], 365, 90)
    assert host.steps() == [
        ("ssh_key-cert.pub", "replaced", ("it lacks git.auro.re",)),
        ("host.crt", "replaced", ("it lacks git.auro.re",)),
    ]
    host.apply()
    assert host.steps() == []


def test_new_authorities_sign_anew(host: Host, make: Makers) -> None:
    host.authorities = make.authorities("p256")
    assert host.steps() == [
        ("ssh_key-cert.pub", "replaced", ("another authority signed it",)),
        ("host.crt", "replaced", ("another authority signed it",)),
        ("ca.crt", "replaced", ("they are not the model's",)),
    ]
    host.apply()
    assert host.steps() == []


def test_an_authority_is_replaced_in_two_steps(host: Host, make: Makers) -> None:
    following = make.authorities()
    host.bundle = host.authorities.tls_certificate + following.tls_certificate
    assert host.steps() == [("ca.crt", "replaced", ("they are not the model's",))]
    host.apply()
    host.bundle = following.tls_certificate + host.authorities.tls_certificate
    host.authorities = replace(host.authorities, tls_private=following.tls_private)
    assert [name for name, _, _ in host.steps()] == ["host.crt", "ca.crt"]
    host.apply()
    assert host.steps() == []


@pytest.mark.parametrize(
    ("name", "mode", "units"),
    [
        ("ssh_key", 0o644, SSH_UNITS),
        ("ssh_key.pub", 0o600, plan.NO_UNITS),
        ("ssh_key-cert.pub", 0o666, SSH_UNITS),
        ("tls", 0o700, plan.NO_UNITS),
        ("tls/host.key", 0o640, TLS_UNITS),
        ("tls/ca.crt", 0o600, TLS_UNITS),
    ],
)
def test_wrong_modes_are_mended_and_nothing_else(host: Host, name: str, mode: int, units: agent.Units) -> None:
    path = host.root / name
    before = path.stat()
    path.chmod(mode)
    planned = host.plan()
    [step] = planned.steps
    assert (step.path, step.change, step.content) == (str(path), "permissions", None)
    assert f"mode: {mode:04o}\n" in step.before
    assert f"mode: {before.st_mode & 0o7777:04o}\n" in step.after
    assert planned.units == units
    host.apply()
    assert host.steps() == []
    assert (path.stat().st_mode, path.stat().st_ino) == (before.st_mode, before.st_ino)


def test_a_file_to_replace_shows_its_wrong_mode_too(host: Host) -> None:
    path = host.root / "tls/ca.crt"
    path.write_text("something else")
    path.chmod(0o666)
    [step] = host.plan().steps
    assert step.before == f"owner: {ME}\ngroup: {GROUP}\nmode: 0666\nnot certificates in PEM\n"
    assert "mode: 0644\nCN=Test authority" in step.after


def test_a_group_may_read_the_tls_key() -> None:
    layout = plan.Layout("key", "tls", "mail", SSH_UNITS, TLS_UNITS, "journal")
    assert layout.attributes("tls/host.key") == {"owner": "root", "group": "mail", "mode": "0640"}
    alone = replace(layout, tls_group="root")
    assert alone.attributes("tls/host.key") == {"owner": "root", "group": "root", "mode": "0600"}


@pytest.mark.parametrize("name", ["ssh_key", "ssh_key.pub", "tls/host.crt", "tls/ca.crt"])
def test_what_is_in_the_way_is_for_a_person(host: Host, name: str) -> None:
    path = host.root / name
    path.unlink()
    path.symlink_to("elsewhere")
    with pytest.raises(IdentityError, match=f"{path} is there, but is not a file: move it away"):
        host.plan()


def test_units_of_an_interrupted_run_are_owed(host: Host, systemctl: Systemctl) -> None:
    systemctl.set_state("ssh.service", "active")
    systemctl.misbehave("exit 1")
    (host.root / "ssh_key-cert.pub").unlink()
    with pytest.raises(agent.HostError):
        host.apply()
    systemctl.behave()
    planned = host.plan()
    assert planned.changed
    assert planned.steps == ()
    assert planned.pending == SSH_UNITS
    assert plan.report(planned, {})["items"] == [
        {
            "kind": "unit",
            "name": "ssh.service",
            "change": "reload",
            "reasons": ["an earlier run was interrupted before"],
        }
    ]
    host.apply()
    assert systemctl.calls == ["reload ssh.service"]
    assert not host.plan().changed


def test_near_the_authoritys_end_it_warns_and_leaves_alone_what_lasts_as_long(new: Host, make: Makers) -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    new.authorities = replace(
        new.authorities, tls_private=make.private_pem(key), tls_certificate=make.tls_authority(key, years=1)
    )
    assert new.apply().warnings == ()
    new.signed.clear()
    new.at = NOW + timedelta(days=300)
    planned = new.apply()
    assert [Path(step.path).name for step in planned.steps] == ["ssh_key-cert.pub"]
    assert planned.warnings[0].startswith("The TLS authority ends on 2032-01-05")
    assert new.signed == ["ssh"]


def test_the_report_says_what_and_why(host: Host) -> None:
    host.wanted = Wanted.of("git.adm.auro.re", ["git", "git.auro.re"], ["192.0.2.12"], 365, 90)
    report = plan.report(host.plan(), {"ssh.service": "reloaded"})
    assert report["changed"] is True
    assert [(item["kind"], Path(item["name"]).name, item["change"]) for item in report["items"]] == [
        ("certificate", "ssh_key-cert.pub", "replaced"),
        ("certificate", "host.crt", "replaced"),
        ("unit", "ssh.service", "reloaded"),
        ("unit", "nginx.service", "restart"),
    ]
    assert report["certificates"]["ssh"]["not_after"] == "2032-01-05T12:00:00+00:00"
    assert report["certificates"]["ssh"]["names"] == ["192.0.2.12", "git", "git.adm.auro.re", "git.auro.re"]
    difference = report["diff"][0]
    assert difference["after_header"].endswith("ssh_key-cert.pub (replaced: it lacks git.auro.re)")
    assert set(difference["after"].splitlines()) - set(difference["before"].splitlines()) == {"  git.auro.re"}


def test_the_report_of_nothing_is_empty(host: Host) -> None:
    report = plan.report(host.plan(), {})
    assert (report["changed"], report["items"], report["diff"]) == (False, [], [])


def test_no_private_key_is_in_a_report_or_a_request(new: Host) -> None:
    planned = new.plan(is_check=False)
    everything = repr((plan.report(planned, {}), plan.installation(planned, new.desired.layout, new.sign)))
    secrets = [new.authorities.ssh_private, new.authorities.tls_private]
    secrets += [(new.root / name).read_text() for name in ("ssh_key", "tls/host.key")]
    for secret in secrets:
        for line in secret.splitlines()[1:-1]:
            assert line not in everything
