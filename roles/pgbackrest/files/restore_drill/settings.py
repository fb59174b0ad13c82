"""What Ansible has decided for this host."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

PLACE = Path("/etc/aurore/restore-drill.json")


class RestoreError(Exception):
    """What keeps a restore from being done, as a sentence for people."""


@dataclass(frozen=True)
class Settings:
    """Where things are on this host, and how far a rehearsal may go."""

    stanza: str
    name: str
    """This member's name in Patroni."""
    data: Path
    """The data of the live server."""
    programs: Path
    """Where PostgreSQL's programs are."""
    socket: Path
    """The directory of the live server's socket."""
    scratch: Path
    """Where restored copies are; nothing in it outlives a run."""
    extracts: Path
    """Where what was taken out of a copy is put."""
    state: Path
    metrics: Path
    patroni: str
    """The address of this member's Patroni."""
    certificates: Mapping[str, str]
    """The files with this host's key and certificate, and the authority's."""
    sample_above: int
    """MiB above which a table is sampled."""
    sample_percent: int
    read_max: int
    """Seconds for which a replica's snapshot may be kept."""
    reserve: int
    """MiB that a copy leaves free."""


def read_settings(path: Path = PLACE) -> Settings:
    """Read the settings.

    Raises:
        RestoreError: they cannot be read, or something is missing.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return Settings(
            stanza=found["stanza"],
            name=found["name"],
            data=Path(found["data"]),
            programs=Path(found["programs"]),
            socket=Path(found["socket"]),
            scratch=Path(found["scratch"]),
            extracts=Path(found["extracts"]),
            state=Path(found["state"]),
            metrics=Path(found["metrics"]),
            patroni=found["patroni"],
            certificates=found["certificates"],
            sample_above=int(found["sample_above"]),
            sample_percent=int(found["sample_percent"]),
            read_max=int(found["read_max"]),
            reserve=int(found["reserve"]),
        )
    except OSError as error:
        raise RestoreError(f"{path} cannot be read: {error.strerror}.") from None
    except KeyError as error:
        raise RestoreError(f"{path} has no {error.args[0]!r}.") from None
    except (TypeError, ValueError) as error:
        raise RestoreError(f"{path} is not as Ansible writes it: {error}.") from None
