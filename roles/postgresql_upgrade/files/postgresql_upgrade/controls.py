"""What a data directory says of itself, whether a server runs on it or not."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from restore_drill.programs import run
from restore_drill.settings import RestoreError

if TYPE_CHECKING:
    from pathlib import Path

    from .job import Job

_LINE = re.compile(r"^(.+?): +(.*)$", re.MULTILINE)
CLEAN = "shut down"
"""The state of a primary that was stopped in good order."""
LEADS = "in production"
"""The state of one that runs."""


@dataclass(frozen=True)
class Controls:
    """Of pg_controldata what an upgrade has to know."""

    identifier: str
    """The cluster's."""
    state: str
    end: int
    """Up to where a replica has come; 0 for a primary."""
    timeline: int
    """The newest of which it has something; each promotion begins one."""
    has_checksums: bool
    segment: int
    """MiB of a segment of the log."""


def place(text: str) -> int:
    """A place in the log as a number, so that two can be compared."""
    high, _, low = text.partition("/")
    return (int(high, 16) << 32) + int(low, 16)


def read(job: Job, version: int, data: Path) -> Controls:
    """Read them.

    Raises:
        RestoreError: They cannot be read.
    """
    said = run([job.program(version, "pg_controldata"), str(data)], environment={"LC_ALL": "C"})
    found = dict(_LINE.findall(said))
    try:
        return Controls(
            identifier=found["Database system identifier"],
            state=found["Database cluster state"],
            end=place(found["Minimum recovery ending location"]),
            # The first is behind on a replica, and on who was just promoted; the second says nothing of a primary.
            timeline=max(
                int(found["Latest checkpoint's TimeLineID"]), int(found["Min recovery ending loc's timeline"])
            ),
            has_checksums=found["Data page checksum version"] != "0",
            segment=int(found["Bytes per WAL segment"]) >> 20,
        )
    except (KeyError, ValueError) as error:
        raise RestoreError(f"pg_controldata of {data} does not say {error}.") from None
