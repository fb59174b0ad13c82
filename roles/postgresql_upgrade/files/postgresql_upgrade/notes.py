"""What an upgrade notes on a member, so that the next run knows where it stands."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from restore_drill.manifest import Table
from restore_drill.settings import RestoreError
from restore_drill.state import replace, sync

if TYPE_CHECKING:
    from restore_drill.manifest import Manifest

    from .job import Job


@dataclass(frozen=True)
class Note:
    """An upgrade that has begun, or is over."""

    old: int
    new: int
    primary: str
    """Who is upgraded, or has the data to go back to; the others copy it."""
    identifier: str
    """The old cluster's."""
    way: str = "there"
    """`there`, or `back`."""
    place: str = ""
    """Where the log stood when no client was let in any more; nothing before."""
    is_same: bool = False
    """Whether both versions were found to have the same; from then on clients may be let in."""
    is_over: bool = False


def note(job: Job, one: Note) -> None:
    """Write it down."""
    if not job.work.exists():
        job.work.mkdir(mode=0o700)
        sync(job.work.parent)
    replace(job.work / "note.json", json.dumps(asdict(one)) + "\n", 0o600)


def noted(job: Job) -> Note | None:
    """What is written down; nothing where no upgrade was."""
    path = job.work / "note.json"
    return Note(**json.loads(path.read_text(encoding="utf-8"))) if path.exists() else None


def begun(job: Job) -> Note:
    """What is written down.

    Raises:
        RestoreError: Nothing is, or that of another upgrade.
    """
    found = noted(job)
    if found is None or found.new != job.to:
        raise RestoreError(f"No upgrade to {job.to} has begun here.")
    return found


def keep(job: Job, content: Manifest) -> None:
    """Write down what is in the cluster."""
    replace(job.work / "content.json", json.dumps({name: asdict(table) for name, table in content.items()}), 0o600)


def kept(job: Job) -> Manifest:
    """What was in the cluster."""
    found: dict[str, dict[str, Any]] = json.loads((job.work / "content.json").read_text(encoding="utf-8"))
    return {name: Table(**table) for name, table in found.items()}
