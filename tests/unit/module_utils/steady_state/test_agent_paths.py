"""Directories, links, files and what must go: on real files."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest
from ansible_collections.aurore.infra.plugins.module_utils.steady_state import agent

from tests.unit.played_host import IDLE, KilledError

if TYPE_CHECKING:
    from tests.unit.played_host import Host


def mode(path: Path) -> str:
    return f"{stat.S_IMODE(path.lstat().st_mode):04o}"


# --- Directories and links


def test_directories_are_made_parents_first(host: Host) -> None:
    wanted = {"directories": [{"path": host.path("a"), "mode": "0750"}, {"path": host.path("a/b")}]}
    expected = ["directories a: created", "directories a/b: created"]
    assert host.do(check=True, **wanted) == expected
    assert not (host.root / "a").exists()
    assert host.do(**wanted) == expected
    assert (mode(host.root / "a"), mode(host.root / "a/b")) == ("0750", "0755")
    assert host.do(**wanted) == []


@pytest.mark.parametrize("option", ["directories", "links", "files"])
@pytest.mark.parametrize("check", [True, False])
def test_a_missing_parent_is_told(host: Host, option: str, check: bool) -> None:
    more = {"directories": {}, "links": {"target": "x"}, "files": {"content": ""}}[option]
    problem = host.refuse(check=check, **{option: [{"path": host.path("no/x"), **more}]})
    assert problem == f"{option}: no/x: there is no directory no; add it to `directories`"


def test_attributes_of_a_directory_are_mended(host: Host) -> None:
    (host.root / "a").mkdir()
    (host.root / "a").chmod(0o2777)
    answer = host.ask(directories=[{"path": host.path("a")}])
    assert answer["changes"][0] == {
        "kind": "directories",
        "name": host.path("a"),
        "what": "mode changed",
        "before": "mode: 2777\n",
        "after": "mode: 0755\n",
    }
    assert mode(host.root / "a") == "0755"


@pytest.mark.parametrize("kind", ["file", "link"])
def test_a_directory_replaces_nothing(host: Host, kind: str) -> None:
    if kind == "file":
        (host.root / "a").write_text("kept")
    else:
        (host.root / "a").symlink_to("run")
    problem = host.refuse(directories=[{"path": host.path("a")}])
    assert problem == f"directories: a: there is a {kind}; remove it (`absent`) or choose another path"


def test_links_are_made_and_turned(host: Host) -> None:
    wanted = {"links": [{"path": host.path("l"), "target": "/etc/x"}]}
    assert host.do(check=True, **wanted) == ["links l: created"]
    assert host.do(**wanted) == ["links l: created"]
    assert host.do(**wanted) == []
    change = host.ask(links=[{"path": host.path("l"), "target": "/etc/y"}])["changes"][0]
    assert (change["what"], change["before"], change["after"]) == ("changed", "/etc/x\n", "/etc/y\n")
    assert (host.root / "l").readlink() == Path("/etc/y")


def test_a_link_replaces_a_file_but_no_directory(host: Host) -> None:
    (host.root / "l").write_text("a file")
    assert host.do(links=[{"path": host.path("l"), "target": "t"}]) == ["links l: changed"]
    assert (host.root / "l").is_symlink()
    assert "there is a directory" in host.refuse(links=[{"path": host.path("run"), "target": "t"}])


def test_what_a_killed_run_left_is_in_no_link_s_way(host: Host) -> None:
    agent.beside(host.root / "l").write_text("left")
    assert host.do(links=[{"path": host.path("l"), "target": "t"}]) == ["links l: created"]
    assert sorted(path.name for path in host.root.iterdir() if "l" in path.name) == ["l", "lists"]


# --- Files


def test_files_are_made_and_changed(host: Host) -> None:
    wanted = {"files": [{"path": host.path("f"), "content": "one\n", "mode": "640"}]}
    assert host.do(check=True, **wanted) == ["files f: created"]
    assert not (host.root / "f").exists()
    assert host.do(**wanted) == ["files f: created"]
    assert ((host.root / "f").read_text(), mode(host.root / "f")) == ("one\n", "0640")
    assert host.do(**wanted) == []
    answer = host.ask(files=[{"path": host.path("f"), "content": "two\n", "mode": "0640"}])
    change = answer["changes"][0]
    assert (change["what"], change["before"], change["after"]) == ("changed", "one\n", "two\n")
    assert set(host.tree()) == {
        "apt",
        "apt/sources.list.d",
        "f",
        "lists",
        "run",
        "run/lock",
        "shadow",
        "sys",
        "systemd",
    }


def test_a_file_is_replaced_and_not_written_into(host: Host) -> None:
    (host.root / "f").write_text("old")
    with (host.root / "f").open() as reader:
        host.do(files=[{"path": host.path("f"), "content": "new"}])
        assert reader.read() == "old"


def test_attributes_of_a_file_are_mended_alone(host: Host) -> None:
    file = host.root / "f"
    file.write_text("same")
    os.chown(file, 12345, 54321)
    file.chmod(0o4666)
    inode = file.stat().st_ino
    change = host.ask(files=[{"path": host.path("f"), "content": "same"}])["changes"][0]
    assert change["what"] == "owner, group, mode changed"
    assert change["before"] == "owner: 12345\ngroup: 54321\nmode: 4666\n"
    assert change["after"] == "owner: root\ngroup: root\nmode: 0644\n"
    assert (mode(file), file.stat().st_uid, file.stat().st_gid) == ("0644", 0, 0)
    assert file.stat().st_ino == inode


def test_attributes_and_content_are_told_apart(host: Host) -> None:
    (host.root / "f").write_text("old")
    (host.root / "f").chmod(0o600)
    wanted = {"files": [{"path": host.path("f"), "content": "new", "mode": "0400"}]}
    assert host.do(check=True, **wanted) == ["files f: changed", "files f: mode changed"]
    assert host.do(**wanted) == ["files f: changed", "files f: mode changed"]
    assert mode(host.root / "f") == "0400"
    assert host.do(**wanted) == []


def test_a_link_at_a_file_s_path_is_replaced_not_followed(host: Host) -> None:
    (host.root / "target").write_text("the target")
    (host.root / "f").symlink_to("target")
    change = host.ask(files=[{"path": host.path("f"), "content": "the target"}])["changes"][0]
    assert (change["what"], change["before"]) == ("changed", "(a link to target)\n")
    assert not (host.root / "f").is_symlink()
    assert (host.root / "target").read_text() == "the target"


def test_neither_directory_nor_socket_is_replaced(host: Host) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        here = Path.cwd()
        os.chdir(host.root)  # a socket's path must be short
        listener.bind("s")
        os.chdir(here)
        problem = host.refuse(files=[{"path": host.path(name), "content": ""} for name in ("run", "s")])
    assert problem.splitlines() == [
        "files: run: there is a directory; remove it (`absent`) or choose another path",
        "files: s: there is a device; remove it (`absent`) or choose another path",
    ]


def test_binary_content(host: Host) -> None:
    content = bytes(range(256))
    item = {"path": host.path("f"), "content": content.decode("latin-1")}
    host.do(files=[item])
    assert (host.root / "f").read_bytes() == content.decode("latin-1").encode()
    (host.root / "f").write_bytes(b"\xff\xfe")
    change = host.ask(files=[item])["changes"][0]
    assert change["before"] == "(the old content has 2 bytes)\n"
    assert change["after"] == "(the new content has 384 bytes)\n"


def test_huge_content_is_written_and_not_shown(host: Host) -> None:
    wanted = {"files": [{"path": host.path("f"), "content": "line\n" * 1_000_000}]}
    change = host.ask(**wanted)["changes"][0]
    assert change["after"] == "(the new content has 5000000 bytes)\n"
    assert (host.root / "f").stat().st_size == 5_000_000
    assert host.do(**wanted) == []


def test_a_name_as_long_as_names_can_be(host: Host) -> None:
    name = "é" * 127
    assert host.do(files=[{"path": host.path(name), "content": ""}]) == [f"files {name}: created"]


def test_a_replacement_that_fails_names_the_file_and_leaves_nothing(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: object) -> None:
        raise OSError(16, "Device or resource busy")

    monkeypatch.setattr(agent.Path, "replace", busy)
    answer = host.ask(directories=[{"path": host.path("d")}], files=[{"path": host.path("f"), "content": "x"}])
    assert answer["problem"] == f"files: {host.path('f')}: Device or resource busy"
    assert [change["name"] for change in answer["changes"]] == [host.path("d")]
    assert not agent.beside(host.root / "f").exists()


@pytest.mark.parametrize("check", [True, False])
def test_a_missing_owner_is_told(host: Host, check: bool) -> None:
    files = [
        {"path": host.path("f"), "content": "", "owner": "wiki"},
        {"path": host.path("g"), "content": "", "group": "wiki"},
    ]
    assert host.refuse(check=check, files=files).splitlines() == [
        "files: f: there is no user wiki; add it to `users` or correct the name",
        "files: g: there is no group wiki; add it to `groups` or correct the name",
    ]


def test_an_owner_may_come_with_the_call_or_with_a_package(host: Host) -> None:
    item = {"path": host.path("f"), "content": "", "owner": "wiki", "group": "wiki", "validate": "/usr/bin/test -f %s"}
    created = ["users wiki: created", "files f: created"]
    assert host.do(check=True, users=[{"name": "wiki"}], files=[item]) == created
    assert host.do(check=True, packages=["wiki"], files=[item]) == ["packages wiki: installed", "files f: created"]
    assert host.do(users=[{"name": "wiki"}], files=[item]) == created
    assert (host.root / "f").stat().st_uid == host.names.users["wiki"].pw_uid
    assert host.do(users=[{"name": "wiki"}], files=[item]) == []


def test_a_directory_may_come_with_a_package_too(host: Host) -> None:
    item = {"path": host.path("no/f"), "content": ""}
    assert host.do(check=True, packages=["wiki"], files=[item]) == ["packages wiki: installed", "files no/f: created"]


# --- Validation


def validated(host: Host, name: str, content: str, **more: object) -> dict[str, object]:
    return {"path": host.path(name), "content": content, "validate": "/usr/bin/grep -q right %s", **more}


@pytest.mark.parametrize("check", [True, False])
def test_all_refusals_are_told_and_nothing_is_replaced(host: Host, check: bool) -> None:
    (host.root / "one").write_text("old")
    before = host.everything()
    files = [validated(host, "zero", "right"), validated(host, "one", "wrong"), validated(host, "two", "wrong")]
    answer = host.ask(check=check, directories=[{"path": host.path("d")}], files=files)
    lines = host.short(answer["problem"]).splitlines()
    assert [line.split(": ")[1] for line in lines] == ["one", "two"]
    assert "/usr/bin/grep refuses the new content, so nothing was replaced: `/usr/bin/grep -q right .one" in lines[0]
    assert host.everything() == before
    assert check or answer["changes"] == []


def test_the_validator_sees_the_new_file_beside_the_old_with_its_attributes(host: Host) -> None:
    script = host.root / "validator"
    script.write_text('#!/bin/sh\nstat -c "%a %n" "$2"; cat "$2"; exit 1\n')
    script.chmod(0o755)
    item = {"path": host.path("f"), "content": "new", "mode": "0440", "validate": f"{script} --in=%s %s"}
    problem = host.refuse(files=[item])
    assert "440 .f.aurore\nnew" in problem
    assert f"`{host.short(str(script))} --in=.f.aurore .f.aurore` ended with 1" in problem.replace(f"{host.root}/", "")


def test_no_shell_is_involved(host: Host) -> None:
    item = {"path": host.path("f"), "content": "", "validate": f"/bin/echo %s; touch {host.path('pwned')}"}
    host.do(files=[item])
    assert not (host.root / "pwned").exists()


def test_a_validator_may_say_what_is_not_utf_8(host: Host) -> None:
    item = {"path": host.path("f"), "content": "", "validate": "/bin/sh -c 'printf \"\\377 is wrong\"; exit 1' %s"}
    assert "\N{REPLACEMENT CHARACTER} is wrong" in host.refuse(files=[item])


def test_a_validator_that_hangs_is_ended(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent, "VALIDATION_SECONDS", 0.01)
    item = {"path": host.path("f"), "content": "", "validate": "/usr/bin/tail -f %s"}
    assert "had not ended after 0.01 s" in host.refuse(files=[item])
    assert not (host.root / "f").exists()


def test_a_missing_validator(host: Host) -> None:
    item = {"path": host.path("f"), "content": "", "validate": "/usr/sbin/nowhere %s"}
    why = "files: f: /usr/sbin/nowhere, which judges the new content, is not on this host; install its package"
    assert host.refuse(files=[item]) == why
    assert host.refuse(check=True, files=[item | {"no_log": True}]) == why
    # It comes with a package that is only planned.
    assert host.do(check=True, packages=["pp"], files=[item]) == ["packages pp: installed", "files f: created"]
    # One that is there judges all the same.
    assert "refuses" in host.refuse(check=True, packages=["pp"], files=[validated(host, "f", "wrong")])
    assert "refuses" in host.refuse(
        check=True, packages=["pp"], files=[validated(host, "f", "") | {"validate": "grep x %s"}]
    )


@pytest.mark.parametrize("check", [True, False])
def test_it_judges_also_where_the_directory_is_only_planned(host: Host, check: bool) -> None:
    wanted = {"directories": [{"path": host.path("d")}]}
    assert "refuses" in host.refuse(check=check, files=[validated(host, "d/f", "wrong")], **wanted)
    assert not (host.root / "d").exists()
    created = ["directories d: created", "files d/f: created"]
    assert host.do(check=check, files=[validated(host, "d/f", "right")], **wanted) == created


def test_it_judges_beside_the_file_also_in_a_check(host: Host) -> None:
    """What a configuration includes by a relative path is found from there alone."""
    (host.root / "included").touch()
    script = host.root / "validator"
    script.write_text('#!/bin/sh\ntest -e "${1%/*}/included"\n')
    script.chmod(0o755)
    item = {"path": host.path("f"), "content": "", "validate": f"{script} %s"}
    assert host.do(check=True, files=[item]) == ["files f: created"]


@pytest.mark.parametrize("check", [True, False])
def test_where_nothing_can_be_written_it_cannot_judge(host: Host, monkeypatch: pytest.MonkeyPatch, check: bool) -> None:
    def read_only(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(agent, "write", read_only)
    problem = host.refuse(check=check, files=[validated(host, "f", "right")])
    why = "/usr/bin/grep cannot judge the new content, which cannot be put at .f.aurore: Read-only file system"
    assert problem == f"files: f: {why}"
    assert host.do(check=True, files=[validated(host, "f", "right") | {"validate": None}]) == ["files f: created"]


# --- Parents that others may write to


@pytest.fixture
def home(host: Host) -> Path:
    """A directory of a service's user, who has put a link to the system's into it."""
    made = host.root / "home"
    for name in ("etc", "home"):
        (host.root / name).mkdir()
    (host.root / "etc/passwd").write_text("root")
    (made / "trap").symlink_to("../etc")
    os.chown(made, 12345, 12345)
    return made


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize(
    ("option", "more"),
    [
        ("directories", {}),
        ("directories", {"exclusive": True}),
        ("links", {"target": "x"}),
        ("files", {"content": "pwned", "validate": "/usr/bin/grep pwned %s"}),
        ("absent", {"recursive": True}),
    ],
)
@pytest.mark.parametrize("name", ["passwd", "new", "new/below"])
def test_a_link_of_somebody_else_is_not_followed(
    host: Host, home: Path, check: bool, option: str, more: dict[str, object], name: str
) -> None:
    before = host.everything()
    problem = host.refuse(check=check, **{option: [{"path": host.path(f"home/trap/{name}"), **more}]})
    why = "home/trap is a link that others than root can have put there; it is not followed"
    assert set(problem.splitlines()) == {f"{option}: home/trap/{name}: {why}"}
    assert host.everything() == before


def test_nor_is_one_of_root_below_it(host: Host, home: Path) -> None:
    """Whoever owns what is above can put another directory there, with another link."""
    (home / "roots").mkdir()
    (home / "roots/link").symlink_to("../../etc")
    assert "home/roots/link is a link that others" in host.refuse(absent=[host.path("home/roots/link/passwd")])


def test_in_a_directory_of_a_service_s_user_all_else_works(host: Host, home: Path) -> None:
    wanted = {
        "directories": [{"path": host.path("home/d"), "exclusive": True}],
        "links": [{"path": host.path("home/l"), "target": "../etc"}],
        "files": [
            {"path": host.path(f"home/{name}"), "content": "", "validate": "/bin/cat %s"} for name in ("f", "d/f")
        ],
        "absent": [host.path("home/trap"), host.path("home/d/old")],
    }
    (home / "d").mkdir()
    for name in ("old", "foreign"):
        (home / "d" / name).touch()
    changes = ["links home/l: created", "files home/f: created", "files home/d/f: created"]
    changes += [f"absent home/{name}: removed" for name in ("trap", "d/old", "d/foreign")]
    assert host.do(check=True, **wanted) == changes
    assert host.do(**wanted) == changes
    assert host.do(**wanted) == []
    assert (host.root / "etc/passwd").read_text() == "root"


def test_links_of_root_are_followed(host: Host) -> None:
    """Such as /var/run."""
    (host.root / "chained").symlink_to("linked")
    (host.root / "linked").symlink_to(host.root / "apt/../run")
    (host.root / "run/old").touch()
    wanted = {
        "directories": [{"path": host.path("chained/d")}],
        "files": [{"path": host.path("chained/d/f"), "content": "", "validate": "/bin/cat %s"}],
        "absent": [host.path("linked/old")],
    }
    changes = ["directories chained/d: created", "files chained/d/f: created", "absent linked/old: removed"]
    assert host.do(check=True, **wanted) == changes
    assert host.do(**wanted) == changes
    assert host.do(**wanted) == []
    assert (host.root / "run/d/f").exists()


@pytest.mark.parametrize(
    ("directory", "entry", "is_kept"),
    [
        ((0, 0o40755), 0, True),
        ((0, 0o40755), 12345, True),
        ((12345, 0o40755), 0, False),
        ((0, 0o40775), 0, False),
        ((0, 0o40777), 0, False),
        ((0, 0o41777), 0, True),
        ((0, 0o41777), 12345, False),
    ],
)
def test_who_can_have_put_an_entry_into_a_directory(directory: tuple[int, int], entry: int, is_kept: bool) -> None:
    owner, mode = directory
    above, info = SimpleNamespace(st_uid=owner, st_mode=mode), SimpleNamespace(st_uid=entry)
    assert agent.only_root_puts(cast("os.stat_result", info), cast("os.stat_result", above)) is is_kept


@pytest.mark.parametrize("target", ["l", "nowhere", "shadow"])
def test_a_link_that_leads_nowhere_is_no_directory(host: Host, target: str) -> None:
    """In a circle, to nothing, or to a file."""
    (host.root / "l").symlink_to(target)
    problem = host.refuse(files=[{"path": host.path("l/f"), "content": ""}])
    assert problem in {
        "files: l/f: there is no directory l; add it to `directories`",
        "files: l/f: Too many levels of symbolic links",
    }
    assert host.do(absent=[host.path("nowhere/f")]) == []


def test_a_parent_that_is_swapped_for_a_link_meanwhile_changes_nothing_elsewhere(host: Host) -> None:
    """Validators take their time; what was planned is done where it was planned."""
    for name in ("etc", "d"):
        (host.root / name).mkdir()
        (host.root / name / "old").write_text("kept" if name == "etc" else "")
    swap = host.root / "swap"
    swap.write_text(f"#!/bin/sh\ncd {host.root} && mv d aside && ln -s etc d\n")
    swap.chmod(0o755)
    before = {name: one for name, one in host.tree().items() if name.startswith("etc")}
    host.do(
        directories=[{"path": host.path("d/new")}],
        links=[{"path": host.path("d/l"), "target": "x"}],
        files=[{"path": host.path("d/f"), "content": "", "validate": f"{swap} %s"}],
        absent=[host.path("d/old")],
    )
    assert {name: one for name, one in host.tree().items() if name.startswith("etc")} == before
    assert sorted(path.name for path in (host.root / "aside").iterdir()) == ["f", "l", "new"]


def test_a_file_that_is_swapped_for_a_link_meanwhile_is_not_read(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    (host.root / "f").write_text("")
    (host.root / "secret").write_text("hunter2")
    look = agent.kind_of

    def swap(place: Path) -> str:
        kind = look(place)
        if place.name == "f":
            place.unlink(missing_ok=True)
            place.symlink_to("secret")
        return kind

    monkeypatch.setattr(agent, "kind_of", swap)
    assert host.refuse(files=[{"path": host.path("f"), "content": ""}]) == (
        "files: f: Too many levels of symbolic links"
    )


def test_no_directory_stays_open(host: Host) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    host.do(directories=[{"path": host.path("d")}], files=[{"path": host.path("d/f"), "content": ""}])
    host.refuse(files=[{"path": host.path("d"), "content": ""}])
    assert len(list(Path("/proc/self/fd").iterdir())) == before


# --- Secrets


def test_secrets_are_nowhere(host: Host) -> None:
    item = validated(host, "f", "hunter2", no_log=True)
    assert host.refuse(files=[item | {"validate": "/usr/bin/grep -v hunter2 %s"}]).endswith(
        "so nothing was replaced: what it said is hidden, because of no_log"
    )
    (host.root / "f").write_text("hunter1")
    answer = host.ask(files=[item | {"validate": None}])
    change = answer["changes"][0]
    assert "hunter" not in str(answer)
    assert (change["before"], change["after"]) == ("(the old content is hidden)\n", "(the new content is hidden)\n")


def test_the_journal_of_a_unit_with_secrets_is_hidden(host: Host) -> None:
    host.units["a.service"] = host.units["b.service"] = dict(IDLE) | {"ActiveState": "active"}
    host.fails("systemctl --quiet restart")
    host.answers["journalctl"] = "near hunter2"
    item = {"path": host.path("f"), "content": "hunter2", "no_log": True, "restarts": ["a.service"]}
    problem = host.refuse(files=[item])
    assert "hunter2" not in problem
    assert "its journal is hidden, because of no_log; on the host: journalctl --unit=a.service" in problem
    assert "near hunter2" in host.refuse(files=[item | {"no_log": False, "content": "x"}])


# --- What must go


def test_what_must_go_goes(host: Host) -> None:
    (host.root / "f").write_text("")
    (host.root / "l").symlink_to("run")
    (host.root / "d/e").mkdir(parents=True)
    (host.root / "d/e/f").write_text("")
    wanted = {"absent": [host.path("f"), host.path("l"), {"path": host.path("d"), "recursive": True}, host.path("no")]}
    gone = ["absent f: removed", "absent l: removed", "absent d: removed"]
    assert host.do(check=True, **wanted) == gone
    assert (host.root / "d/e/f").exists()
    assert host.do(**wanted) == gone
    assert host.do(**wanted) == []
    assert (host.root / "run").is_dir()
    assert not (host.root / "d").exists()


def test_a_directory_goes_only_when_one_says_so(host: Host) -> None:
    problem = host.refuse(absent=[host.path("run")])
    assert "absent: run: this is a directory; write {path: run, recursive: true} to remove all of it" in problem


def test_a_link_does_not_lead_to_what_is_vital(host: Host) -> None:
    (host.root / "l").symlink_to("/")
    problem = host.refuse(absent=[{"path": host.path("l/etc"), "recursive": True}])
    assert problem == "absent: l/etc: /etc is part of the system and is not removed"


def test_what_is_mounted_stays(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    (host.root / "d/a disk").mkdir(parents=True)
    mounts = host.root / "mounts"
    mounts.write_text(f"22 1 0:5 / /proc rw - proc proc rw\n23 1 0:6 / {host.path('d/a')}\\040disk rw - ext4 x rw\n")
    monkeypatch.setattr(agent, "MOUNTS", mounts)
    problem = host.refuse(absent=[{"path": host.path("d"), "recursive": True}])
    assert problem == "absent: d: d/a disk is mounted there, so it is not removed; unmount it first"


def test_exclusive_directories(host: Host) -> None:
    for name in ("d/kept", "d/made/deep", "d/other/deep", "d/by_name"):
        (host.root / name).parent.mkdir(parents=True, exist_ok=True)
        (host.root / name).write_text("x")
    wanted = {
        "directories": [{"path": host.path("d"), "exclusive": True}, {"path": host.path("new"), "exclusive": True}],
        "files": [{"path": host.path("d/kept"), "content": "x"}, {"path": host.path("d/made/deep"), "content": "x"}],
        "links": [{"path": host.path("d/l"), "target": "kept"}],
        "absent": [host.path("d/by_name")],
    }
    changes = ["directories new: created", "links d/l: created", "absent d/by_name: removed", "absent d/other: removed"]
    assert host.do(check=True, **wanted) == changes
    assert host.do(**wanted) == changes
    assert sorted(path.name for path in (host.root / "d").iterdir()) == ["kept", "l", "made"]
    assert host.do(**wanted) == []


def test_what_an_exclusive_directory_cannot_lose_is_told(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    (host.root / "d/e/disk").mkdir(parents=True)
    (host.root / "mounts").write_text(f"23 1 0:6 / {host.path('d/e/disk')} rw - ext4 x rw\n")
    monkeypatch.setattr(agent, "MOUNTS", host.root / "mounts")
    problem = host.refuse(directories=[{"path": host.path("d"), "exclusive": True}], absent=[host.path("run")])
    assert problem.splitlines() == [
        "absent: run: this is a directory; write {path: run, recursive: true} to remove all of it",
        "directories: d: d/e/disk is mounted there, so it is not removed; unmount it first",
    ]


def test_names_that_are_not_utf_8_can_be_removed_and_told(host: Host) -> None:
    (host.root / "d").mkdir()
    Path(os.fsdecode(os.fsencode(host.path("d/")) + b"\xff")).write_text("")
    assert host.do(directories=[{"path": host.path("d"), "exclusive": True}]) == ["absent d/?: removed"]


# --- Kernel settings


def test_settings(host: Host) -> None:
    for name, value in {"net/ipv4/ip_forward": "0", "net/eth0.10/mtu": "1", "kernel/range": "1\t 2"}.items():
        (host.root / "sys" / name).parent.mkdir(parents=True, exist_ok=True)
        (host.root / "sys" / name).write_text(f"{value}\n")
    settings = {"net.ipv4.ip_forward": 1, "net/eth0.10/mtu": 9000, "net.eth0/10.mtu": 9000, "kernel.range": "1 2"}
    wanted = {"sysctls": settings, "sysctl_file": "/etc/sysctl.d/60-x.conf"}
    answer = host.ask(check=True, **wanted)
    assert [change["name"] for change in answer["changes"]] == [*settings][:3]
    assert (answer["changes"][0]["before"], answer["changes"][0]["after"]) == ("0\n", "1\n")
    host.do(**wanted)
    assert (host.root / "sys/net/ipv4/ip_forward").read_text() == "1"
    assert host.do(**wanted) == []


def test_settings_that_the_kernel_does_not_have_or_want(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = {"sysctls": {"net.bridge.x": 1}, "sysctl_file": "/etc/sysctl.d/60-x.conf"}
    why = "sysctls: net.bridge.x: this kernel has no such setting; correct the name or load its module first"
    assert host.refuse(**wanted) == why
    assert host.refuse(check=True, **wanted) == why
    assert host.do(check=True, packages=["pp"], **wanted) == ["packages pp: installed", "sysctls net.bridge.x: set"]
    (host.root / "sys/net/bridge").mkdir(parents=True)
    (host.root / "sys/net/bridge/x").write_text("0\n")

    def invalid(*_: object) -> None:
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr(agent.Path, "write_text", invalid)
    assert host.refuse(**wanted) == "sysctls: net.bridge.x: Invalid argument"


def test_a_run_that_is_killed_while_it_writes_leaves_nothing_that_the_next_does_not_mend(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:

        def die(*_: object) -> None:
            raise KilledError

        patch.setattr(agent.os, "fsync", die)
        patch.setattr(agent.Path, "unlink", lambda *_, **__: None)
        with pytest.raises(KilledError):
            host.ask(files=[{"path": host.path("f"), "content": "x"}])
    assert agent.beside(host.root / "f").exists()
    assert host.do(files=[{"path": host.path("f"), "content": "x"}]) == ["files f: created"]
    assert not agent.beside(host.root / "f").exists()
