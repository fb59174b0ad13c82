"""Replaces files in one go: whoever looks, and whatever happens, finds the old content or the new one."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def read(path: Path) -> str:
    """A file's text, line ends as they are; empty where there is no file."""
    return path.read_bytes().decode() if path.exists() else ""


def replace(path: Path, text: str) -> None:
    """Gives a file another content, on the disk once this returns. Owner and mode stay."""
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    # Always the same name: what an interrupted run left is used up by the next one.
    new = path.with_name(f".{path.name}.new")
    old = path.stat() if path.exists() else None
    with new.open("wb") as file:
        if old is not None:
            os.fchown(file.fileno(), old.st_uid, old.st_gid)
            os.fchmod(file.fileno(), old.st_mode & 0o7777)
        file.write(text.encode())
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
