"""Runs on the host: brings it to the state that one call of `aurore.infra.steady_state` describes.

Its source is sent over the connection to `/usr/bin/python3 -I -`, followed by a call of `main`. So it is one file, uses
nothing but the standard library from Python 3.11 on, and of that what is quick to import: most of the time that a call
without changes takes is Python's own start.

First all changes are planned, and new files validated; then they are applied, unless the call is a check. So what a
check announces is what a run does, and what cannot be done is refused before anything was. Packages alone go before the
rest is planned, for they bring much of what it relies on.
"""

from __future__ import annotations

import binascii
import fcntl
import grp
import json
import os
import pwd
import stat
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path

TYPE_CHECKING = False  # without importing typing
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import Any

    Item = dict[str, Any]

LOCK = Path("/run/aurore-steady-state.lock")
PENDING = Path("/var/lib/aurore/pending")
APT_SOURCES = Path("/etc/apt")
APT_LISTS = Path("/var/lib/apt/lists")
# As old as the lists that were last fetched whole: an update that was interrupted or failed leaves no trace here.
APT_UPDATED = Path("/var/lib/aurore/apt-updated")
# As old as the last check that announced other sources.
APT_SOURCES_PLANNED = Path("/run/aurore-apt-sources-planned")
SHADOW = Path("/etc/shadow")
UNIT_FILES = (Path("/etc/systemd/system"), Path("/usr/local/lib/systemd/system"))
SYSCTLS = Path("/proc/sys")
MOUNTS = Path("/proc/self/mountinfo")
# Where nothing is and nothing can be put.
NOWHERE = Path("/proc/self/nowhere/nothing")

PROGRAMS = "/usr/sbin:/usr/bin:/sbin:/bin"
# Another run, or another apt, is waited for this long.
PATIENCE_SECONDS = 600
VALIDATION_SECONDS = 60
# A daemon that cannot read its configuration ends within this time.
SETTLING_SECONDS = 0.5
LISTS_FRESH_SECONDS = 3600
# Beyond this a difference is of no use to a reader.
DIFF_BYTES = 100 * 1024
JOURNAL_LINES = 15
# Part of every host, as are all directories directly below `/`: never removed or emptied, whatever a role says.
VITAL = {
    *("/etc/apt", "/etc/default", "/etc/pam.d", "/etc/ssh", "/etc/ssl", "/etc/systemd", "/etc/systemd/system"),
    *("/usr/bin", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/libexec", "/usr/local", "/usr/sbin", "/usr/share"),
    *("/var/cache", "/var/lib", "/var/lib/apt", "/var/lib/dpkg", "/var/lib/systemd", "/var/log", "/var/mail"),
    *("/var/spool", "/var/tmp"),  # noqa: S108 - named in order to be spared
}


class Problem(Exception):  # noqa: N818 - no error of this program
    """What keeps an item from its state, as a sentence for people."""


class Change:
    """One difference between what is and what must be.

    Attributes:
        kind: The option that the item is of.
        name: The item: a package, a path, a unit …
        what: What is done to it, in words.
        before: Text of the present state, for the difference.
        after: Text of the wanted state.
        apply: Does it; None where it is done together with another change.
        item: The item itself.
    """

    def __init__(
        self,
        kind: str,
        name: str,
        what: str,
        before: str = "",
        after: str = "",
        apply: Callable[[], object] | None = None,
    ) -> None:
        self.kind, self.name, self.what = kind, name, what
        self.before, self.after, self.apply = before, after, apply
        self.item: Item = {}


class Call:
    """One call.

    Attributes:
        want: Its options.
        planned: The changes that it needs, as far as they are known.
        done: Those that were applied.
        awaits_packages: Whether this is a check of a host where packages are missing, which may bring anything.
        directories: Those that its paths are in.
        due: The units that must notice what changes, or changed earlier, and how: by restart or reload.
        secret: The units whose journal may quote a secret file.
        may_wait: The units that may be waiting for their next try.
        states: What systemd says of the units that matter.
    """

    def __init__(self, want: Item) -> None:
        self.want = want
        self.planned: list[Change] = []
        self.done: list[Change] = []
        self.awaits_packages = False
        self.directories = Directories()
        self.due: dict[str, str] = {}
        self.secret = concerned(item for item in want["files"] if item["no_log"])
        self.may_wait = {item["name"] for item in want["units"] if item["may_wait"]}
        self.states: dict[str, Item] = {}

    def plan(self, option: str, planner: Callable[[Call, Item], Iterable[Change]], items: Iterable[Item]) -> list[str]:
        """Plan the items of one option. Return what is in their way."""
        problems = []
        for item in items:
            try:
                with naming(option, item.get("path") or item["name"]):
                    for change in planner(self, item):
                        change.item = item
                        self.planned.append(change)
            except Problem as problem:
                problems.append(str(problem))
        return problems

    def plans(self, name: str, *kinds: str) -> bool:
        """Whether there is a planned change of these kinds of something of that name."""
        return any(change.name == name and change.kind in kinds for change in self.planned)


@contextmanager
def naming(kind: str, name: str) -> Iterator[None]:
    """Make problems name the item that they are about."""
    try:
        yield
    except (OSError, Problem) as error:
        said = error.strerror if isinstance(error, OSError) else error
        raise Problem(f"{kind}: {name}: {said or error}") from error


def run(*argv: str, seconds: int | None = None) -> str:
    """Run a command and return what it wrote.

    Raises:
        Problem: It failed, or had not ended after so many seconds; with the last lines that it wrote.
    """
    environment = {"PATH": PROGRAMS, "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(  # noqa: S603 - an argument list, no shell
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            env=environment,
            encoding="utf-8",
            errors="replace",
            timeout=seconds,
        )
    except OSError as error:
        raise Problem(f"{argv[0]} cannot be run on this host: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise Problem(f"`{' '.join(argv)}` had not ended after {seconds} s") from error
    if done.returncode != 0:
        said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-JOURNAL_LINES:])
        raise Problem(f"`{' '.join(argv)}` ended with {done.returncode}: {said or 'it said nothing'}")
    return done.stdout


