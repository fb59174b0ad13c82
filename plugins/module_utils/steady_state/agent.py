"""Runs on the host: brings it to the state that one call of `aurore.infra.steady_state` describes.

Its source is sent over the connection to `/usr/bin/python3 -I -`, followed by a call of `main`. So it is one file and uses
nothing but the standard library of the oldest Python among the hosts.

The work goes phase by phase (packages, groups, users, …). Each phase reads what is, plans the changes, and applies them
unless the call is a check; the plan is the same in both cases, so what a check announces is what a run does.
"""

from __future__ import annotations

import base64
import fcntl
import grp
import json
import os
import pwd
import shlex
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

LOCK = Path("/run/aurore-steady-state.lock")
PENDING = Path("/var/lib/aurore/pending")
APT_LISTS = Path("/var/lib/apt/lists")
APT_SOURCES = Path("/etc/apt")
SHADOW = Path("/etc/shadow")
UNIT_FILES = Path("/etc/systemd")
SYSCTLS = Path("/proc/sys")

LOCK_SECONDS = 600
LISTS_FRESH_SECONDS = 3600
# Beyond this a difference is of no use to a reader.
DIFF_BYTES = 256 * 1024
JOURNAL_LINES = 15

Item = dict[str, Any]


class ItemError(Exception):
    """An item that cannot be brought to its state; the message names it."""


@dataclass(frozen=True)
class Change:
    """One difference between what is and what must be.

    Attributes:
        kind: The option that the item is of.
        name: The item: a package, a path, a unit …
        what: What is done to it, in words.
        before: Text of the present state, for the difference.
        after: Text of the wanted state.
        apply: Does it; None where the phase applies all its changes at once.
    """

    kind: str
    name: str
    what: str
    before: str = ""
    after: str = ""
    apply: Callable[[], object] | None = None


@dataclass
class Run:
    """One call.

    Attributes:
        want: The call's options.
        check: Whether nothing may be applied.
        changes: What was planned so far, and applied unless `check` is set.
    """

    want: Item
    check: bool = False
    changes: list[Change] = field(default_factory=list)

    def do(self, planned: Sequence[Change], apply: Callable[[], object] | None = None) -> None:
        """Apply changes, one by one or all at once, and note them. After a failure the notes say how far it went."""
        if planned and apply is not None and not self.check:
            apply()
        for change in planned:
            if change.apply is not None and not self.check:
                with naming(f"{change.kind}: {change.name}"):
                    change.apply()
            self.changes.append(change)

    @property
    def expects_packages(self) -> bool:
        """Whether packages that are not there yet would be by now, had this not been a check."""
        return self.check and any(change.kind == "packages" for change in self.changes)


@contextmanager
def naming(item: str) -> Iterator[None]:
    """Make problems of the system name the item that they are about."""
    try:
        yield
    except OSError as error:
        raise ItemError(f"{item}: {error.strerror or error}") from error


# --- Commands


def run(*argv: str, accept: Sequence[int] = (0,)) -> str:
    """Run a command and return what it wrote.

    Raises:
        ItemError: It ended with a status that is not accepted; with the last lines that it wrote.
    """
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(
            argv, capture_output=True, text=True, check=False, env=environment, stdin=subprocess.DEVNULL
        )
    except OSError as error:
        raise ItemError(f"{argv[0]}: {error.strerror}") from error
    if done.returncode not in accept:
        said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-JOURNAL_LINES:])
        raise ItemError(f"`{shlex.join(argv)}` ended with {done.returncode}: {said or 'it said nothing'}")
    return done.stdout


# --- Packages


def dpkg_states() -> dict[str, str]:
    """The state of every package that dpkg knows, by name."""
    lines = run("dpkg-query", "--show", "--showformat=${Package} ${db:Status-Status}\n").splitlines()
    return dict(line.split() for line in lines)


