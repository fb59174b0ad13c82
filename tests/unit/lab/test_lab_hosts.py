"""What brings a container up, what it finds at its first boot, and how people get in."""

from __future__ import annotations

import resource
from typing import TYPE_CHECKING

import pytest
import yaml
from lab import access, firstboot, hosts, packages
from lab.archive import File
from lab.authorities import Keypair
from lab.image import Mirrors
from lab.podman import Container
from lab.report import table, text

if TYPE_CHECKING:
    from lab.context import Lab
    from lab.fleet import Fleet, Host


@pytest.mark.parametrize(
    ("state", "steps"),
    [
        (None, ("create", "start")),
        ("running", ()),
        ("paused", ("thaw",)),
        ("exited", ("start",)),
        ("stopped", ("start",)),
        ("created", ("remove", "create", "start")),
        ("storage", ("remove", "create", "start")),
    ],
)
def test_steps(state: str | None, steps: tuple[str, ...]) -> None:
    assert hosts.steps(Container(state, 0, "") if state else None) == steps


def test_create_command(git: Host) -> None:
    command = hosts.create_command(git, ["nofile=1:1"])
    assert "ns:/run/netns/aurore-git" in command
    assert "--ulimit=nofile=1:1" in command
    assert command[-1] == "/lib/systemd/systemd"


@pytest.mark.parametrize(
    ("hard", "limit"), [(20_000, 20_000), (10_000_000, 524_288), (resource.RLIM_INFINITY, 524_288)]
)
def test_limits_are_those_of_the_machine(monkeypatch: pytest.MonkeyPatch, hard: int, limit: int) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1, hard))
    assert f"nofile={limit}:{limit}" in hosts.allowed_limits()


def test_first_boot(git: Host) -> None:
    files = firstboot.files(git, Keypair("private", "public"), "certificate", "authority")
    assert files["/etc/hostname"] == File("git\n")
    assert files["/etc/ssh/ssh_host_ed25519_key"] == File("private", 0o600)
    assert files["/etc/ssh/ssh_host_ed25519_key-cert.pub"] == File("certificate")
    drop_in = files["/etc/ssh/sshd_config.d/90-provisioning.conf"]
    assert isinstance(drop_in, File)
    assert f"TrustedUserCAKeys {firstboot.AUTHORITIES}" in drop_in.content


def test_every_host_has_its_own_machine_id(git: Host) -> None:
    made = [firstboot.files(git, Keypair("", ""), "", "")["/etc/machine-id"] for _ in range(2)]
    assert made[0] != made[1]


def test_ssh_configuration(lab: Lab, fleet: Fleet) -> None:
    config = access.ssh_config(lab, fleet.hosts, "/home/rt/.ansible/cp")
    assert "Host git git.example.org\n  HostName 198.18.2.55\n" in config
    assert "  StrictHostKeyChecking yes\n" in config
    assert f'  CertificateFile "{lab.ssh}/id_ed25519-cert.pub"\n' in config
    # ssh takes the first value that it reads: what is for all hosts must come last.
    assert config.rindex("HostName") < config.index("Host *")


def test_facts(fleet: Fleet) -> None:
    pem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
    mirrors = Mirrors("https://mirror.example/debian", "http://mirror.example/debian-security")
    assert yaml.safe_load(access.facts(fleet, mirrors, "user key\n", "host key\n", pem)) == {
        "apt_mirror": "http://HTTPS///mirror.example/debian",
        "apt_security_mirror": "http://mirror.example/debian-security",
        "apt_proxy": "http://198.18.2.2:3142",
        "user_authorities": ["user key"],
        "host_authority": "host key",
        "tls_authority": pem,
    }


@pytest.mark.parametrize(("proxy", "line"), [("", False), ("http://proxy.example:3128", True)])
def test_cache_configuration(lab: Lab, proxy: str, line: bool) -> None:
    lines = packages.configuration(lab, "198.18.2.2", proxy).splitlines()
    assert "BindAddress: 198.18.2.2" in lines
    assert (f"Proxy: {proxy}" in lines) is line


def test_table(fleet: Fleet) -> None:
    assert table(fleet.hosts, {"git": "running"}).splitlines() == [
        "host  site       address      services  state",
        "git   Résidence  198.18.2.55  forge     running",
        "log   any node   198.18.2.56  -         not made",
    ]


def test_report_says_how_to_get_in(fleet: Fleet) -> None:
    report = text(fleet.hosts, {"log": "running"}, 512, 12.34)
    assert "make ssh HOST=log" in report
    assert "1 of 2 hosts, 0.5 GiB of memory, 12.3 s" in report
