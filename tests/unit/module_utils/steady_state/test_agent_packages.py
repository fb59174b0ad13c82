"""Packages, groups and users: what dpkg, apt and the shadow tools are asked to do."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from ansible_collections.aurore.infra.plugins.module_utils.steady_state import agent

from tests.unit.played_host import APT, KilledError

if TYPE_CHECKING:
    from tests.unit.played_host import Host


@pytest.fixture(autouse=True)
def _patient(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists are there; nobody waits for anything."""
    (host.root / "apt/sources.list.d/debian.sources").write_text("")
    (host.root / "lists/mirror_dists_trixie_main_binary-amd64_Packages").write_text("")
    for path in ("apt", "apt/sources.list.d", "apt/sources.list.d/debian.sources"):
        os.utime(host.root / path, (0, 0))
    (host.root / "var").mkdir()
    (host.root / "var/updated").touch()
    monkeypatch.setattr(agent.time, "sleep", lambda _: None)


def installs(host: Host) -> list[list[str]]:
    """The packages given to apt, by call."""
    return [call.split(" --")[-1].split() for call in host.calls if " install " in call]


def updates(host: Host) -> bool:
    """Whether apt's lists were fetched."""
    return any("update" in call for call in host.calls)


def is_simulated(host: Host) -> bool:
    """Whether apt was asked what it would do."""
    return any("--simulate" in look for look in host.looks)


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
    """By apt without names first, which otherwise refuses if dependencies are missing."""
    host.packages = {"jq": "half-configured", "nginx": "unpacked", "libc6": "triggers-pending", "exim4": "installed"}
    wanted = {"packages": ["nginx", "g++"], "packages_absent": ["exim4"]}
    changes = [f"packages {name}: configured" for name in ("jq", "nginx", "libc6")]
    changes += ["packages g++: installed", "packages_absent exim4: removed"]
    assert host.do(check=True, **wanted) == changes
    assert host.do(**wanted) == changes
    assert installs(host) == [[], ["g++", "exim4-"]]
    assert "--fix-broken" in host.calls[0]
    assert host.do(**wanted) == []