def plan_packages(want: Item, states: dict[str, str]) -> list[Change]:
    """What apt has to do; among it what an interrupted apt left half-done."""
    # https://manpages.debian.org/trixie/dpkg/dpkg.1, "Package states"
    half_done = {"half-installed", "unpacked", "half-configured", "triggers-awaited", "triggers-pending"}
    changes = [
        Change("packages", name, "configured", f"{state}\n", "installed\n")
        for name, state in sorted(states.items()) if state in half_done and name not in want["packages"]
    ]  # fmt: skip
    changes += [
        Change("packages", name, "installed", f"{states.get(name, 'absent')}\n", "installed\n")
        for name in want["packages"] if states.get(name) != "installed"
    ]  # fmt: skip
    return changes + [
        Change("packages_absent", name, "removed", "installed\n", "absent\n")
        for name in want["packages_absent"] if states.get(name, "not-installed") not in {"not-installed", "config-files"}
    ]  # fmt: skip


def lists_are_fresh(now: float) -> bool:
    """Whether apt's lists are young, and younger than its sources."""
    indexes = [path for path in APT_LISTS.glob("*Packages*") if path.is_file()]
    if not indexes:
        return False
    sources = [*APT_SOURCES.glob("sources.list"), APT_SOURCES / "sources.list.d", *APT_SOURCES.glob("sources.list.d/*")]
    fetched = APT_LISTS.stat().st_mtime
    return now - fetched < LISTS_FRESH_SECONDS and all(
        path.stat().st_mtime < fetched for path in sources if path.exists()
    )


def apply_packages(want: Item) -> None:
    """One call of apt for all packages.

    Raises:
        ItemError: apt failed, or a package is not there although it did not.
    """
    apt = ("apt-get", "--yes", "--quiet", "--no-install-recommends", "--option=DPkg::Lock::Timeout=300")
    keep = ("--option=Dpkg::Options::=--force-confdef", "--option=Dpkg::Options::=--force-confold")
    run("dpkg", "--configure", "--pending", "--force-confdef", "--force-confold")
    if want["packages"] and not lists_are_fresh(time.time()):
        run(*apt, "--error-on=any", "update")
    run(*apt, *keep, "install", "--", *want["packages"], *(f"{name}-" for name in want["packages_absent"]))
    states = dpkg_states()
    if missing := [name for name in want["packages"] if states.get(name) != "installed"]:
        raise ItemError(f"packages: {', '.join(missing)}: apt installed another package in its place; name that one")


def do_packages(call: Run) -> None:
    """Install and remove packages."""
    want = call.want
    if want["packages"] or want["packages_absent"]:
        call.do(plan_packages(want, dpkg_states()), lambda: apply_packages(want))


# --- Groups and users


def as_text(values: Item) -> str:
    """Attributes as lines, for a difference."""
    return "".join(f"{key}: {value}\n" for key, value in values.items())


def plan_groups(want: list[Item], groups: dict[str, int]) -> list[Change]:
    """Groups to add or to give another number."""
    changes = []
    for item in want:
        name, gid = item["name"], item.get("gid")
        number = () if gid is None else (f"--gid={gid}",)
        if name not in groups:
            argv = ("groupadd", *(["--system"] if item.get("system") else []), *number, name)
            changes.append(Change("groups", name, "created", "", as_text(item), lambda argv=argv: run(*argv)))
        elif gid not in {None, groups[name]}:
            argv = ("groupmod", *number, name)
            before, after = as_text({"gid": groups[name]}), as_text({"gid": gid})
            changes.append(Change("groups", name, "changed", before, after, lambda argv=argv: run(*argv)))
    return changes


USER_OPTIONS = {
    "uid": "--uid",
    "group": "--gid",
    "groups": "--groups",
    "home": "--home-dir",
    "shell": "--shell",
    "comment": "--comment",
}


def present_users(names: set[str]) -> dict[str, Item]:
    """What the system knows of the users."""
    locked = dict(line.split(":", 2)[:2] for line in SHADOW.read_text().splitlines())
    groups = grp.getgrall()
    by_gid = {group.gr_gid: group.gr_name for group in groups}
    return {
        user.pw_name: {
            "uid": user.pw_uid,
            "group": by_gid.get(user.pw_gid, str(user.pw_gid)),
            "groups": sorted(group.gr_name for group in groups if user.pw_name in group.gr_mem),
            "home": user.pw_dir,
            "shell": user.pw_shell,
            "comment": user.pw_gecos,
            "password": "locked" if locked.get(user.pw_name, "*").startswith(("!", "*")) else "open",
        }
        for user in pwd.getpwall() if user.pw_name in names
    }  # fmt: skip


