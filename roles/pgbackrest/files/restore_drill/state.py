"""What is known of runs, on the disk; and what monitoring is told of it."""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .programs import wait

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .settings import Settings

PREFIX = "aurore_restore_drill"
HELP = {
    "last_success_timestamp_seconds": "When a restored copy was last proven to be whole, by this host; 0 for never.",
    "last_run_timestamp_seconds": "When the last rehearsal on this host ended.",
    "success": "Whether the last rehearsal succeeded. Only the host whose turn it was last says so.",
    "duration_seconds": "How long it took.",
    "snapshot_seconds": "How long a snapshot was kept on the replica for it.",
    "tables": "Tables that were compared.",
    "rows": "Rows that were compared.",
    "backup_age_seconds": "How old the backup was that it restored.",
}


@dataclass(frozen=True)
class Result:
    """How a rehearsal has ended."""

    ended: int
    success: bool
    duration: int
    snapshot: int = 0
    tables: int = 0
    rows: int = 0
    backup_age: int = 0


class State:
    """What runs leave for those that follow them."""

    def __init__(self, settings: Settings) -> None:
        """The state on this host."""
        self.directory = settings.state
        self.metrics = settings.metrics / "postgresql-restore.prom"

    @contextmanager
    def only_run(self, patience: float = 0) -> Iterator[None]:
        """See that no other run works on this host; one is waited for so many seconds.

        Raises:
            RestoreError: one does, and goes on.
        """
        with (self.directory / "lock").open("w") as lock:
            wait(lambda: _locked(lock.fileno()), patience, "Another run on this host ends")
            yield

    def note(self, name: str, value: dict[str, Any]) -> None:
        """Write something down, so that it is there whatever happens next."""
        replace(self.directory / f"{name}.json", json.dumps(value) + "\n", 0o640)

    def noted(self, name: str) -> dict[str, Any] | None:
        """What was written down."""
        path = self.directory / f"{name}.json"
        if not path.exists():
            return None
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return found

    def forget(self, name: str) -> None:
        """Strike it out."""
        (self.directory / f"{name}.json").unlink(missing_ok=True)

    def publish(self, result: Result | None) -> None:
        """Tell monitoring how a rehearsal has ended, or that it was another host's turn."""
        last = (self.noted("success") or {"ended": 0})["ended"]
        if result and result.success:
            last = result.ended
            self.note("success", {"ended": last})
        values: dict[str, int] = {"last_success_timestamp_seconds": last}
        if result:
            values["last_run_timestamp_seconds"] = result.ended
            values["success"] = int(result.success)
            values["duration_seconds"] = result.duration
        if result and result.success:
            values["snapshot_seconds"] = result.snapshot
            values["tables"] = result.tables
            values["rows"] = result.rows
            values["backup_age_seconds"] = result.backup_age
        lines = [
            f"# HELP {PREFIX}_{name} {HELP[name]}\n# TYPE {PREFIX}_{name} gauge\n{PREFIX}_{name} {value}\n"
            for name, value in values.items()
        ]
        replace(self.metrics, "".join(lines), 0o644)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def replace(path: Path, text: str, mode: int) -> None:
    """Put a file in its place at once, and see that it is on the disk: there is the old one or the new one."""
    new = path.with_name(f".{path.name}.new")
    with new.open("w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), mode)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    sync(path.parent)


def sync(directory: Path) -> None:
    """See that the names in a directory are on the disk."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