def as_text(values: Item) -> str:
    """Attributes as lines, for a difference; what is left to the host is none."""
    return "".join(f"{key}: {value}\n" for key, value in values.items() if value is not None)


# --- Packages

CONFIGURE = ("dpkg", "--configure", "--pending", "--force-confdef", "--force-confold")


def do_packages(call: Call) -> None:
    """Plan what is to install and to remove, and have apt do all of it at once."""
    want, check = call.want, call.want["check"]
    if not want["packages"] and not want["packages_absent"]:
        return
    before = dpkg_states()
    if not (changes := list(plan_packages(want, before))):
        return
    with naming("packages", ", ".join(change.name for change in changes)):
        try:
            (check_packages if check else apply_packages)(changes)
        except Problem:
            call.done = [] if check else differences(before, dpkg_states())
            raise
    call.awaits_packages = check and any(change.kind == "packages" for change in changes)
    call.done = changes


def dpkg_states() -> dict[str, str]:
    """The state of every package that dpkg knows, by name."""
    with naming("packages", "dpkg"):
        lines = run("dpkg-query", "--show", "--showformat=${Package} ${db:Status-Status}\n").splitlines()
    return dict(line.split() for line in lines)


def plan_packages(want: Item, states: dict[str, str]) -> Iterator[Change]:
    """What apt has to do; among it what an interrupted apt left half-done."""
    # https://manpages.debian.org/trixie/dpkg/dpkg.1, "Package states"
    half_done = {"half-installed", "unpacked", "half-configured", "triggers-awaited", "triggers-pending"}
    for name, state in states.items():
        if state in half_done:
            yield Change("packages", name, "configured", f"{state}\n", "installed\n")
    for name in want["packages"]:
        if (state := states.get(name, "absent")) not in {"installed", *half_done}:
            yield Change("packages", name, "installed", f"{state}\n", "installed\n")
    for name in want["packages_absent"]:
        if states.get(name, "not-installed") not in {"not-installed", "config-files"}:
            yield Change("packages_absent", name, "removed", "installed\n", "absent\n")


def differences(before: dict[str, str], after: dict[str, str]) -> list[Change]:
    """All that apt did until it failed, to packages that the call names and to others."""
    return [
        Change("packages", name, now, f"{was}\n", f"{now}\n")
        for name in sorted({*before, *after})
        if (was := before.get(name, "absent")) != (now := after.get(name, "absent"))
    ]


def check_packages(changes: list[Change]) -> None:
    """See whether apt could do it, as far as the lists that are there can tell.

    Raises:
        Problem: It could not, or would do something else.
    """
    if lists_match_sources() or not any(change.kind == "packages" for change in changes):
        simulate([change for change in changes if change.what == "configured"] or changes)


def apply_packages(changes: list[Change]) -> None:
    """Have apt do it, what was left half-done first: until then it refuses to do anything else.

    Raises:
        Problem: apt failed, or would do something else.
    """
    began = time.time()
    is_fresh = lists_match_sources() and 0 <= began - modified(APT_UPDATED) < LISTS_FRESH_SECONDS
    if not is_fresh and any(change.kind == "packages" for change in changes):
        apt("--error-on=any", "update")
        APT_UPDATED.parent.mkdir(parents=True, exist_ok=True)
        APT_UPDATED.touch()
        os.utime(APT_UPDATED, (began, began))
    if half_done := [change for change in changes if change.what == "configured"]:
        simulate(half_done)
        apt(*apt_words(half_done))
        run(*CONFIGURE)  # for apt leaves triggers alone when there is nothing else to do
    if rest := [change for change in changes if change not in half_done]:
        simulate(rest)
        apt(*apt_words(rest))


def apt_words(changes: list[Change]) -> list[str]:
    """The words that tell apt-get."""
    marks = {"installed": "", "removed": "-"}
    names = [f"{change.name}{marks[change.what]}" for change in changes if change.what in marks]
    # Without the last option `libpython3.1`, where there is none, would mean all packages that match it.
    exactly = "--option=APT::Cmd::Pattern-Only=true"
    return ["install", "--no-install-recommends", "--fix-broken", exactly, "--", *names]