def plan_users(want: list[Item], users: dict[str, Item]) -> list[Change]:
    """Users to add or to change; whoever is managed here has no password."""
    changes = []
    for item in want:
        name = item["name"]
        wanted = {key: item[key] for key in USER_OPTIONS if item.get(key) is not None}
        if "groups" in wanted:
            wanted["groups"] = sorted(wanted["groups"])
        if name not in users:
            argv = ["useradd", *(["--system"] if item.get("system") else []), *user_options(wanted), name]
            changes.append(Change("users", name, "created", "", as_text(wanted), lambda argv=argv: run(*argv)))
            continue
        wanted["password"] = "locked"  # noqa: S105 - a word, no password
        before = {key: users[name][key] for key in wanted if users[name][key] != wanted[key]}
        if before:
            after = {key: wanted[key] for key in before}
            lock = ["--lock"] if after.pop("password", "") else []
            options = ["--home" if option == "--home-dir" else option for option in user_options(after)]
            argv = ["usermod", *options, *lock, name]
            texts = as_text(before), as_text({key: wanted[key] for key in before})
            changes.append(Change("users", name, "changed", *texts, lambda argv=argv: run(*argv)))
    return changes


def user_options(wanted: Item) -> list[str]:
    """The options of useradd for attributes."""
    return [
        word for key, value in wanted.items()
        for word in (USER_OPTIONS[key], ",".join(value) if key == "groups" else str(value))
    ]  # fmt: skip


def do_accounts(call: Run) -> None:
    """Add and change groups, then users."""
    if wanted := call.want["groups"]:
        call.do(plan_groups(wanted, {group.gr_name: group.gr_gid for group in grp.getgrall()}))
    if wanted := call.want["users"]:
        call.do(plan_users(wanted, present_users({item["name"] for item in wanted})))


# --- Paths


def attributes(path: Path) -> Item:
    """Owner, group and mode of a path, as a person writes them."""
    info = path.lstat()
    with suppress(KeyError):
        return {
            "owner": pwd.getpwuid(info.st_uid).pw_name,
            "group": grp.getgrgid(info.st_gid).gr_name,
            "mode": f"{stat.S_IMODE(info.st_mode):04o}",
        }
    # Whoever had that number is gone: a name that nobody has differs from every wanted one.
    return {"owner": str(info.st_uid), "group": str(info.st_gid), "mode": f"{stat.S_IMODE(info.st_mode):04o}"}


def set_attributes(path: Path, item: Item) -> None:
    """Set owner, group and mode.

    Raises:
        ItemError: There is no such owner or group.
    """
    try:
        owner, group = pwd.getpwnam(item["owner"]).pw_uid, grp.getgrnam(item["group"]).gr_gid
    except KeyError as error:
        raise ItemError(
            f"{item['path']}: {error.args[0]}; add it to `users` or `groups`, or correct the name"
        ) from error
    os.chown(path, owner, group)
    path.chmod(int(item["mode"], 8))


def wanted_attributes(item: Item) -> Item:
    """Owner, group and mode that an item asks for, modes written as `attributes` does."""
    return {"owner": item["owner"], "group": item["group"], "mode": f"{int(item['mode'], 8):04o}"}


def plan_attributes(kind: str, item: Item) -> list[Change]:
    """The change of a path's owner, group or mode, if one is needed."""
    path = Path(item["path"])
    before, after = attributes(path), wanted_attributes(item)
    if before == after:
        return []
    different = [key for key in after if before[key] != after[key]]
    texts = as_text({key: before[key] for key in different}), as_text({key: after[key] for key in different})
    return [Change(kind, item["path"], f"{', '.join(different)} changed", *texts, lambda: set_attributes(path, item))]


