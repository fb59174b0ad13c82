"""What brings a container up, what it finds at its first boot, and how people get in."""

from __future__ import annotations

import resource
from dataclasses import replace
from datetime import date
from ipaddress import ip_interface
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from ansible_collections.aurore.infra.plugins.module_utils.model.document import parse
from lab import access, firstboot, hosts, packages, people
from lab.archive import File
from lab.authorities import Keypair, new_keypair
from lab.errors import LabError
from lab.image import Mirrors
from lab.podman import LABEL, Container, Podman, container_of
from lab.report import table, text

if TYPE_CHECKING:
    from lab.context import Lab
    from lab.fleet import Fleet, Host

NEVER = -62135596800
"""What podman writes for the time of a start that has not been."""


def listed(state: str, started_at: int = 1_795_640_139, **more: Any) -> dict[str, Any]:
    """A container as podman lists it."""
    return {"Names": ["git"], "State": state, "Pid": 0, "Image": "", "Labels": None, "StartedAt": started_at, **more}


@pytest.mark.parametrize(
    ("one", "steps"),
    [
        (None, ("create", "start")),
        (listed("running"), ()),
        (listed("paused"), ("thaw",)),
        (listed("exited"), ("start",)),
        (listed("stopped"), ("start",)),
        # After a reboot, or when all was killed: its disk must stay.
        (listed("created"), ("start",)),
        # Whoever stopped or removed it was killed meanwhile.
        (listed("stopping"), ("stop", "start")),
        (listed("removing"), ("remove", "create", "start")),
        (listed("created", NEVER), ("remove", "create", "start")),
        (listed("storage", NEVER), ("remove", "create", "start")),
    ],
)
def test_steps(one: dict[str, Any] | None, steps: tuple[str, ...]) -> None:
    assert hosts.steps(container_of(one) if one else None) == steps


def made_from(host: Host) -> Container:
    """A host's container, as it was made."""
    command = hosts.create_command(host, [])
    label, _, value = command[command.index("--label") + 1].partition("=")
    return container_of(listed("running", Labels={label: value}))


def test_what_is_as_the_model_has_it_stays(fleet: Fleet) -> None:
    found = {host.name: made_from(host) for host in fleet.hosts}
    assert hosts.outdated(found, fleet, fleet.hosts) == {}
    assert hosts.outdated({}, fleet, fleet.hosts) == {}


def test_host_with_another_address_is_made_anew(fleet: Fleet, git: Host) -> None:
    found = {host.name: made_from(host) for host in fleet.hosts}
    interface = replace(git.interfaces[0], addresses=(ip_interface("198.18.2.99/27"), git.interfaces[0].addresses[1]))
    moved = replace(git, interfaces=(interface, *git.interfaces[1:]))
    assert list(hosts.outdated(found, fleet, [moved])) == ["git"]
    assert list(hosts.outdated({"git": container_of(listed("running"))}, fleet, [git])) == ["git"]


def test_host_that_left_the_model_goes_when_all_are_wanted(fleet: Fleet, git: Host) -> None:
    found = {"git": made_from(git), "old": container_of(listed("running", Labels={LABEL: "any"}))}
    assert list(hosts.outdated(found, fleet, [git])) == []
    assert list(hosts.outdated(found, fleet, fleet.hosts)) == ["old"]


@pytest.mark.parametrize(("names", "last"), [(["git"], "git: boot"), (["git", "log"], "git, log: hosts")])
def test_every_host_that_did_not_come_up_is_told(
    lab: Lab,
    fleet: Fleet,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    names: list[str],
    last: str,
) -> None:
    def login(_: Lab, host: Host) -> str:
        if host.name in names:
            raise LabError("boot", "nothing listens", "look", host.name)
        return "running"

    running = {host.name: container_of(listed("running")) for host in fleet.hosts}
    monkeypatch.setattr(Podman, "containers", lambda _: running)
    monkeypatch.setattr(hosts, "await_login", login)
    monkeypatch.setattr(hosts, "journal", lambda _, name: f"journal of {name}")
    with pytest.raises(LabError) as raised:
        hosts.up(Podman(lab), fleet.hosts)
    assert str(raised.value).startswith(last)
    said = capsys.readouterr().out
    for name in names:
        assert f"{name}: boot: nothing listens\n  What to do: look\njournal of {name}" in said


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


def test_fleet_file() -> None:
    pem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
    mirrors = Mirrors("https://mirror.example/debian", "http://mirror.example/debian-security")
    names = {"domain": "example.org", "hosts": "adm.example.org"}
    keys = {"user": "user key\n", "emergency": "emergency key\n", "host": "host key\n", "tls": pem}
    text = access.fleet_file(names, "http://198.18.2.2:3142", mirrors, keys)
    assert yaml.safe_load(text) == {
        "names": names,
        "packages": {
            "mirror": "http://HTTPS///mirror.example/debian",
            "security_mirror": "http://mirror.example/debian-security",
            "proxy": "http://198.18.2.2:3142",
        },
        "authorities": {"users": ["user key"], "emergency": "emergency key", "host": "host key", "tls": pem},
    }


def test_people_file() -> None:
    """The model's people with keys of the lab, valid by the model's own rules."""
    base = (Path(__file__).parents[3] / "inventory/model/people.yml").read_text(encoding="utf-8")
    persons = yaml.safe_load(base)["people"]
    keys = {person["nick"]: new_keypair(person["nick"]).public for person in persons}
    text = people.people_file(persons, keys, date(2028, 2, 29))
    root, problems = parse("people.yml", text.encode())
    assert (root is not None, problems) == (True, [])
    made = yaml.safe_load(text)["people"]
    assert [person["nick"] for person in made] == [person["nick"] for person in persons]
    assert all(person["keys"] == [keys[person["nick"]].strip()] for person in made)
    assert all(person["mandate"] == {"since": date(2027, 1, 1), "until": date(2029, 12, 31)} for person in made)


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
    report = text(fleet.hosts, {"log": "running"}, 512)
    assert "1 of 2 hosts, 0.5 GiB of memory." in report
    assert "make ssh HOST=log" in report.splitlines()[-1]
