"""Runs on the host: reads what proves its identity, makes missing private keys, installs certificates.

Its source is sent over the connection to `/usr/bin/python3 -I -`, followed by a call of `main`. So it is one file, uses
nothing but the standard library of the oldest Python among the hosts, and never sends a private key back. It decides
nothing: `plan` does, on the controller.
"""

from __future__ import annotations

import fcntl
import grp
import json
import os
import pwd
import shutil
import stat
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from collections.abc import Iterator


class Attributes(TypedDict):
    """Who may do what with a path."""

    owner: str
    group: str
    mode: str


class Entry(Attributes):
    """What is at a path. `text` is a public file's content, `public` a private key's other half."""

    kind: str
    text: str
    public: str


class Units(TypedDict):
    """Units that must notice that files changed."""

    reload: list[str]
    restart: list[str]


class Key(Attributes):
    """A private key: `type` and `comment` as ssh-keygen has them, `units` that read it."""

    path: str
    type: str
    format: str
    comment: str
    units: Units


class File(Attributes):
    """A public file to write; a text of None means that only its attributes are to be set."""

    path: str
    text: str | None


class Directory(Attributes):
    """A directory that must be there."""

    path: str


class Inspection(TypedDict):
    """The first request. Keys that are missing are made only if `create` says so."""

    directories: list[Directory]
    keys: list[Key]
    files: list[str]
    journal: str
    create: bool


class Inspected(TypedDict):
    """The answer to it: what is at each path, what was just made, the units that an earlier run owes."""

    entries: dict[str, Entry | None]
    created: list[str]
    pending: Units


class Installation(TypedDict):
    """The second request."""

    directories: list[Directory]
    files: list[File]
    units: Units
    journal: str


class HostError(Exception):
    """Something on the host that a person must look at. The message says what."""


def _run(*command: str, stdin: bytes = b"") -> str:
    """Return a program's standard output."""
    try:
        done = subprocess.run(command, input=stdin, capture_output=True, check=False)  # noqa: S603 (argv, no shell)
    except FileNotFoundError:
        raise HostError(f"{command[0]} is not installed") from None
    if done.returncode:
        complaint = " ".join(done.stderr.decode(errors="replace").split()) or f"exit status {done.returncode}"
        raise HostError(f"`{' '.join(command)}` failed: {complaint}")
    return done.stdout.decode()


# --- Reading


def attributes(status: os.stat_result) -> Attributes:
    """Return who may do what, in names; in a number where there is no name."""
    try:
        owner = pwd.getpwuid(status.st_uid).pw_name
    except KeyError:
        owner = str(status.st_uid)
    try:
        group = grp.getgrgid(status.st_gid).gr_name
    except KeyError:
        group = str(status.st_gid)
    return {"owner": owner, "group": group, "mode": f"{stat.S_IMODE(status.st_mode):04o}"}


def entry(path: Path, *, is_key: bool = False) -> Entry | None:
    """Return what is at `path`, or None. Of a private key, only the public half is read out."""
    try:
        status = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    found = Entry(**attributes(status), kind="other", text="", public="")
    if stat.S_ISDIR(status.st_mode):
        found["kind"] = "directory"
    elif stat.S_ISREG(status.st_mode):
        found["kind"] = "file"
        content = path.read_bytes()
        if is_key:
            # Through a pipe, because ssh-keygen refuses to open a key that a group may read.
            try:
                found["public"] = _run("ssh-keygen", "-y", "-P", "", "-f", "/dev/stdin", stdin=content).strip()
            except HostError as problem:
                raise HostError(
                    f"the private key {path} cannot be read ({problem}): move it away to have a new one made"
                ) from None
        else:
            found["text"] = content.decode(errors="replace")
    return found


def pending(journal: Path) -> Units:
    """Return the units that an interrupted run left behind."""
    try:
        units: Units = json.loads(journal.read_text())
    except FileNotFoundError:
        units = {"reload": [], "restart": []}
    except ValueError:
        raise HostError(f"{journal} is not JSON: restart ssh and what uses TLS here, then remove it") from None
    return units