def simulate(changes: list[Change]) -> None:
    """Have apt say what it would do, which takes no lock and changes nothing.

    Raises:
        Problem: It cannot do it, would remove something else, or would not bring a package of that name.
    """
    lines = run("apt-get", "--simulate", "--quiet=2", *apt_words(changes)).splitlines()
    configured, removed = ({line.split()[1] for line in lines if line.startswith(verb)} for verb in ("Conf ", "Remv "))
    if victims := sorted(removed - {change.name for change in changes if change.what == "removed"}):
        raise Problem(f"apt would remove {', '.join(victims)} too; if that is right, add them to `packages_absent`")
    others = sorted({change.name for change in changes if change.what == "installed"} - configured)
    # What was missing may have come meanwhile, when apt mended what was half-done.
    if virtual := [name for name in others if dpkg_states().get(name) != "installed"]:
        raise Problem(f"apt would install another package in place of {', '.join(virtual)}; name that one")


def lists_match_sources() -> bool:
    """Whether apt's lists are those of its sources, and no check has announced other sources since."""
    sources = [APT_SOURCES_PLANNED, *APT_SOURCES.glob("sources.list*"), *APT_SOURCES.glob("sources.list.d/*")]
    fetched = modified(APT_UPDATED)
    return any(APT_LISTS.glob("*Packages*")) and all(modified(source) < fetched for source in sources)


def modified(path: Path) -> float:
    """When a file was last written; the beginning of time if it is not there."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0


def note_sources(planned: Iterable[Change]) -> None:
    """Have the calls that follow in this check not judge packages by lists of sources that a run would change."""
    if any(change.name.startswith(f"{APT_SOURCES}/sources.list") for change in planned):
        with suppress(OSError):
            APT_SOURCES_PLANNED.touch()


def apt(*words: str) -> str:
    """Run apt-get when no other apt does; complete what an interrupted dpkg left behind.

    Raises:
        Problem: It failed.
    """
    settings = ("Dpkg::Options::=--force-confdef", "Dpkg::Options::=--force-confold", "Dpkg::Use-Pty=false")
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return run("apt-get", "--yes", "--quiet", *(f"--option={setting}" for setting in settings), *words)
        except Problem as problem:
            if time.monotonic() > deadline:
                raise
            if "dpkg --configure -a" in str(problem):
                run(*CONFIGURE)
            elif "Could not get lock" not in str(problem):
                raise
            time.sleep(0.5)


# --- Groups and users

USER_OPTIONS = {
    "uid": "--uid",
    "group": "--gid",
    "groups": "--groups",
    "home": "--home",
    "shell": "--shell",
    "comment": "--comment",
}


def user_name(uid: int) -> str:
    """The name of a user; of one that is gone the number, which differs from every wanted name."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def group_name(gid: int) -> str:
    """The name of a group, or its number."""
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def exists(look_up: Callable[[str], object], name: str) -> bool:
    """Whether there is a user or a group of that name; `look_up` is pwd's or grp's."""
    try:
        look_up(name)
    except KeyError:
        return False
    return True


def check_group(call: Call, name: str) -> None:
    """See whether a group exists, or will; useradd makes one of the user's name.

    Raises:
        Problem: It does not.
    """
    if not (exists(grp.getgrnam, name) or call.plans(name, "groups", "users") or call.awaits_packages):
        raise Problem(f"there is no group {name}; add it to `groups` or correct the name")


def plan_group(_: Call, item: Item) -> Iterator[Change]:
    """A group to add or to give another number."""
    name, gid = item["name"], item["gid"]
    number = [] if gid is None else [f"--gid={gid}"]
    present = {group.gr_name: group.gr_gid for group in grp.getgrall()}
    if name not in present:
        argv = ["groupadd", *(["--system"] if item["system"] else []), *number, name]
        yield Change("groups", name, "created", "", as_text(item), lambda: run(*argv))
    elif gid not in {None, present[name]}:
        texts = as_text({"gid": present[name]}), as_text({"gid": gid})
        yield Change("groups", name, "changed", *texts, lambda: run("groupmod", *number, name))


def present_user(name: str) -> Item | None:
    """What the system knows of a user."""
    try:
        user = pwd.getpwnam(name)
    except KeyError:
        return None
    passwords = dict(line.split(":", 2)[:2] for line in SHADOW.read_text(errors="replace").splitlines())
    return {
        "uid": user.pw_uid,
        "group": group_name(user.pw_gid),
        "groups": sorted(group.gr_name for group in grp.getgrall() if name in group.gr_mem),
        "home": user.pw_dir,
        "shell": user.pw_shell,
        "comment": user.pw_gecos,
        "password": "locked" if passwords.get(name, "*").startswith(("!", "*")) else "open",
    }


def plan_user(call: Call, item: Item) -> Iterator[Change]:
    """A user to add or to change; whoever is managed here has no password."""
    name, present = item["name"], present_user(item["name"])
    wanted = {key: item[key] for key in USER_OPTIONS if item[key] is not None}
    if "groups" in wanted:
        wanted["groups"] = sorted(set(wanted["groups"]))
    for group in [*wanted.get("groups", []), wanted.get("group", name)]:
        if group != name:
            check_group(call, group)
    if present is not None:
        wanted["password"] = "locked"  # noqa: S105 - a word, no password
        after = {key: value for key, value in wanted.items() if present[key] != value}
        if after:
            texts = as_text({key: present[key] for key in after}), as_text(after)
            argv = ["usermod", *user_options(after), *(["--lock"] if "password" in after else []), name]
            yield Change("users", name, "changed", *texts, lambda: run(*argv))
        return
    if item["system"]:
        wanted = {"home": "/nonexistent", "shell": "/usr/sbin/nologin"} | wanted
    if exists(grp.getgrnam, name) or call.plans(name, "groups"):
        wanted.setdefault("group", name)
    argv = ["useradd", "--no-create-home", *(["--system"] if item["system"] else []), *user_options(wanted), name]
    yield Change("users", name, "created", "", as_text(wanted), lambda: run(*argv))