def plan_directories(want: list[Item]) -> list[Change]:
    """Directories to make or to correct."""
    changes = []
    for item in want:
        path = Path(item["path"])
        if path.is_dir() and not path.is_symlink():
            changes += plan_attributes("directories", item)
        elif os.path.lexists(path):
            raise ItemError(
                f"directories: {path}: something else is there; remove it (`absent`) or choose another path"
            )
        else:
            text = as_text(wanted_attributes(item))
            changes.append(
                Change("directories", item["path"], "created", "", text, lambda item=item: make_directory(item))
            )
    return changes


def make_directory(item: Item) -> None:
    """Make one directory below an existing one."""
    path = Path(item["path"])
    path.mkdir(mode=0o700)
    set_attributes(path, item)


def plan_links(want: list[Item]) -> list[Change]:
    """Symbolic links to make or to turn elsewhere."""
    changes = []
    for item in want:
        path, target = Path(item["path"]), item["target"]
        if path.is_dir() and not path.is_symlink():
            raise ItemError(f"links: {path}: a directory is there; remove it (`absent` with `recursive`) first")
        before = str(path.readlink()) if path.is_symlink() else "a file" if path.exists() else ""
        if before != target:
            what = "changed" if before else "created"
            texts = f"{before}\n" if before else "", f"{target}\n"
            changes.append(Change("links", item["path"], what, *texts, lambda item=item: make_link(item)))
    return changes


def make_link(item: Item) -> None:
    """Put a link in its place at once, whatever file or link was there."""
    path = Path(item["path"])
    partial = Path(tempfile.mktemp(prefix=f".{path.name}.", dir=path.parent))  # noqa: S306 - symlink_to never follows
    partial.symlink_to(item["target"])
    partial.replace(path)


# --- Files


@dataclass
class NewFile:
    """A file whose content must change, and where the new content waits beside it."""

    item: Item
    content: bytes
    partial: Path | None = None


def plan_files(want: list[Item]) -> tuple[list[Change], list[NewFile]]:
    """Files to write, and files whose attributes alone are wrong.

    A link at a file's path is replaced by the file, and what it points to is left alone.
    """
    changes: list[Change] = []
    new: list[NewFile] = []
    for item in want:
        path = Path(item["path"])
        content = base64.b64decode(item["content"])
        if path.is_dir() and not path.is_symlink():
            raise ItemError(f"files: {path}: a directory is there; remove it (`absent` with `recursive`) first")
        present = path.read_bytes() if path.is_file() and not path.is_symlink() else None
        if present == content:
            changes += plan_attributes("files", item)
            continue
        what = "changed" if os.path.lexists(path) else "created"
        before = "" if present is None else printable(present, item)
        changes.append(Change("files", item["path"], what, before, printable(content, item)))
        if present is not None:
            different = plan_attributes("files", item)
            # The new file is born with them; they are told all the same.
            changes += [Change(one.kind, one.name, one.what, one.before, one.after) for one in different]
        new.append(NewFile(item, content))
    return changes, new


def printable(content: bytes, item: Item) -> str:
    """Content as a difference may show it."""
    if item["no_log"]:
        return "(content hidden)\n"
    if len(content) > DIFF_BYTES:
        return f"({len(content)} bytes)\n"
    try:
        return content.decode()
    except UnicodeDecodeError:
        return f"({len(content)} bytes that are not text)\n"


def write_partial(new: NewFile) -> None:
    """Write the new content beside the file, with its attributes, safe on the disk.

    Raises:
        ItemError: The directory is missing, or the owner or the group.
    """
    path = Path(new.item["path"])
    if not path.parent.is_dir():
        raise ItemError(f"files: {path}: there is no directory {path.parent}; add it to `directories`")
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    new.partial = Path(name)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(new.content)
        set_attributes(new.partial, new.item)
        stream.flush()
        os.fsync(stream.fileno())