def test_what_comes_with_that_is_not_missed(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    host.packages = {"jq": "unpacked"}
    play = host.apt_get

    def mend(*argv: str) -> str:
        if argv[-1] == "--" and "--simulate" not in argv:
            host.packages["libjq1"] = "installed"
        if argv[-1] == "libjq1" and "--simulate" in argv:
            return ""
        return play(*argv)

    monkeypatch.setattr(host, "apt_get", mend)
    assert host.do(packages=["jq", "libjq1"]) == ["packages jq: configured", "packages libjq1: installed"]


def test_triggers_that_wait_are_run(host: Host) -> None:
    """apt has nothing to install then, and leaves them alone."""
    host.packages = {"libc-bin": "triggers-pending", "man-db": "triggers-awaited"}
    wanted = {"packages": ["libc-bin"]}
    changes = ["packages libc-bin: configured", "packages man-db: configured"]
    assert host.do(check=True, **wanted) == changes
    assert host.do(**wanted) == changes
    assert host.do(**wanted) == []


@pytest.mark.parametrize("check", [True, False])
def test_nothing_else_is_removed(host: Host, check: bool) -> None:
    host.packages = {"exim4": "installed"}
    host.answers["apt-get --simulate"] = (
        "Remv exim4 [4.98]\nRemv bsd-mailx [8.1]\nInst postfix (3.10)\nConf postfix (3.10)\n"
    )
    problem = host.refuse(check=check, packages=["postfix"], packages_absent=["exim4"])
    assert problem == (
        "packages: postfix, exim4: apt would remove bsd-mailx too; if that is right, add them to `packages_absent`"
    )
    assert host.calls == []


@pytest.mark.parametrize("check", [True, False])
def test_a_virtual_package_is_told(host: Host, check: bool) -> None:
    host.answers["apt-get --simulate"] = (
        "Note, selecting 'exim4' instead of 'mail-transport-agent'\nInst exim4 (4.98)\nConf exim4 (4.98)\n"
    )
    problem = host.refuse(check=check, packages=["mail-transport-agent"])
    assert problem.endswith("apt would install another package in place of mail-transport-agent; name that one")
    assert host.calls == []


@pytest.mark.parametrize("check", [True, False])
def test_an_error_of_apt_names_the_packages(host: Host, check: bool) -> None:
    host.fails("apt-get --simulate", "E: Unable to locate package nosuch")
    answer = host.ask(check=check, packages=["nosuch"], files=[{"path": host.path("f"), "content": ""}])
    assert answer["problem"].startswith("packages: nosuch: `apt-get")
    assert answer["problem"].endswith("E: Unable to locate package nosuch")
    assert answer["changes"] == []
    assert not (host.root / "f").exists()


def test_a_name_is_no_pattern(host: Host) -> None:
    """apt-get takes `libpython3.1` for a regular expression, and installs all that match it."""
    host.do(packages=["libpython3.1"])
    commands = [command for command in [*host.looks, *host.calls] if " install " in command]
    assert len(commands) == 2
    assert all(" --option=APT::Cmd::Pattern-Only=true -- " in command for command in commands)


def test_what_apt_did_before_it_failed_is_told(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    host.packages = {"jq": "config-files", "exim4": "installed", "nginx": "installed"}
    play = host.apt_get

    def fail_midway(*argv: str) -> str:
        if "--simulate" in argv:
            return play(*argv)
        host.packages |= {"jq": "half-configured", "libjq1": "installed", "exim4": "config-files"}
        raise agent.Problem("E: Sub-process /usr/bin/dpkg returned an error code (1)")

    monkeypatch.setattr(host, "apt_get", fail_midway)
    answer = host.ask(packages=["jq", "nginx", "g++"], packages_absent=["exim4"])
    assert answer["problem"].startswith("packages: jq, g++, exim4: E: Sub-process /usr/bin/dpkg")
    told = [(change["name"], change["what"], change["before"]) for change in answer["changes"]]
    assert told == [
        ("exim4", "config-files", "installed\n"),
        ("jq", "half-configured", "config-files\n"),
        ("libjq1", "installed", "absent\n"),
    ]


def test_a_host_without_dpkg(host: Host) -> None:
    host.answers["dpkg-query"] = agent.Problem("dpkg-query cannot be run on this host: No such file or directory")
    assert host.refuse(packages=["jq"]).startswith("packages: dpkg: dpkg-query cannot be run")


@pytest.mark.parametrize(
    ("age", "newer", "is_updated"),
    [
        (60, None, False),
        (3601, None, True),
        (-60, None, True),  # the clock was set back
        (60, "apt/sources.list.d/new.sources", True),
        (60, "apt/sources.list", True),
        (60, "apt/sources.list.d", True),  # something was removed from it
        (60, "apt/trusted.gpg.d", False),
        (None, None, True),
    ],
)
def test_lists_are_fetched_when_they_are_old(host: Host, age: int | None, newer: str | None, is_updated: bool) -> None:
    now, stamp = agent.time.time(), host.root / "var/updated"
    if age is None:
        stamp.unlink()
    else:
        os.utime(stamp, (now - age, now - age))
    if newer is not None:
        (host.root / newer).touch()
        os.utime(host.root / newer, (now - 30, now - 30))
        os.utime(host.root / "apt/sources.list.d", (now - 30, now - 30) if newer == "apt/sources.list.d" else (0, 0))
    host.do(packages=["jq"])
    assert updates(host) is is_updated
    host.do(packages=["g++"])
    assert not updates(host)


def test_lists_that_were_removed_are_fetched(host: Host) -> None:
    next((host.root / "lists").iterdir()).unlink()
    host.do(packages=["jq"])
    assert updates(host)


def test_an_update_that_was_interrupted_counts_for_nothing(host: Host) -> None:
    (host.root / "var/updated").unlink()
    host.answers[f"{APT} --error-on=any update"] = KilledError()
    with pytest.raises(KilledError):
        host.ask(packages=["jq"])
    (host.root / "lists/mirror_dists_trixie_contrib_binary-amd64_Packages").touch()
    host.answers.clear()
    host.do(packages=["jq"])
    assert updates(host)


def test_removing_needs_no_lists(host: Host) -> None:
    next((host.root / "lists").iterdir()).unlink()
    host.packages = {"jq": "installed"}
    assert host.do(check=True, packages_absent=["jq"]) == ["packages_absent jq: removed"]
    assert is_simulated(host)
    assert host.do(packages_absent=["jq"]) == ["packages_absent jq: removed"]
    assert not updates(host)


def test_a_check_asks_apt_also_by_old_lists(host: Host) -> None:
    os.utime(host.root / "var/updated", (1000, 1000))
    assert host.do(check=True, packages=["jq"]) == ["packages jq: installed"]
    assert is_simulated(host)


@pytest.mark.parametrize("missing", ["var/updated", "lists/mirror_dists_trixie_main_binary-amd64_Packages"])
def test_a_check_of_a_fresh_host_announces_what_is_written(host: Host, missing: str) -> None:
    (host.root / missing).unlink()
    host.fails("apt-get", "E: Unable to locate package jq")
    assert host.do(check=True, packages=["jq"]) == ["packages jq: installed"]


@pytest.mark.parametrize("name", ["sources.list", "sources.list.d/new.sources"])
def test_sources_that_are_only_announced_make_lists_old(host: Host, name: str) -> None:
    """A role brings apt's sources in one call and packages in the next; a check of both must not refuse the latter."""
    sources = [{"path": host.path(f"apt/{name}"), "content": "Types: deb\n"}]
    host.do(check=True, files=sources)
    host.fails("apt-get --simulate", "E: Unable to locate package jq")
    assert host.do(check=True, packages=["jq"]) == ["packages jq: installed"]
    host.answers.clear()
    host.do(files=sources)
    host.do(packages=["jq"])
    assert updates(host)
    host.do(check=True, packages=["g++"])
    assert is_simulated(host)


def test_other_files_of_apt_are_no_sources(host: Host) -> None:
    host.do(check=True, files=[{"path": host.path("apt/listchanges.conf"), "content": ""}])
    host.do(check=True, packages=["jq"])
    assert is_simulated(host)


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
    host.fails(APT, "E: Could not get lock /var/lib/dpkg/lock")
    assert "Could not get lock" in host.refuse(packages=["jq"])


def test_other_errors_of_apt_are_not_waited_for(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent, "PATIENCE_SECONDS", 600)
    host.fails(APT, "E: no space left")
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
    assert host.ask(check=True, groups=["mail"])["changes"][0]["after"] == "name: mail\nsystem: False\n"
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