def user_options(attributes: Item) -> list[str]:
    """The options of useradd and usermod for attributes."""
    return [
        f"{USER_OPTIONS[key]}={','.join(value) if key == 'groups' else value}"
        for key, value in attributes.items()
        if key in USER_OPTIONS
    ]


# --- Paths
#
# Whoever may write to a directory could, between two looks or while a validator runs, put a link in place of what is
# below it, and so have root read or write wherever that leads. Therefore a directory is opened once per call, step by
# step, and what is in it is reached through the open one. Links on the way, such as /var/run, are followed only where
# nobody but root can have put them.


class Directories:
    """Directories that are held open."""

    def __init__(self) -> None:
        self.opened: dict[Path, tuple[int, bool]] = {}

    def place(self, path: Path) -> Path:
        """Return the same path by way of its open directory; NOWHERE if there is no such directory."""
        try:
            return Path(f"/proc/self/fd/{self.open(path.parent)[0]}", path.name)
        except (FileNotFoundError, NotADirectoryError):
            return NOWHERE

    def open(self, path: Path) -> tuple[int, bool]:
        """Return a directory's descriptor, and whether nobody but root can have put the directory there."""
        if path not in self.opened:
            self.opened[path] = self._step(path)
        return self.opened[path]

    def _step(self, path: Path) -> tuple[int, bool]:
        flags = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW
        if path == path.parent:
            return os.open(path, flags), True
        above, is_roots = self.open(path.parent)
        info = os.stat(path.name, dir_fd=above, follow_symlinks=False)
        is_roots = is_roots and only_root_puts(info, os.fstat(above))
        if not stat.S_ISLNK(info.st_mode):
            return os.open(path.name, flags, dir_fd=above), is_roots
        if not is_roots:
            raise Problem(f"{path} is a link that others than root can have put there; it is not followed")
        os.stat(path.name, dir_fd=above)  # links in a circle end here
        return self.open(path.parent / os.readlink(path.name, dir_fd=above))

    def close(self) -> None:
        """Let go of all."""
        for descriptor in {descriptor for descriptor, _ in self.opened.values()}:
            os.close(descriptor)


def only_root_puts(entry: os.stat_result, directory: os.stat_result) -> bool:
    """Whether nobody but root can have put an entry into a directory; where all may write, by the sticky bit."""
    is_kept = not directory.st_mode & 0o022 or (directory.st_mode & stat.S_ISVTX and entry.st_uid == 0)
    return directory.st_uid == 0 and bool(is_kept)


def kind_of(path: Path) -> str:
    """The kind of what is at a path, links not followed; nothing if nothing is."""
    try:
        mode = path.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return ""
    return {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "link"}.get(stat.S_IFMT(mode), "device")


def check_place(call: Call, item: Item, *, spare: Sequence[str]) -> tuple[Path, str]:
    """See whether something can be put at an item's path.

    Args:
        call: The call.
        item: A directory, a link or a file.
        spare: Kinds of things that it must not replace.

    Returns:
        Its place, NOWHERE if its directory is only planned; and the kind of what is there.

    Raises:
        Problem: Such a thing is there; or its directory, its owner or its group is not.
    """
    path = Path(item["path"])
    place = call.directories.place(path)
    if place is NOWHERE and not (call.plans(str(path.parent), "directories") or call.awaits_packages):
        raise Problem(f"there is no directory {path.parent}; add it to `directories`")
    if (kind := kind_of(place)) in spare:
        raise Problem(f"there is a {kind}; remove it (`absent`) or choose another path")
    if "owner" in item:
        owner = item["owner"]
        if not (exists(pwd.getpwnam, owner) or call.plans(owner, "users") or call.awaits_packages):
            raise Problem(f"there is no user {owner}; add it to `users` or correct the name")
        check_group(call, item["group"])
    return place, kind


def attributes(item: Item) -> Item:
    """Owner, group and mode that an item asks for."""
    return {"owner": item["owner"], "group": item["group"], "mode": f"{int(item['mode'], 8):04o}"}


@contextmanager
def opened(place: Path) -> Iterator[int]:
    """Hold a file or a directory open; not what a link points to that somebody just put there."""
    descriptor = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def read(place: Path) -> bytes:
    """The content of a file."""
    with opened(place) as descriptor, open(descriptor, "rb", closefd=False) as stream:
        return stream.read()


def set_attributes(descriptor: int, item: Item) -> None:
    """Set owner, group and mode of an open file."""
    os.fchown(descriptor, pwd.getpwnam(item["owner"]).pw_uid, grp.getgrnam(item["group"]).gr_gid)
    os.fchmod(descriptor, int(item["mode"], 8))


def mend(place: Path, item: Item) -> None:
    """Set owner, group and mode."""
    with opened(place) as descriptor:
        set_attributes(descriptor, item)


