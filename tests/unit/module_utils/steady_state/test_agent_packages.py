"""Packages, groups and users: what dpkg, apt and the shadow tools are asked to do."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from ansible_collections.aurore.infra.plugins.module_utils.steady_state import agent

if TYPE_CHECKING:
    from tests.unit.played_host import Host


@pytest.fixture(autouse=True)
def _patient(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists are there; nobody waits for anything."""
    (host.root / "apt/sources.list.d/debian.sources").write_text("")
    (host.root / "lists/mirror_dists_trixie_main_binary-amd64_Packages").write_text("")
    for path in ("apt", "apt/sources.list.d", "apt/sources.list.d/debian.sources"):
        os.utime(host.root / path, (0, 0))
    monkeypatch.setattr(agent.time, "sleep", lambda _: None)


def installs(host: Host) -> list[list[str]]:
    """The packages given to apt, by call."""
    return [call.split(" -- ")[1].split() for call in host.calls if " install " in call and "--simulate" not in call]


def test_what_is_installed_is_left_alone(host: Host) -> None:
    host.packages = {"nginx": "installed", "apache2": "config-files", "exim4": "not-installed"}
    assert host.do(packages=["nginx"], packages_absent=["apache2", "exim4", "nosuch"]) == []
    assert host.calls == []


def test_only_what_is_missing_is_given_to_apt(host: Host) -> None:
    host.packages = {"nginx": "installed", "exim4": "installed", "jq": "config-files"}
    wanted = {"packages": ["nginx", "jq", "g++"], "packages_absent": ["exim4", "nosuch"]}
    changes = ["packages jq: installed", "packages g++: installed", "packages_absent exim4: removed"]
    assert host.do(check=True, **wanted) == changes
    assert host.calls == []
    assert host.do(**wanted) == changes
    assert installs(host) == [["jq", "g++", "exim4-"]]
    assert host.do(**wanted) == []


def test_what_an_interrupted_dpkg_left_is_configured(host: Host) -> None:
    host.packages = {"jq": "half-configured", "nginx": "unpacked", "libc6": "triggers-pending"}
    wanted = {"packages": ["nginx"]}
    changes = ["packages jq: configured", "packages libc6: configured", "packages nginx: installed"]
    assert host.do(check=True, **wanted) == changes
    assert host.do(**wanted) == changes
    assert installs(host) == [["nginx"]]
    assert "--fix-broken" in host.calls[-1]
    assert host.do(**wanted) == []


def test_nothing_else_is_removed(host: Host) -> None:
    host.packages = {"exim4": "installed"}
    host.answers["apt-get --yes --quiet --option=Dpkg::Options::=--force-confdef "] = (
        "NOTE: This is only a simulation!\nRemv exim4 [4.98]\nRemv bsd-mailx [8.1]\nInst postfix (3.10)\n"
    )
    problem = host.refuse(packages=["postfix"], packages_absent=["exim4"])
    assert problem == (
        "packages: postfix, exim4: apt would remove bsd-mailx too; if that is right, add them to `packages_absent`"
    )
    assert installs(host) == []


def test_a_virtual_package_is_told(host: Host) -> None:
    host.answers["apt-get"] = ""
    problem = host.refuse(packages=["mail-transport-agent"])
    assert problem.endswith("apt installed another package in place of mail-transport-agent; name that one")


def test_an_error_of_apt_names_the_packages(host: Host) -> None:
    host.fails("apt-get", "E: Unable to locate package nosuch")
    answer = host.ask(packages=["nosuch"], files=[{"path": host.path("f"), "content": ""}])
    assert answer["problem"].startswith("packages: nosuch: `apt-get")
    assert answer["problem"].endswith("E: Unable to locate package nosuch")
    assert answer["changes"] == []
    assert not (host.root / "f").exists()


def test_a_host_without_dpkg(host: Host) -> None:
    host.answers["dpkg-query"] = agent.Problem("dpkg-query cannot be run on this host: No such file or directory")
    assert host.refuse(packages=["jq"]).startswith("packages: dpkg: dpkg-query cannot be run")


@pytest.mark.parametrize(
    ("age", "newer", "is_updated"),
    [
        (60, None, False),
        (3601, None, True),
        (60, "apt/sources.list.d/new.sources", True),
        (60, "apt/sources.list", True),
        (60, "apt/sources.list.d", True),  # something was removed from it
        (60, "apt/trusted.gpg.d", False),
        (None, None, True),
    ],
)
def test_lists_are_fetched_when_they_are_old(host: Host, age: int | None, newer: str | None, is_updated: bool) -> None:
    now = agent.time.time()
    if age is None:
        next((host.root / "lists").iterdir()).unlink()
    os.utime(host.root / "lists", (now - (age or 0), now - (age or 0)))
    if newer is not None:
        (host.root / newer).touch()
        os.utime(host.root / newer, (now - 30, now - 30))
        os.utime(host.root / "apt/sources.list.d", (now - 30, now - 30) if newer == "apt/sources.list.d" else (0, 0))
    host.do(packages=["jq"])
    assert any("update" in call for call in [*host.calls, *host.looks]) is is_updated


def test_removing_needs_no_lists(host: Host) -> None:
    next((host.root / "lists").iterdir()).unlink()
    host.packages = {"jq": "installed"}
    assert host.do(packages_absent=["jq"]) == ["packages_absent jq: removed"]
    assert not any("update" in call for call in host.looks)


