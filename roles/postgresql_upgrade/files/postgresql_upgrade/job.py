"""What is to be upgraded, and where things are on this member."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from restore_drill.programs import run
from restore_drill.server import Server
from restore_drill.settings import RestoreError

if TYPE_CHECKING:
    from restore_drill.settings import Settings


@dataclass(frozen=True)
class Job:
    """One upgrade, as one member sees it."""

    settings: Settings
    to: int
    """The new major version."""
    members: int
    """How many members the cluster has."""
    backup_hours: int
    """How old the last backup may be."""
    processes: int
    """How many pg_upgrade may have."""
    lock: Path = Path("/run/lock/postgresql-upgrade")
    """Who has it is the only one who changes something here."""

    @property
    def base(self) -> Path:
        """Where the data of all versions is."""
        return self.settings.data.parent.parent

    @property
    def work(self) -> Path:
        """What an upgrade notes, and what it has for a while."""
        return self.base / "upgrade"

    @property
    def server(self) -> Server:
        """The server that runs here, whichever version it has."""
        return Server(run, self.settings.programs, f"host={self.settings.socket} user=postgres")

    def data(self, version: int) -> Path:
        """The data of a version."""
        return self.base / str(version) / "main"

    def unfinished(self, version: int) -> Path:
        """Where its data is made; it gets its name once it is complete."""
        return self.base / str(version) / "main.unfinished"

    def program(self, version: int, name: str) -> str:
        """A program of a version."""
        return str(self.settings.programs.parent.parent / str(version) / "bin" / name)

    def versions(self) -> list[int]:
        """The versions of which there is data, complete: of a copy that is being made, this file comes last."""
        return sorted(int(one.parents[2].name) for one in self.base.glob("[0-9]*/main/global/pg_control"))


def read(text: str, settings: Settings) -> Job:
    """Read what Ansible says.

    Raises:
        RestoreError: Something is missing, or not what it should be.
    """
    try:
        found: dict[str, Any] = json.loads(text)
        return Job(
            settings=settings,
            to=int(found["to"]),
            members=int(found["members"]),
            backup_hours=int(found["backup_hours"]),
            processes=int(found["processes"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise RestoreError(f"The job is not as Ansible writes it: {error!r}.") from None