def plan_attributes(kind: str, item: Item, place: Path) -> Iterator[Change]:
    """The change of a path's owner, group or mode, if one is needed."""
    info, wanted = place.lstat(), attributes(item)
    present = {
        "owner": user_name(info.st_uid),
        "group": group_name(info.st_gid),
        "mode": f"{stat.S_IMODE(info.st_mode):04o}",
    }
    after = {key: value for key, value in wanted.items() if present[key] != value}
    if after:
        texts = as_text({key: present[key] for key in after}), as_text(after)
        yield Change(kind, item["path"], f"{', '.join(after)} changed", *texts, lambda: mend(place, item))


def plan_directory(call: Call, item: Item) -> Iterator[Change]:
    """A directory to make or to correct."""
    place, kind = check_place(call, item, spare=("file", "link", "device"))
    if kind:
        yield from plan_attributes("directories", item, place)
        return

    texts = "", as_text(attributes(item))
    yield Change("directories", item["path"], "created", *texts, lambda: make_directory(call, item))


def make_directory(call: Call, item: Item) -> None:
    """Make a directory that nobody else gets into before it has its attributes."""
    place = call.directories.place(Path(item["path"]))
    place.mkdir(mode=0o700)
    mend(place, item)


def plan_surplus(call: Call, item: Item) -> Iterator[Change]:
    """What an exclusive directory holds and the call neither speaks of nor puts something into."""
    path = Path(item["path"])
    if not item["exclusive"] or kind_of(call.directories.place(path)) != "directory":
        return
    declared = [Path(one["path"]) for option in CONCERNING for one in call.want[option]]
    kept = {*declared, *(parent for one in declared for parent in one.parents)}
    for found in sorted(call.directories.place(path / "any").parent.iterdir()):
        if path / found.name not in kept:
            yield from plan_absent(call, {"path": path / found.name, "recursive": True})


def plan_link(call: Call, item: Item) -> Iterator[Change]:
    """A symbolic link to make or to turn elsewhere; it takes its place at once, whatever file or link was there."""
    (place, kind), target = check_place(call, item, spare=("directory", "device")), item["target"]
    present = str(place.readlink()) if kind == "link" else "(a file)" if kind else ""
    if kind == "link" and present == target:
        return

    what, before = ("changed", f"{present}\n") if kind else ("created", "")
    yield Change(
        "links", item["path"], what, before, f"{target}\n", lambda: put(call, item, lambda new: new.symlink_to(target))
    )


def plan_file(call: Call, item: Item) -> Iterator[Change]:
    """A file to write or to correct, once its new content was found valid.

    A link at its path is replaced by the file, and what it points to is left alone.
    """
    place, kind = check_place(call, item, spare=("directory", "device"))
    content = binascii.a2b_base64(item["content"])
    correct = list(plan_attributes("files", item, place)) if kind == "file" else []
    present = read(place) if kind == "file" else None
    if present != content:
        validate(call, item, content, place)
        before = "" if present is None else printable(present, item, "old")
        before = f"(a link to {place.readlink()})\n" if kind == "link" else before
        texts = before, printable(content, item, "new")
        what = "changed" if kind else "created"
        yield Change(
            "files", item["path"], what, *texts, lambda: put(call, item, lambda new: write(new, item, content))
        )
        for change in correct:  # the new file is born with its attributes; that they change is told all the same
            change.apply = None
    yield from correct


def printable(content: bytes, item: Item, age: str) -> str:
    """Content as a difference may show it."""
    if item["no_log"]:
        return f"(the {age} content is hidden)\n"
    with suppress(UnicodeDecodeError):
        if len(content) <= DIFF_BYTES and b"\0" not in content:
            return content.decode()
    return f"(the {age} content has {len(content)} bytes)\n"


def beside(path: Path) -> Path:
    """Where something waits to take its place. Always the same: what a killed run leaves is replaced by the next."""
    return path.with_name(f".{path.name.encode()[:200].decode(errors='ignore')}.aurore")


@contextmanager
def free(path: Path) -> Iterator[None]:
    """Have nothing at a path, neither before nor afterwards."""
    path.unlink(missing_ok=True)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def put(call: Call, item: Item, make: Callable[[Path], object]) -> None:
    """Make something beside an item's path, and put it in its place at once."""
    place = call.directories.place(Path(item["path"]))
    partial = beside(place)
    with free(partial):
        make(partial)
        partial.replace(place)
        sync(place.parent)


def write(place: Path, item: Item, content: bytes) -> None:
    """Write content where nobody else can have put something, with its attributes, safe on the disk."""
    descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with open(descriptor, "wb") as stream:  # noqa: PTH123 - it is open
        stream.write(content)
        stream.flush()
        set_attributes(descriptor, item)
        os.fsync(descriptor)


