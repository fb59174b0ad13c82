"""Files on their way into a root file system."""

import io
import tarfile
import time
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class File:
    """A file of root's."""

    content: str
    mode: int = 0o644


@dataclass(frozen=True)
class Link:
    """A symbolic link."""

    target: str


def archive(entries: Mapping[str, File | Link]) -> bytes:
    """Pack files by their absolute paths.

    Directories are not packed: those of the root file system keep their modes.
    """
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for path, entry in entries.items():
            member = tarfile.TarInfo(path.lstrip("/"))
            member.mtime = int(time.time())
            if isinstance(entry, Link):
                member.type = tarfile.SYMTYPE
                member.linkname = entry.target
                tar.addfile(member)
            else:
                content = entry.content.encode()
                member.size = len(content)
                member.mode = entry.mode
                tar.addfile(member, io.BytesIO(content))
    return stream.getvalue()