def validate(new: NewFile, *, may_be_missing: bool) -> None:
    """Have the daemon judge its new configuration.

    Args:
        new: The file, written beside its place.
        may_be_missing: Whether the daemon would be installed by now, had this not been a check.

    Raises:
        ItemError: It refused.
    """
    if not new.item["validate"]:
        return
    argv = [word.replace("%s", str(new.partial)) for word in shlex.split(new.item["validate"])]
    if may_be_missing and shutil.which(argv[0]) is None:
        return
    try:
        run(*argv)
    except ItemError as error:
        # What a daemon says about a secret file may quote it.
        said = "its output is hidden" if new.item["no_log"] else str(error)
        raise ItemError(
            f"files: {new.item['path']}: the new content was refused and nothing was replaced: {said}"
        ) from error


def do_files(call: Run) -> None:
    """Write files: all are validated before the first is replaced."""
    changes, new = plan_files(call.want["files"])
    try:
        for file in new:
            if call.check and not Path(file.item["path"]).parent.is_dir():
                continue  # its directory, or the package that brings it, is only planned
            with naming(f"files: {file.item['path']}"):
                write_partial(file)
            validate(file, may_be_missing=call.expects_packages)
        call.do(changes, lambda: replace(call, changes, new))
    finally:
        for file in new:
            if file.partial is not None:
                file.partial.unlink(missing_ok=True)


def replace(call: Run, changes: Sequence[Change], new: Sequence[NewFile]) -> None:
    """Put the new files in their places, after noting which units must notice."""
    changed = {change.name for change in changes}
    owe([item for item in call.want["files"] if item["path"] in changed])
    for file in new:
        assert file.partial is not None
        path = Path(file.item["path"])
        file.partial.replace(path)
        sync(path.parent)


def sync(directory: Path) -> None:
    """Make renames in a directory survive a power cut."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def plan_absent(want: list[Item], directories: list[Item], declared: set[str]) -> list[Change]:
    """Paths to remove: those named, and in exclusive directories all that the call does not declare."""
    extra = [
        {"path": str(path), "recursive": True}
        for item in directories if item["exclusive"] and Path(item["path"]).is_dir()
        for path in sorted(Path(item["path"]).iterdir()) if str(path) not in declared
    ]  # fmt: skip
    changes = []
    for item in want + extra:
        path = Path(item["path"])
        if not os.path.lexists(path):
            continue
        is_directory = path.is_dir() and not path.is_symlink()
        if is_directory and not item["recursive"]:
            raise ItemError(
                f"absent: {path}: this is a directory; write {{path: {path}, recursive: true}} to remove all of it"
            )
        remove = (lambda path=path: shutil.rmtree(path)) if is_directory else (lambda path=path: path.unlink())
        text = f"{path}/ and all below it\n" if is_directory else f"{path}\n"
        changes.append(Change("absent", str(path), "removed", text, "", remove))
    return changes


def do_paths(call: Run) -> None:
    """Directories, links, files; then what must go."""
    want = call.want
    call.do(plan_directories(want["directories"]))
    call.do(plan_links(want["links"]))
    do_files(call)
    declared = {item["path"] for option in ("directories", "links", "files") for item in want[option]}
    call.do(plan_absent(want["absent"], want["directories"], declared))


# --- Kernel settings


def plan_sysctls(want: dict[str, str]) -> list[Change]:
    """Settings of the running kernel to change; the file that keeps them is an item of `files`."""
    changes = []
    for name, value in want.items():
        # Dots separate; a dot inside a name (an interface's) is written as a slash (sysctl.d(5)).
        path = SYSCTLS / name.translate(str.maketrans("./", "/."))
        if not path.exists():
            raise ItemError(
                f"sysctls: {name}: this kernel has no such setting; correct the name or load its module first"
            )
        before = " ".join(path.read_text().split())
        if before != " ".join(value.split()):
            texts = f"{before}\n", f"{value}\n"
            changes.append(
                Change("sysctls", name, "set", *texts, lambda path=path, value=value: path.write_text(value))
            )
    return changes


# --- Units

UNIT_PROPERTIES = "Id,Names,LoadState,UnitFileState,ActiveState,NeedDaemonReload,ConditionResult"
RUNNING = {"active", "activating", "reloading"}


def unit_states(names: Sequence[str]) -> dict[str, Item]:
    """What systemd knows of units, by the name asked for."""
    answer = run("systemctl", "show", f"--property={UNIT_PROPERTIES}", "--", *names)
    blocks = [dict(line.split("=", 1) for line in block.splitlines()) for block in answer.strip().split("\n\n")]
    return dict(zip(names, blocks, strict=True))


def plan_units(want: list[Item], states: dict[str, Item], *, expected: bool) -> list[Change]:
    """Units to mask, enable, start, or the contrary.

    Args:
        want: The items.
        states: As systemd shows them.
        expected: Whether a unit that is missing would be there by now, had this not been a check.
    """
    changes = []
    for item in want:
        name, state = item["name"], states[item["name"]]
        if state["LoadState"] == "not-found" and not expected and not item.get("masked"):
            raise ItemError(f"units: {name}: systemd knows no such unit; install its package or correct the name")
        changes += [
            Change("units", name, verb, f"{before}\n", f"{after}\n")
            for verb, before, after in unit_steps(item, state)
        ]  # fmt: skip
    return changes


def unit_steps(item: Item, state: Item) -> Iterator[tuple[str, str, str]]:
    """What a unit lacks: systemctl's verb, the state before, and the state after."""
    file, active = state["UnitFileState"], state["ActiveState"]
    masked = file in {"masked", "masked-runtime"}
    if item.get("masked") is True and not masked:
        yield "mask", "not masked", "masked"
    if item.get("masked") is False and masked:
        yield "unmask", "masked", "not masked"
    # A static unit cannot be enabled and need not be: others pull it in.
    if item.get("enabled") is True and file not in {"enabled", "static", "alias", "generated", "indirect"}:
        yield "enable", "disabled", "enabled"
    if item.get("enabled") is False and file in {"enabled", "enabled-runtime"}:
        yield "disable", "enabled", "disabled"
    if item.get("state") == "started" and active not in RUNNING:
        yield "start", active, "active"
    if item.get("state") == "stopped" and active in RUNNING:
        yield "stop", active, "inactive"