def sync(directory: Path) -> None:
    """Make renames in a directory survive a power cut."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(descriptor)
    os.close(descriptor)


def validate(call: Call, item: Item, content: bytes, place: Path) -> None:
    """Have the daemon judge its new configuration.

    Raises:
        Problem: It refused, or could not be asked.
    """
    if not (argv := item["validate"]):
        return
    if not is_program(argv[0]):
        if call.awaits_packages:
            return
        raise Problem(f"{argv[0]}, which judges the new content, is not on this host; install its package")
    # Beside the file in check mode too: elsewhere, what it includes by a relative path would not be found. By its name,
    # for a validator knows no open directory; who can change where that leads can write the configuration anyway.
    name, partial = beside(Path(item["path"])), beside(place)
    if place is NOWHERE:
        name = partial = LOCK.with_name(name.name)
    try:
        with free(partial):
            with suppress(KeyError):  # an owner that is only planned
                write(partial, item, content)
            run(*(word.replace("%s", str(name)) for word in argv), seconds=VALIDATION_SECONDS)
    except OSError as error:
        raise Problem(
            f"{argv[0]} cannot judge the new content, which cannot be put at {name}: {error.strerror}"
        ) from error
    except Problem as problem:
        # What a daemon says about a secret file may quote it.
        said = "what it said is hidden, because of no_log" if item["no_log"] else problem
        raise Problem(f"{argv[0]} refuses the new content, so nothing was replaced: {said}") from problem


def is_program(name: str) -> bool:
    """Whether a program is installed."""
    return any(os.access(Path(directory, name), os.X_OK) for directory in PROGRAMS.split(":"))


def is_vital(path: Path) -> bool:
    """Whether a path is so much part of every host that removing it can only be a mistake."""
    return len(path.parts) < 3 or str(path) in VITAL


def plan_absent(call: Call, item: Item) -> Iterator[Change]:
    """A path to remove."""
    path = Path(item["path"])
    place = call.directories.place(path)
    if not (kind := kind_of(place)):
        return
    real = place.parent.readlink() / place.name
    if is_vital(real):
        raise Problem(f"{real} is part of the system and is not removed")
    if kind != "directory":
        yield Change("absent", str(path), "removed", f"{path}\n", "", place.unlink)
        return
    if not item["recursive"]:
        raise Problem(f"this is a directory; write {{path: {path}, recursive: true}} to remove all of it")
    for line in MOUNTS.read_text(errors="replace").splitlines():
        mount = Path(line.split()[4].replace("\\040", " "))
        if real in {mount, *mount.parents}:
            raise Problem(f"{mount} is mounted there, so it is not removed; unmount it first")

    def remove() -> None:
        import shutil  # here, for it is slow to import and seldom needed

        shutil.rmtree(place)

    yield Change("absent", str(path), "removed", f"{path}/ and all below it\n", "", remove)


# --- Kernel settings


def plan_sysctl(call: Call, item: Item) -> Iterator[Change]:
    """A setting of the running kernel to change; the file that keeps it is an item of `files`."""
    name, value = item["name"], item["value"]
    # The first separator decides what the other one means: a dot may be part of an interface's name (sysctl.d(5)).
    first = next((character for character in name if character in "./"), ".")
    path = SYSCTLS / (name.translate(str.maketrans("./", "/.")) if first == "." else name)
    if not path.is_file() and not call.awaits_packages:
        raise Problem("this kernel has no such setting; correct the name or load its module first")
    present = " ".join(path.read_text().split()) if path.is_file() else "absent"
    if present != " ".join(value.split()):
        yield Change("sysctls", name, "set", f"{present}\n", f"{value}\n", lambda: path.write_text(value))


# --- Units

RUNNING = {"active", "activating", "reloading", "refreshing"}
# In an order in which each can succeed.
VERBS = ("daemon-reload", "unmask", "enable", "disable", "stop", "mask", "start", "restart", "reload")
PROPERTIES = (
    "Type,RemainAfterExit,LoadState,UnitFileState,NeedDaemonReload,ActiveState,SubState,Result,"
    "ConditionResult,ConditionTimestampMonotonic,ExecMainExitTimestampMonotonic"
)


def unit_states(names: Iterable[str]) -> dict[str, Item]:
    """What systemd knows of units, by the name asked for."""
    names = list(dict.fromkeys(names))
    if not names:
        return {}
    with naming("units", ", ".join(names)):
        answer = run("systemctl", "show", f"--property={PROPERTIES}", "--", *names)
    blocks = [dict(line.split("=", 1) for line in block.splitlines()) for block in answer.strip().split("\n\n")]
    return dict(zip(names, blocks, strict=True))


def settled_states(names: Iterable[str]) -> dict[str, Item]:
    """What systemd knows of units that were just started; later, if it takes them for started as soon as they exist."""
    states = unit_states(names)
    if any(state.get("Type") in {"simple", "exec", "idle"} for state in states.values()):
        time.sleep(SETTLING_SECONDS)
        states = unit_states(names)
    return states


def is_waiting(state: Item) -> bool:
    """Whether a unit ended, and systemd will try again by itself."""
    return bool(state["SubState"].startswith("auto-restart"))


def has_failed(state: Item) -> bool:
    """Whether a unit was meant to run and does not."""
    return state["ActiveState"] == "failed" or is_waiting(state)


def is_job(state: Item) -> bool:
    """Whether a unit does its work and ends: it is inactive once it succeeded."""
    return state.get("Type") == "oneshot" and state["RemainAfterExit"] == "no"


def has_run(state: Item) -> bool:
    """Whether a unit is a job that succeeded since the host booted.

    systemd forgets a unit that is inactive and that nothing refers to: a job that is neither enabled nor in the
    dependencies of a loaded unit looks, as soon as it ended, as if it had never run.
    """
    return is_job(state) and state["Result"] == "success" and state["ExecMainExitTimestampMonotonic"] != "0"


def check_unit(call: Call, name: str) -> None:
    """See whether systemd knows a unit, or will.

    Raises:
        Problem: It does not.
    """
    is_known = call.states[name]["LoadState"] != "not-found"
    if not is_known and not any(planned_files(call, name)) and not call.awaits_packages:
        raise Problem("systemd knows no such unit; install its package or correct the name")


def planned_files(call: Call, name: str) -> Iterator[Change]:
    """The changes that bring a unit, perhaps as a template, or change it."""
    files = (f"/{name}", f"/{name.split('@')[0]}@.{name.rsplit('.')[-1]}")
    return (change for change in call.planned if change.name.endswith(files))


def is_static(call: Call, name: str) -> bool:
    """Whether a unit cannot be enabled, and need not be: others pull it in. Its new file may say otherwise."""
    written = (change.item["content"] for change in planned_files(call, name) if change.kind == "files")
    return call.states[name]["UnitFileState"] == "static" and not any(
        b"[Install]" in binascii.a2b_base64(content).splitlines() for content in written
    )


def plan_unit(call: Call, item: Item) -> Iterator[Change]:
    """What a unit lacks.

    Raises:
        Problem: There is no such unit.
    """
    name, state = item["name"], call.states[item["name"]]
    file, active = state["UnitFileState"], state["ActiveState"]
    masked = file in {"masked", "masked-runtime"}
    if not item["masked"]:
        check_unit(call, name)
    if item["masked"] is False and masked:
        yield Change("units", name, "unmask", "masked\n", "not masked\n")
    if item["enabled"] and file not in {"enabled", "alias", "generated", "indirect"} and not is_static(call, name):
        yield Change("units", name, "enable", "disabled\n", "enabled\n")
    if item["enabled"] is False and file in {"enabled", "enabled-runtime"}:
        yield Change("units", name, "disable", "enabled\n", "disabled\n")
    if item["state"] == "stopped" and active in RUNNING:
        yield Change("units", name, "stop", f"{active}\n", "inactive\n")
    if item["masked"] and not masked:
        yield Change("units", name, "mask", "not masked\n", "masked\n")
    if item["state"] == "started" and active not in RUNNING and not has_run(state):
        yield Change("units", name, "start", f"{active}\n", "active\n")


def plan_notice(call: Call, item: Item) -> Iterator[Change]:
    """A unit to restart or to reload because of files; one that runs, has run, or failed, perhaps for want of them."""
    name, state = item["name"], call.states[item["name"]]
    check_unit(call, name)
    if state["ActiveState"] in RUNNING or has_failed(state) or has_run(state):
        yield Change("units", name, item["verb"])


def plan_units(call: Call) -> list[str]:
    """All that is to be done to units: what they lack, then what files ask for. Return what is in the way."""
    want = call.want["units"]
    call.due = concerned([*owed(call.want), *(change.item for change in call.planned)])
    call.states = unit_states([*(item["name"] for item in want), *call.due])
    paths = [Path(change.name) for change in call.planned if change.kind in {"links", "files", "absent"}]
    is_reread = any(directory in path.parents for path in paths for directory in UNIT_FILES)
    reload = is_reread or any(state["NeedDaemonReload"] == "yes" for state in call.states.values())
    problems = call.plan("units", plan_unit, want)
    settled = {item["name"] for item in want if item["state"] == "stopped" or item["masked"]}
    settled |= {change.name for change in call.planned if change.what == "start"}
    notices = [{"name": unit, "verb": verb} for unit, verb in call.due.items() if unit not in settled]
    problems += call.plan("units", plan_notice, notices)
    if reload:
        call.planned.append(Change("units", "systemd", "daemon-reload"))
    call.planned.sort(key=lambda change: VERBS.index(change.what) if change.kind == "units" else -1)
    for change in call.planned:
        if change.kind == "units":
            change.apply = lambda change=change: systemctl(call, change.what, change.name)
    return problems


def systemctl(call: Call, verb: str, unit: str) -> None:
    """Have systemd do something to a unit, or to itself.

    Raises:
        Problem: It failed; with what the unit last wrote.
    """
    if verb == "daemon-reload":
        run("systemctl", verb)
        return
    try:
        run("systemctl", "--quiet", "reload-or-restart" if verb == "reload" else verb, "--", unit)
    except Problem as problem:
        if not (unit in call.may_wait and is_waiting(unit_states([unit])[unit])):
            raise Problem(f"{problem}\n{journal(call, unit)}") from problem


def check_running(call: Call, unit: str, state: Item) -> None:
    """See whether a unit that was started runs: a condition that does not hold, for one, is no failure to systemd.

    Raises:
        Problem: It does not.
    """
    # Both are as if it had never been started where systemd has forgotten the unit.
    is_skipped = state["ConditionResult"] == "no" and state["ConditionTimestampMonotonic"] != "0"
    is_done = is_job(state) and state["ActiveState"] == "inactive" and not is_skipped
    is_up = state["ActiveState"] in RUNNING and (unit in call.may_wait or not is_waiting(state))
    if not is_done and not is_up:
        why = "its conditions do not hold on this host" if is_skipped else "it ended at once"
        raise Problem(f"not running after its start: {why}\n{journal(call, unit)}")


def journal(call: Call, unit: str) -> str:
    """A unit's last lines, unless they may quote a secret file."""
    if unit in call.secret:
        return f"(its journal is hidden, because of no_log; on the host: journalctl --unit={unit})"
    try:
        return run("journalctl", "--quiet", "--no-pager", "--output=cat", f"--lines={JOURNAL_LINES}", f"--unit={unit}")
    except Problem as problem:
        return str(problem)