# --- Writing. Always under the lock, so that temporary files can have fixed names: what a killed run left is replaced.


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Let two runs at once take turns, so that both speak of the same keys."""
    directory.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _aside(path: Path) -> Path:
    return path.with_name(f".{path.name}.new")


def _set_attributes(path: Path, wanted: Attributes) -> None:
    try:
        shutil.chown(path, wanted["owner"], wanted["group"])
    except LookupError as problem:
        raise HostError(f"{path}: {problem}") from None
    # Last, because changing the owner may drop mode bits.
    path.chmod(int(wanted["mode"], 8))


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _put(temporary: Path, path: Path, wanted: Attributes) -> None:
    """Rename: whoever reads `path` sees the old file or the new one, also after a power cut."""
    _set_attributes(temporary, wanted)
    _sync(temporary)
    temporary.rename(path)
    _sync(path.parent)


def write(path: Path, text: str, wanted: Attributes) -> None:
    """Replace a file in one go."""
    temporary = _aside(path)
    temporary.unlink(missing_ok=True)
    temporary.write_text(text)
    _put(temporary, path, wanted)


def make_directory(wanted: Directory) -> None:
    """Make a directory and its parents, and set the attributes also of one that is there."""
    path = Path(wanted["path"])
    path.mkdir(parents=True, exist_ok=True)
    _set_attributes(path, wanted)


def make_key(key: Key) -> None:
    """Make a private key. It is there whole, or not at all."""
    path = Path(key["path"])
    temporary = _aside(path)
    public = temporary.with_name(f"{temporary.name}.pub")
    temporary.unlink(missing_ok=True)
    options = ["-q", "-t", key["type"], "-m", key["format"], "-C", key["comment"], "-N", "", "-f", str(temporary)]
    _run("ssh-keygen", *options)
    public.unlink()
    _put(temporary, path, key)


def _owe(journal: Path, units: Units) -> Units:
    """Write down, before anything changes, which units will have to notice. Return all that are owed."""
    earlier = pending(journal)
    owed: Units = {
        "reload": sorted({*earlier["reload"], *units["reload"]}),
        "restart": sorted({*earlier["restart"], *units["restart"]}),
    }
    if owed != earlier:
        write(journal, json.dumps(owed), {**attributes(journal.parent.stat()), "mode": "0644"})
    return owed


def notify(units: Units) -> dict[str, str]:
    """Make units notice; those that do not run will when they start. Return what was done to each."""
    # A restart is a reload too.
    verbs = dict.fromkeys(units["reload"], "reload") | dict.fromkeys(units["restart"], "restart")
    done = {}
    for unit, verb in sorted(verbs.items()):
        state = _run("systemctl", "show", "--property=ActiveState", "--value", unit).strip()
        if state in {"active", "activating", "reloading"}:
            _run("systemctl", verb, unit)
            done[unit] = f"{verb}ed"
        else:
            done[unit] = f"left {state}"
    return done


# --- The two requests


def inspect(request: Inspection) -> Inspected:
    """Read the host's state; first make what only the host may make, its private keys."""
    journal = Path(request["journal"])
    # Before this run adds its own.
    owed = pending(journal)
    created: list[str] = []
    if request["create"] and not all(os.path.lexists(key["path"]) for key in request["keys"]):
        with _locked(journal.parent):
            for directory in request["directories"]:
                if not os.path.lexists(directory["path"]):
                    make_directory(directory)
                    created.append(directory["path"])
            # Asked again: another run may just have made them.
            for key in request["keys"]:
                if not os.path.lexists(key["path"]):
                    _owe(journal, key["units"])
                    make_key(key)
                    created.append(key["path"])
    entries = {key["path"]: entry(Path(key["path"]), is_key=True) for key in request["keys"]}
    for name in [directory["path"] for directory in request["directories"]] + request["files"]:
        entries[name] = entry(Path(name))
    return {"entries": entries, "created": created, "pending": owed}


def install(request: Installation) -> dict[str, str]:
    """Write what the controller signed, then make the units notice. Return what was done to each unit."""
    journal = Path(request["journal"])
    with _locked(journal.parent):
        owed = _owe(journal, request["units"])
        for directory in request["directories"]:
            make_directory(directory)
        for file in request["files"]:
            if file["text"] is None:
                _set_attributes(Path(file["path"]), file)
            else:
                write(Path(file["path"]), file["text"], file)
        done = notify(owed)
        journal.unlink(missing_ok=True)
    return done


def main(text: str) -> None:
    """Answer one request, both in JSON, on the last line of standard output."""
    asked = json.loads(text)
    # Whatever the login's is: parents of directories are everybody's to enter.
    os.umask(0o022)
    answer: Inspected | dict[str, str]
    try:
        answer = inspect(asked["request"]) if asked["operation"] == "inspect" else install(asked["request"])
    except (HostError, OSError) as problem:
        sys.stdout.write(json.dumps({"problem": str(problem)}) + "\n")
    else:
        sys.stdout.write(json.dumps({"answer": answer}) + "\n")