def apply_units(changes: Sequence[Change]) -> None:
    """One call of systemctl per verb, in an order in which each can succeed.

    Raises:
        ItemError: A unit did not start.
    """
    for verb in ("unmask", "enable", "disable", "stop", "mask", "start"):
        if names := [change.name for change in changes if change.what == verb]:
            try:
                run("systemctl", "--quiet", verb, "--", *names)
            except ItemError as error:
                raise unit_error(verb, names, error) from error
            if verb == "start":
                check_started(names)


def check_started(names: list[str]) -> None:
    """See whether units that were started run: a condition that does not hold is no failure to systemd.

    Raises:
        ItemError: One does not.
    """
    for name, state in unit_states(names).items():
        if state["ActiveState"] not in RUNNING:
            why = "its conditions do not hold on this host" if state["ConditionResult"] == "no" else "it ended at once"
            raise ItemError(f"units: {name}: not running after its start: {why}\n{journal(name)}")


def unit_error(verb: str, names: Sequence[str], error: ItemError) -> ItemError:
    """Say which of the units failed, with what they last wrote."""
    failed = [name for name, state in unit_states(names).items() if state["ActiveState"] == "failed"] or list(names)
    logs = "\n".join(journal(name) for name in failed)
    return ItemError(f"units: {', '.join(failed)}: `systemctl {verb}` failed: {error}\n{logs}")


def journal(unit: str) -> str:
    """The unit's last lines."""
    return run("journalctl", "--quiet", "--no-pager", "--output=cat", f"--lines={JOURNAL_LINES}", f"--unit={unit}")


# --- Restarts that files ask for
#
# A note per unit is made before the first file is replaced and removed after the unit has noticed. So a run that is
# interrupted in between leaves the note, and the next one catches up although it finds the files as they must be.