# --- Restarts that files ask for
#
# A note per unit is made before the first file is replaced and removed after the unit has noticed. So a run that is
# interrupted in between leaves the note, and the next one catches up although it finds the files as they must be.


def concerned(items: Iterable[Item]) -> dict[str, str]:
    """The units that items concern, and the verb for each; a restart outweighs a reload."""
    items = list(items)
    return {unit: verb for verb in ("reload", "restart") for item in items for unit in item.get(f"{verb}s", ())}


def owe(units: dict[str, str]) -> None:
    """Note which units must notice what is about to change."""
    for unit, verb in units.items():
        with naming("units", unit):
            PENDING.mkdir(parents=True, exist_ok=True)
            with (PENDING / unit).open("w") as stream:
                stream.write(verb)
                stream.flush()
                os.fsync(stream.fileno())
            sync(PENDING)


def owed(want: Item) -> Iterator[Item]:
    """What the units of this call have not noticed yet, like items that concern them."""
    for unit in concerned(item for option in CONCERNING for item in want[option]):
        with naming("units", unit), suppress(FileNotFoundError):
            # A note that a power cut left empty means a restart.
            verb = "reload" if (PENDING / unit).read_bytes() == b"reload" else "restart"
            yield {f"{verb}s": [unit]}


# --- The call


