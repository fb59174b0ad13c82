"""A host in a directory: its files are real; its accounts, its packages and its systemd are played."""

from __future__ import annotations

import base64
import os
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from ansible_collections.aurore.infra.plugins.module_utils.steady_state import agent, arguments

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

RUN = agent.run
APT = "apt-get --yes --quiet --option=Dpkg::Options::=--force-confdef --option=Dpkg::Options::=--force-confold"
APT = f"{APT} --option=Dpkg::Use-Pty=false"
NOT_FOUND = {
    "LoadState": "not-found",
    "UnitFileState": "",
    "NeedDaemonReload": "no",
    "ActiveState": "inactive",
    "SubState": "dead",
    "Type": "simple",
    "RemainAfterExit": "no",
    "Result": "success",
    # As systemd shows a unit that it has not tried to start.
    "ConditionResult": "no",
    "ConditionTimestampMonotonic": "0",
    "ExecMainExitTimestampMonotonic": "0",
}
IDLE = NOT_FOUND | {"LoadState": "loaded", "UnitFileState": "disabled"}
RUNS = IDLE | {"UnitFileState": "enabled", "ActiveState": "active", "SubState": "running"}
FAILED = RUNS | {"ActiveState": "failed", "SubState": "failed", "Result": "exit-code"}
# What does its work and ends, before and after.
JOB = IDLE | {"Type": "oneshot", "UnitFileState": "enabled"}
JOB_DONE = JOB | {"ConditionTimestampMonotonic": "6", "ConditionResult": "yes", "ExecMainExitTimestampMonotonic": "7"}


class KilledError(BaseException):
    """What kill -9 does: nothing after it runs, but `finally` in this process."""


class Database:
    """Users and groups, as the modules pwd and grp show them; whoever runs the tests is called root."""

    def __init__(self) -> None:
        self.users = {"root": self.user("root", os.getuid(), os.getgid())}
        self.groups = {"root": self.group("root", os.getgid())}
        self.shadow = {"root": "*"}

    @staticmethod
    def user(name: str, uid: int, gid: int, **more: Any) -> SimpleNamespace:
        fields = {"pw_dir": f"/home/{name}", "pw_shell": "/bin/sh", "pw_gecos": ""} | more
        return SimpleNamespace(pw_name=name, pw_uid=uid, pw_gid=gid, **fields)

    @staticmethod
    def group(name: str, gid: int, members: tuple[str, ...] = ()) -> SimpleNamespace:
        return SimpleNamespace(gr_name=name, gr_gid=gid, gr_mem=list(members))

    def getpwnam(self, name: str) -> Any:
        return self.users[name]

    def getgrnam(self, name: str) -> Any:
        return self.groups[name]

    def getgrall(self) -> list[Any]:
        return list(self.groups.values())

    def getpwuid(self, uid: int) -> Any:
        return {user.pw_uid: user for user in self.users.values()}[uid]

    def getgrgid(self, gid: int) -> Any:
        return {group.gr_gid: group for group in self.groups.values()}[gid]


