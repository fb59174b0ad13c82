"""What people are told at the end: what they should know, what was found, and last what to do next."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .job import Job


@dataclass(frozen=True)
class Copied:
    """A copy that is the same."""

    what: str
    """How much it is."""
    moved: list[str]
    """Sequences that went on meanwhile, so that they could not be compared."""
    copying: float
    """Seconds."""
    comparing: float


@dataclass(frozen=True)
class Report:
    """What an adoption has to tell."""

    notes: list[str] = field(default_factory=list)
    copied: Copied | None = None
    away: float = 0
    """Seconds for which writes have been refused."""

    def changed(self, word: str) -> bool:
        """Whether anything is no longer what it was."""
        return word == "way_back" or (word == "adopt" and self.copied is not None)

    def sentences(self, word: str, job: Job) -> list[str]:
        """All of it."""
        return [*self.notes, *(_of_copy(self.copied, self.away) if self.copied else []), _NEXT[word].format(job=job)]


def _of_copy(copied: Copied, away: float) -> list[str]:
    found = [f"The same on both sides: {copied.what}."]
    if copied.moved:
        found.append(f"Went on meanwhile, and will be compared when it is real: {', '.join(copied.moved)}.")
    found.append(f"It took {copied.copying:.0f} s to copy, and {copied.comparing:.0f} s to analyze and compare.")
    if away:
        found.append(f"Writes have been refused for {away:.0f} s, and are until the service is connected anew.")
    else:
        seconds = math.ceil(copied.copying + copied.comparing)
        found.append(f"So long will the service be away: {seconds} s, and until it is connected anew.")
    return found


_LOOKED = "So far this has only been looked at: the same without --check does it."
_NEXT = {
    "check_adopt": _LOOKED,
    "check_way_back": _LOOKED,
    "check_rehearse": "Nothing stands in the way of {job.database}. Next: rehearse it, the same without --check.",
    "rehearse": "Next: stop the service, and run the same with -e real=true. Its old database then takes no writes.",
    "adopt": (
        "Next: connect the service to the cluster (service=primary dbname={job.database}), start it, and see it work. "
        "Then retire {job.origin}. Until then, -e way_back=true would let {job.source} there take writes again."
    ),
    "way_back": (
        "{job.source} on {job.origin} takes writes again. Next: connect the service to it, and start it. What it has "
        "written into the cluster meanwhile is not there."
    ),
}