@contextmanager
def locked(*, check: bool) -> Iterator[None]:
    """Let one run at a time work on this host.

    Raises:
        Problem: Another one took too long.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    try:
        stream = LOCK.open("w")
    except OSError as error:
        if not check:
            raise Problem(f"{LOCK}: {error.strerror}") from error
        yield  # a host that cannot be written to can be looked at all the same
        return
    with stream:
        while True:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise Problem(f"another run has worked on this host for {PATIENCE_SECONDS} s; end it") from None
                time.sleep(0.2)
        yield


def plan(call: Call) -> None:
    """Plan all but packages.

    Raises:
        Problem: Items cannot be brought to their state. All of them are told.
    """
    problems = []
    for option, planner in PLANNERS:
        problems += call.plan(option, planner, call.want[option])
    problems += plan_units(call)
    if problems:
        raise Problem("\n".join(problems))


def apply(call: Call) -> None:
    """Apply what was planned.

    Raises:
        Problem: A change failed; those before it were applied, and of units those after it too.
    """
    owe(call.due)
    failed: dict[str, str] = {}
    for change in call.planned:
        try:
            with naming(change.kind, change.name):
                if change.apply is not None:
                    change.apply()
            call.done.append(change)
        except Problem as problem:
            if change.kind != "units":
                raise
            failed[change.name] = str(problem)
    started = [change.name for change in call.done if change.what in {"start", "restart", "reload"}]
    for unit, state in settled_states(started).items():
        try:
            with naming("units", unit):
                check_running(call, unit, state)
        except Problem as problem:
            failed.setdefault(unit, str(problem))
    for unit in call.due.keys() - failed.keys():
        (PENDING / unit).unlink(missing_ok=True)
    if failed:
        raise Problem("\n".join(failed.values()))


CONCERNING = ("directories", "links", "files", "absent")
# In the order in which things rely on each other; exclusive directories once more, for what they hold beyond it.
PLANNERS: tuple[tuple[str, Callable[[Call, Item], Iterator[Change]]], ...] = (
    ("groups", plan_group),
    ("users", plan_user),
    ("directories", plan_directory),
    ("links", plan_link),
    ("files", plan_file),
    ("absent", plan_absent),
    ("directories", plan_surplus),
    ("sysctls", plan_sysctl),
)


def answer(want: Item) -> Item:
    """Serve one request: the options of the call, whether it is a check, and whether differences are wanted."""
    call, problem = Call(want), {}
    os.umask(0o022)
    try:
        if os.geteuid() != 0:
            raise Problem("the connection's user is not root on this host; connect as root")  # noqa: TRY301
        with locked(check=want["check"]):
            do_packages(call)
            plan(call)
            if want["check"]:
                note_sources(call.planned)
            else:
                apply(call)
    except Problem as error:
        problem = {"problem": str(error)}
    except Exception as error:  # Python's own report of it would show the request, with its secrets
        lines = []
        trace = error.__traceback__
        while trace is not None:
            lines.append(trace.tb_lineno)
            trace = trace.tb_next
        problem = {"problem": f"a mistake in the agent, please report it: {type(error).__name__} in line {lines[-1]}"}
    finally:
        call.directories.close()
    keys = ("kind", "name", "what", "before", "after") if want["diff"] else ("kind", "name", "what")
    # A call with a problem changes nothing but packages.
    changes = [*call.done, *(call.planned if want["check"] and not problem else ())]
    # A name that is not UTF-8 could not be shown.
    shown = [{key: getattr(change, key).encode(errors="replace").decode() for key in keys} for change in changes]
    return problem | {"changes": shown}


def main(request: str) -> None:
    """Answer a request in JSON, on the last line of standard output."""
    sys.stdout.write(f"\n{json.dumps(answer(json.loads(request)))}\n")
