"""What is to be adopted, and where to."""

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

LONGEST_NAME = 63
"""Bytes of a database's name."""


@dataclass(frozen=True)
class Job:
    """One adoption."""

    database: str
    """The database here, which is declared."""
    source: str
    """Its name on the old server."""
    origin: str
    """What people call the old server."""
    programs: Path
    """Where PostgreSQL's programs are, of the version here."""
    socket: Path
    """The directory of the socket here."""
    there: Path
    """That of the old server's, as it appears here."""
    port: int
    """The old server's, in the name of its socket."""
    replace: bool
    """Whether what the database here holds may go."""
    one_owner: bool
    """Whether all may belong to the owner here, whomever it belongs to there."""

    @property
    def new(self) -> Server:
        """The server here."""
        return Server(run, self.programs, f"host={self.socket} user=postgres")

    @property
    def old(self) -> Server:
        """The old server."""
        return Server(run, self.programs, f"host={self.there} port={self.port} user=postgres")

    @property
    def copy(self) -> str:
        """The database into which is copied, before it takes the other's place."""
        return f"adoption_of_{self.database}"

    @property
    def mark(self) -> str:
        """How the comment on the database here begins once it is adopted."""
        return f"adopted from {self.source} on {self.origin}, "

    @property
    def replaced(self) -> str:
        """What the database here is called once another has taken its place, until it is gone."""
        return f"adoption_replaced_{self.database}"


def read(text: str, settings: Settings) -> Job:
    """Read what Ansible says; where PostgreSQL is here, this member knows.

    Raises:
        RestoreError: Something is missing, or not what it should be.
    """
    try:
        found: dict[str, Any] = json.loads(text)
        job = Job(
            database=found["database"],
            source=found["source"],
            origin=found["origin"],
            programs=settings.programs,
            socket=settings.socket,
            there=Path(found["there"]),
            port=int(found["port"]),
            replace=bool(found["replace"]),
            one_owner=bool(found["one_owner"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise RestoreError(f"The job is not as Ansible writes it: {error!r}.") from None
    if len(job.replaced.encode()) > LONGEST_NAME:
        raise RestoreError(f"The name {job.database} is too long: {job.replaced} would not be a name.")
    return job