def test_another_apt_is_waited_for(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent, "PATIENCE_SECONDS", 600)
    answers = [
        agent.Problem("E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 7"),
        agent.Problem("E: dpkg was interrupted, you must manually run 'dpkg --configure -a'"),
        "done",
    ]
    asked = []

    def run(*argv: str) -> str:
        asked.append(argv[0])
        answer = answers.pop(0) if argv[0] == "apt-get" else ""
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(agent, "run", run)
    assert agent.apt("install") == "done"
    assert asked == ["apt-get", "apt-get", "dpkg", "apt-get"]


def test_but_not_for_ever(host: Host) -> None:
    host.fails("apt-get", "E: Could not get lock /var/lib/dpkg/lock")
    assert "Could not get lock" in host.refuse(packages=["jq"])


def test_other_errors_of_apt_are_not_waited_for(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent, "PATIENCE_SECONDS", 600)
    host.fails("apt-get", "E: no space left")
    assert "no space left" in host.refuse(packages=["jq"])


# --- Groups and users


def test_groups(host: Host) -> None:
    wanted = {"groups": ["wiki", {"name": "ceph", "gid": 900, "system": True}]}
    changes = ["groups wiki: created", "groups ceph: created"]
    assert host.do(check=True, **wanted) == changes
    assert host.calls == []
    assert host.do(**wanted) == changes
    assert host.calls == ["groupadd wiki", "groupadd --system --gid=900 ceph"]
    assert host.do(**wanted) == []
    change = host.ask(groups=[{"name": "ceph", "gid": 901}])["changes"][0]
    assert (change["what"], change["before"], change["after"]) == ("changed", "gid: 900\n", "gid: 901\n")
    assert host.calls == ["groupmod --gid=901 ceph"]


def test_a_user_with_everything(host: Host) -> None:
    user = {
        "name": "deploy",
        "uid": 1500,
        "group": "www",
        "groups": ["b", "a", "b"],
        "home": "/srv/www",
        "shell": "/bin/bash",
        "comment": "Deploys the site",
    }
    wanted = {"groups": ["www", "a", "b"], "users": [user]}
    assert host.do(check=True, **wanted)[-1] == "users deploy: created"
    assert host.do(**wanted)[-1] == "users deploy: created"
    assert host.calls[-1] == (
        "useradd --no-create-home --uid=1500 --gid=www --groups=a,b --home=/srv/www --shell=/bin/bash "
        "--comment=Deploys the site deploy"
    )
    assert host.do(**wanted) == []


def test_only_what_differs_is_changed(host: Host) -> None:
    host.do(groups=["a"], users=[{"name": "deploy", "groups": ["a"], "comment": "x"}])
    host.names.shadow["deploy"] = "$y$j9T$salt$hash"
    host.write_shadow()
    wanted = {"users": [{"name": "deploy", "groups": [], "home": "/srv", "comment": "x"}]}
    change = host.ask(**wanted)["changes"][0]
    assert change["before"] == "groups: ['a']\nhome: /home/deploy\npassword: open\n"
    assert change["after"] == "groups: []\nhome: /srv\npassword: locked\n"
    assert host.calls == ["usermod --groups= --home=/srv --lock deploy"]
    assert host.do(**wanted) == []


@pytest.mark.parametrize(
    ("password", "is_open"), [("", True), ("$y$x", True), ("!", False), ("*", False), ("!$y$", False)]
)
def test_passwords_are_locked(host: Host, password: str, is_open: bool) -> None:
    host.do(users=[{"name": "deploy"}])
    host.names.shadow["deploy"] = password
    host.write_shadow()
    assert host.do(users=[{"name": "deploy"}]) == (["users deploy: changed"] if is_open else [])


def test_a_user_of_the_system_cannot_log_in(host: Host) -> None:
    host.do(
        users=[{"name": "wiki", "system": True}, {"name": "ci", "system": True, "shell": "/bin/sh", "home": "/srv"}]
    )
    assert host.calls == [
        "useradd --no-create-home --system --home=/nonexistent --shell=/usr/sbin/nologin wiki",
        "useradd --no-create-home --system --home=/srv --shell=/bin/sh ci",
    ]


def test_a_user_joins_the_group_of_its_name(host: Host) -> None:
    wanted = {"groups": ["wiki"], "users": [{"name": "wiki"}]}
    assert host.do(**wanted) == ["groups wiki: created", "users wiki: created"]
    assert host.calls[-1] == "useradd --no-create-home --gid=wiki wiki"
    host.do(groups=["ci"])
    host.do(users=[{"name": "ci"}])
    assert host.calls[-1] == "useradd --no-create-home --gid=ci ci"


@pytest.mark.parametrize("check", [True, False])
def test_a_group_that_is_not_there_is_told(host: Host, check: bool) -> None:
    users = [
        {"name": "a", "group": "nogroup"},
        {"name": "b", "groups": ["root", "nogroup"]},
        {"name": "c", "group": "c"},
    ]
    assert host.refuse(check=check, users=users).splitlines() == [
        f"users: {name}: there is no group nogroup; add it to `groups` or correct the name" for name in "ab"
    ]
    if check:
        assert len(host.do(check=True, packages=["brings-group"], users=users)) == 4


def test_an_error_of_the_tools_names_the_user(host: Host) -> None:
    host.do(users=[{"name": "deploy"}])
    host.fails("usermod", "usermod: user deploy is currently used by process 7")
    problem = host.refuse(users=[{"name": "deploy", "home": "/srv"}])
    assert problem == "users: deploy: `usermod` ended with 1: usermod: user deploy is currently used by process 7"


def test_groups_and_users_that_are_gone_are_numbers(host: Host) -> None:
    host.do(groups=["wiki"], users=[{"name": "deploy", "group": "wiki"}])
    del host.names.groups["wiki"]
    user = agent.present_user("deploy")
    assert user is not None
    assert user["group"] == str(host.names.users["deploy"].pw_gid)