class Host:
    """The host, and what was asked of it.

    Attributes:
        root: Its directory.
        calls: The commands that it was given in the last call, without those that only look.
        looks: Those that only look.
        packages: dpkg's states by name.
        units: systemd's properties by unit; there is no other unit.
        answers: What a command that starts so writes instead; a Problem is raised. The longest counts.
        after_start: Properties of a unit that was started, restarted or reloaded.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.calls: list[str] = []
        self.looks: list[str] = []
        self.packages: dict[str, str] = {}
        self.units: dict[str, dict[str, str]] = {}
        self.answers: dict[str, str | BaseException] = {}
        self.after_start = {"ActiveState": "active", "SubState": "running"}
        self.names = Database()
        self.pending = root / "var/pending"

    def path(self, name: str) -> str:
        return f"{self.root}/{name}"

    def fails(self, command: str, said: str = "it said nothing") -> None:
        """Let commands that start so fail."""
        self.answers[command] = agent.Problem(f"`{command}` ended with 1: {said}")

    def run(self, *argv: str, seconds: int | None = None) -> str:
        """What agent.run does, played. Programs given by their path are real."""
        command = " ".join(argv)
        looks = ("dpkg-query", "systemctl show", "journalctl", "apt-get --simulate")
        (self.looks if command.startswith(looks) else self.calls).append(command)
        for start in sorted(self.answers, key=len, reverse=True):
            if command.startswith(start):
                answer = self.answers[start]
                if isinstance(answer, BaseException):
                    raise answer
                return answer
        played = getattr(self, argv[0].replace("-", "_"), None)
        return played(*argv[1:]) if callable(played) else RUN(*argv, seconds=seconds)

    def ask(self, *, check: bool = False, diff: bool = True, **given: Any) -> dict[str, Any]:
        """One call, as the action plugin makes it."""
        self.calls.clear()
        self.looks.clear()
        wanted, problems = arguments.parse(given)
        assert problems == []
        files = []
        for item in wanted["files"]:
            content = item["content"] if isinstance(item["content"], bytes) else item["content"].encode()
            files.append(item | {"content": base64.b64encode(content).decode()})
        answer: dict[str, Any] = agent.answer(wanted | {"files": files, "check": check, "diff": diff})
        return answer

    def do(self, **given: Any) -> list[str]:
        """One call that succeeds; what it changed, in words."""
        answer = self.ask(**given)
        assert "problem" not in answer, answer["problem"]
        return [f"{change['kind']} {self.short(change['name'])}: {change['what']}" for change in answer["changes"]]

    def refuse(self, **given: Any) -> str:
        """One call that does not; why."""
        return self.short(self.ask(**given)["problem"])

    def short(self, text: str) -> str:
        return text.replace(f"{self.root}/", "")

    def tree(self) -> dict[str, tuple[str, str]]:
        """All that is on the host: kind and content."""
        found = {}
        for path in sorted(self.root.rglob("*")):
            info = path.lstat()
            content = str(path.readlink()) if path.is_symlink() else path.read_bytes().hex() if path.is_file() else ""
            found[self.short(str(path))] = f"{info.st_mode:o} {info.st_uid} {info.st_gid}", content
        return found

    def everything(self) -> Any:
        """The whole state, to compare."""
        files = {name: one for name, one in self.tree().items() if name != "run/lock"}
        accounts = {name: vars(one) for name, one in (self.names.users | self.names.groups).items()}
        return files, dict(self.packages), {name: dict(unit) for name, unit in self.units.items()}, accounts

    # --- The programs

    def dpkg_query(self, *_: str) -> str:
        return "".join(f"{name} {state}\n" for name, state in self.packages.items())

    def dpkg(self, *_: str) -> str:
        for name, state in self.packages.items():
            if state.startswith("triggers"):
                self.packages[name] = "installed"
        return ""

    def apt_get(self, *argv: str) -> str:
        if "install" not in argv:
            return ""
        names = argv[argv.index("--") + 1 :]
        if "--simulate" in argv:
            return "".join(
                f"Remv {name[:-1]} [1.0]\n" if name.endswith("-") else f"Conf {name} (1.0)\n" for name in names
            )
        for name, state in self.packages.items():
            if state in {"unpacked", "half-configured"}:
                self.packages[name] = "installed"
        for name in names:
            if name.endswith("-"):
                self.packages[name[:-1]] = "config-files"
            else:
                self.packages[name] = "installed"
        return ""

    def groupadd(self, *argv: str) -> str:
        gid = dict(word.split("=") for word in argv[:-1] if "=" in word).get("--gid", 3000 + len(self.names.groups))
        self.names.groups[argv[-1]] = self.names.group(argv[-1], int(gid))
        return ""

    def groupmod(self, *argv: str) -> str:
        self.names.groups[argv[-1]].gr_gid = int(argv[0].split("=")[1])
        return ""

    def useradd(self, *argv: str) -> str:
        name = argv[-1]
        given = dict(word.split("=", 1) for word in argv[:-1] if "=" in word)
        if "--gid" not in given:
            assert name not in self.names.groups, f"useradd: group {name} exists"
            self.names.groups[name] = self.names.group(name, 3000 + len(self.names.groups))
        group = self.names.groups[given.get("--gid", name)]
        self.names.users[name] = self.names.user(name, 2000 + len(self.names.users), group.gr_gid)
        self.names.shadow[name] = "!"
        return self.usermod(*(word for word in argv if word not in {"--system", "--no-create-home"}))

    def usermod(self, *argv: str) -> str:
        user = self.names.users[argv[-1]]
        for word in argv[:-1]:
            option, _, value = word.partition("=")
            if option == "--lock":
                self.names.shadow[user.pw_name] = f"!{self.names.shadow[user.pw_name]}"
            elif option == "--groups":
                for group in self.names.groups.values():
                    group.gr_mem = sorted({*group.gr_mem} - {user.pw_name})
                    if group.gr_name in value.split(","):
                        group.gr_mem.append(user.pw_name)
            elif option == "--gid":
                user.pw_gid = self.names.groups[value].gr_gid
            elif option == "--uid":
                user.pw_uid = int(value)
            else:
                setattr(user, {"--home": "pw_dir", "--shell": "pw_shell", "--comment": "pw_gecos"}[option], value)
        self.write_shadow()
        return ""

    def write_shadow(self) -> None:
        lines = "".join(f"{name}:{password}:1::::::\n" for name, password in self.names.shadow.items())
        (self.root / "shadow").write_text(lines)

    def journalctl(self, *argv: str) -> str:
        return f"the journal of {argv[-1].removeprefix('--unit=')}"

    def systemctl(self, *argv: str) -> str:
        words = [word for word in argv if not word.startswith("-")]
        if words[0] == "show":
            blocks = [self.units.get(name, NOT_FOUND) for name in words[1:]]
            return "\n".join("".join(f"{key}={value}\n" for key, value in block.items()) for block in blocks)
        if words[0] == "daemon-reload":
            for path in sorted((self.root / "systemd").glob("*.service")):
                self.units.setdefault(path.name, dict(IDLE))
            self.units = {name: unit | {"NeedDaemonReload": "no"} for name, unit in self.units.items()}
            return ""
        verb, name = words
        assert name in self.units, f"Unit {name} not found."
        self.units[name] |= {
            "enable": {"UnitFileState": "enabled"},
            "disable": {"UnitFileState": "disabled"},
            "mask": {"UnitFileState": "masked"},
            "unmask": {"UnitFileState": "disabled"},
            "stop": {"ActiveState": "inactive", "SubState": "dead"},
        }.get(verb, self.after_start)
        return ""


def place(root: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    """Have the agent work on a host in a directory."""
    made = Host(root)
    for directory in ("run", "lists", "apt/sources.list.d", "systemd", "sys"):
        (root / directory).mkdir(parents=True)
    made.write_shadow()
    places = {
        "LOCK": root / "run/lock",
        "PENDING": made.pending,
        "APT_LISTS": root / "lists",
        "APT_SOURCES": root / "apt",
        "APT_SOURCES_PLANNED": root / "run/planned",
        "APT_UPDATED": root / "var/updated",
        "SHADOW": root / "shadow",
        "UNIT_FILES": (root / "systemd",),
        "SYSCTLS": root / "sys",
        "PATIENCE_SECONDS": 0,
        "SETTLING_SECONDS": 0,
        "run": made.run,
        "pwd": made.names,
        "grp": made.names,
    }
    for name, value in places.items():
        monkeypatch.setattr(agent, name, value)
    monkeypatch.setattr(agent.os, "geteuid", lambda: 0)
    return made
