"""What is in the repository."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .settings import RestoreError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from .programs import Run
    from .settings import Settings

MIB = 1024 * 1024
_CHOSEN = re.compile(r"restore backup set (\S+?),?(?:\s|$)", re.MULTILINE)


@dataclass(frozen=True)
class Backup:
    """A backup."""

    label: str
    ended: int
    """When it ended, in seconds since 1970."""
    size: int
    """The bytes of what it restores."""


def pgbackrest(
    run: Run, settings: Settings, command: str, options: Sequence[str], environment: Mapping[str, str] | None = None
) -> str:
    """Run a command of pgBackRest's for the cluster."""
    argv = ["/usr/bin/pgbackrest", f"--stanza={settings.stanza}", "--log-level-console=info", *options, command]
    return run(argv, environment=environment)


def backups(run: Run, settings: Settings) -> list[Backup]:
    """The cluster's backups from which the version that runs now can start, the oldest first.

    Raises:
        RestoreError: the repository does not answer, or has none.
    """
    stanzas = _info(run, settings)
    found = [
        Backup(one["label"], int(one["timestamp"]["stop"]), int(one["info"]["size"]))
        for stanza in stanzas
        for one in stanza.get("backup", [])
        if one["database"]["id"] == _newest(stanza)
    ]
    if not found:
        told = "; ".join(str(stanza["status"]["message"]) for stanza in stanzas)
        raise RestoreError(f"The repository has no backup of {settings.stanza}: {told}.")
    return sorted(found, key=lambda one: one.ended)


def newest_timeline(run: Run, settings: Settings) -> str:
    """The number of the newest history in the archive, of the version that runs now: each version counts from one.

    Raises:
        RestoreError: the archive has nothing of it.
    """
    for stanza in _info(run, settings):
        now, archives = _newest(stanza), stanza.get("archive", [])
        ends = [one["max"] for one in archives if one["database"]["id"] == now and one["max"]]
        if ends:
            return str(max(int(segment[:8], 16) for segment in ends))
    raise RestoreError(f"The archive of {settings.stanza} has nothing of the version that runs now.")


def _newest(stanza: Mapping[str, Any]) -> int | None:
    """The number of the version that runs now, as pgBackRest counts them: a major upgrade adds one."""
    return max((one["id"] for one in stanza["db"]), default=None)


def _info(run: Run, settings: Settings) -> list[dict[str, Any]]:
    argv = ["/usr/bin/pgbackrest", f"--stanza={settings.stanza}", "--output=json", "info"]
    stanzas: list[dict[str, Any]] = json.loads(run(argv))
    return stanzas


def chosen(said: str) -> str:
    """Which backup a restore has taken, by what pgBackRest said."""
    match = _CHOSEN.search(said)
    if not match:
        raise RestoreError("pgBackRest did not say which backup it restored.")
    return match[1]


def see_room(directory: Path, backup: Backup, reserve: int) -> None:
    """See that a restored copy fits on a disk.

    Raises:
        RestoreError: it does not.
    """
    free = shutil.disk_usage(directory).free
    needed = backup.size + reserve * MIB
    if free < needed:
        raise RestoreError(
            f"No room for a copy in {directory}: {free // MIB} MiB are free, {backup.size // MIB} MiB are needed and "
            f"{reserve} MiB stay free."
        )