def owe(items: Sequence[Item]) -> None:
    """Note which units must notice that these files change; a restart outweighs a reload."""
    verbs = {unit: "reload" for item in items for unit in item["reloads"]}
    verbs |= {unit: "restart" for item in items for unit in item["restarts"]}
    if not verbs:
        return
    PENDING.mkdir(mode=0o755, parents=True, exist_ok=True)
    for unit, verb in verbs.items():
        note = PENDING / unit
        if verb == "reload" and note.exists():
            continue  # it may ask for a restart already
        with note.open("w") as stream:
            stream.write(f"{verb}\n")
            stream.flush()
            os.fsync(stream.fileno())
    sync(PENDING)


def owed(files: list[Item]) -> dict[str, str]:
    """The units of this call that have not noticed a change yet, and the verb for each.

    A note that was cut short by a power failure asks for a restart.
    """
    units = sorted({unit for item in files for unit in (*item["restarts"], *item["reloads"])})
    return {unit: note.read_text().strip() or "restart" for unit in units if (note := PENDING / unit).exists()}


def do_units(call: Run) -> None:
    """Enable and start units; then restart or reload those whose files changed."""
    want = call.want["units"]
    changed = {change.name for change in call.changes if change.kind in {"files", "links", "absent"}}
    due = owed(call.want["files"])
    if call.check:
        due |= {unit: "reload" for item in call.want["files"] if item["path"] in changed for unit in item["reloads"]}
        due |= {unit: "restart" for item in call.want["files"] if item["path"] in changed for unit in item["restarts"]}
    names = list(dict.fromkeys([item["name"] for item in want] + list(due)))
    if not names:
        return
    states = unit_states(names)
    stale = any(state["NeedDaemonReload"] == "yes" for state in states.values())
    if not call.check and (stale or any(UNIT_FILES in Path(path).parents for path in changed)):
        run("systemctl", "daemon-reload")
        states = unit_states(names)
    planned = plan_units(want, states, expected=call.expects_packages or (call.check and bool(changed)))
    call.do(planned, lambda: apply_units(planned))
    touched = {change.name for change in planned if change.what in {"start", "stop"}}
    for unit, verb in due.items():
        # A unit that does not run reads its files when it starts.
        if unit not in touched and states[unit]["ActiveState"] in RUNNING:
            call.do([Change("units", unit, verb, apply=lambda unit=unit, verb=verb: notify(unit, verb))])
        if not call.check:
            (PENDING / unit).unlink(missing_ok=True)


def notify(unit: str, verb: str) -> None:
    """Restart or reload a unit.

    Raises:
        ItemError: It failed; with what it last wrote. The note stays, so that the next run tries again.
    """
    try:
        run("systemctl", "--quiet", "reload-or-restart" if verb == "reload" else "restart", "--", unit)
    except ItemError as error:
        raise unit_error(verb, [unit], error) from error
    check_started([unit])


# --- The call


@contextmanager
def locked() -> Iterator[None]:
    """Let one run at a time change this host.

    Raises:
        ItemError: Another one took too long.
    """
    deadline = time.monotonic() + LOCK_SECONDS
    with LOCK.open("w") as stream:
        while True:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise ItemError(f"another run has worked on this host for {LOCK_SECONDS} s; end it first") from None
                time.sleep(0.2)
            else:
                break
        yield


def converge(call: Run) -> None:
    """Bring the host to a state, or tell what that would change.

    Raises:
        ItemError: An item cannot be brought to its state; those before it were.
    """
    do_packages(call)
    do_accounts(call)
    do_paths(call)
    call.do(plan_sysctls(call.want["sysctls"]))
    do_units(call)


def answer(want: Item) -> Item:
    """Serve one request: the options of the call, and whether it is a check."""
    call = Run(want, want["check"])
    problem = {}
    os.umask(0o022)
    try:
        if os.geteuid() != 0:
            raise ItemError("the connection's user is not root on this host; connect as root")
        with locked():
            converge(call)
    except ItemError as error:
        problem = {"problem": str(error)}
    keys = ("kind", "name", "what", "before", "after")
    return problem | {"changes": [{key: getattr(change, key) for key in keys} for change in call.changes]}


def main(request: str) -> None:
    """Answer a request in JSON, on the last line of standard output."""
    sys.stdout.write(json.dumps(answer(json.loads(request))) + "\n")
