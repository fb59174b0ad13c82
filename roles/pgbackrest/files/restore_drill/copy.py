"""A restored copy: it has a socket that nobody else reaches, no network, and little memory."""

from __future__ import annotations

import re
import shlex
import shutil
from itertools import chain
from typing import TYPE_CHECKING

from .programs import tail, wait
from .repository import chosen, pgbackrest
from .server import Server
from .settings import RestoreError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from .programs import Run
    from .settings import Settings
    from .target import Target

PORT = 5499
LONGEST = 4 * 3600
"""Seconds that the log may take to be replayed; what started us has its own limit."""

# What a copy has to have at least as much of as the original had, at each moment from the backup to the target: more
# than either end, if it was more in between.
_LEAST = {"max_connections": 500, "max_worker_processes": 32, "max_wal_senders": 32}
_LIMITS = re.compile(
    r"^(max_connections|max_worker_processes|max_wal_senders|max_prepared_xacts|max_locks_per_xact) setting: +(\d+)$",
    re.MULTILINE,
)
_STAND = re.compile(r"^(?:Database cluster state|Latest checkpoint(?: location|'s TimeLineID)):.*", re.MULTILINE)
_NAMES = {"max_prepared_xacts": "max_prepared_transactions", "max_locks_per_xact": "max_locks_per_transaction"}
_OURS = (
    *("restore_command", "recovery_target", "recovery_target_time", "recovery_target_name", "recovery_target_xid"),
    *("recovery_target_lsn", "recovery_target_inclusive", "recovery_target_timeline", "recovery_target_action"),
)


class Copy:
    """A copy of the cluster in a directory of its own."""

    def __init__(self, settings: Settings, run: Run, place: Path, data: Path | None = None) -> None:
        """A copy in `place`, or with its data elsewhere."""
        self.settings = settings
        self.run = run
        self.place = place
        self.data = data or place / "data"
        self.socket = place / "socket"
        self.server = Server(run, settings.programs, f"host={self.socket} port={PORT} user=postgres")
        # Its log is fetched beside the live server's, which may be fetching, too.
        self.environment = {
            "PGBACKREST_PG1_PATH": str(self.data),
            "PGBACKREST_LOCK_PATH": str(place / "lock"),
            "PGBACKREST_SPOOL_PATH": str(place / "spool"),
            "PGBACKREST_PROCESS_MAX": "1",
        }

    def restore(self, target: Target, action: str, options: Sequence[str] = ()) -> str:
        """Fetch a backup from which the target can be reached, and return its label."""
        for directory in (self.place, self.data, self.socket):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        said = pgbackrest(self.run, self.settings, "restore", [*target.options(action), *options], self.environment)
        return chosen(said)

    def limits(self, data: Path) -> dict[str, int]:
        """What a server on this data needs at least as much of."""
        return {name: int(value) for name, value in _LIMITS.findall(self._controls(data))}

    def stand(self) -> str:
        """Where its server has stopped: another one that has worked with the data has left another."""
        return "; ".join(sorted(_STAND.findall(self._controls(self.data))))

    def _controls(self, data: Path) -> str:
        if not (data / "global/pg_control").exists():
            return ""
        return self.run([f"{self.settings.programs}/pg_controldata", str(data)], environment={"LC_ALL": "C"})

    def start(self, *more: str, limits: Mapping[str, int] | None = None) -> None:
        """Start a server on it, and wait until it answers; with these limits, or generous ones."""
        if limits is None:
            known = (_LEAST, self.limits(self.data), self.limits(self.settings.data))
            limits = {name: max(one.get(name, 0) for one in known) for name in {*chain(*known)}}
        (self.place / "hba.conf").write_text("local all postgres peer\n")
        (self.place / "ident.conf").write_text("")
        (self.place / "postgresql.conf").write_text("")
        own = (*self._parameters(), *(f"{_NAMES.get(name, name)}={value}" for name, value in sorted(limits.items())))
        options = " ".join(f"-c {shlex.quote(one)}" for one in (*own, *more))
        log = self.place / "log"
        self._pg_ctl("start", f"--log={log}", f"--timeout={LONGEST}", f"--options={options}")

    def _parameters(self) -> list[str]:
        return [
            f"config_file={self.place}/postgresql.conf",
            f"hba_file={self.place}/hba.conf",
            f"ident_file={self.place}/ident.conf",
            f"unix_socket_directories={self.socket}",
            f"port={PORT}",
            "listen_addresses=",
            "ssl=off",
            "archive_mode=off",
            "archive_command=",
            "primary_conninfo=",
            "primary_slot_name=",
            "synchronous_standby_names=",
            "shared_preload_libraries=",
            "logging_collector=off",
            "log_destination=stderr",
            "shared_buffers=32MB",
            "maintenance_work_mem=32MB",
            "work_mem=8MB",
            "autovacuum=off",
            "max_wal_size=256MB",
            "wal_level=replica",
            "hot_standby=on",
        ]

    def await_paused(self) -> None:
        """Wait until it has come to its target, and stands there."""
        self._await("pg_is_in_recovery() AND pg_get_wal_replay_pause_state() = 'paused'", "pauses")

    def await_promoted(self) -> None:
        """Wait until it has come to its target, and is a primary."""
        self._await("NOT pg_is_in_recovery()", "is a primary")

    def _await(self, expression: str, what: str) -> None:
        def look() -> bool:
            if "insufficient parameter settings" in self._log():
                raise RestoreError(f"The original had more than a copy has:\n{tail(self._log())}")
            try:
                return bool(self.server.one(expression))
            except RestoreError:
                # It ends when it cannot get to its target.
                self._pg_ctl("status")
                raise

        wait(look, LONGEST, f"The copy {what}")

    def promote(self) -> None:
        """Make a primary of it."""
        self.server.one("pg_promote(true, 3600)")
        self.await_promoted()

    def check(self) -> None:
        """Read all tables and indexes, and see that each is whole."""
        where = [f"--host={self.socket}", f"--port={PORT}", "--username=postgres"]
        self.run([f"{self.settings.programs}/pg_amcheck", *where, "--all", "--install-missing"])

    def forget_target(self) -> None:
        """Have the next start know nothing of how it was restored."""
        self.server.ask("".join(f"ALTER SYSTEM RESET {name};" for name in _OURS))

    def stop(self, mode: str = "fast") -> None:
        """Stop its server, if it runs."""
        if (self.data / "postmaster.pid").exists():
            self._pg_ctl("stop", f"--mode={mode}", "--timeout=600")

    def remove(self) -> None:
        """Leave nothing of it, whatever state it is in."""
        try:
            self.stop("immediate")
        except RestoreError:
            # It was killed, and its file of the process is all that is left of it.
            if self._runs():
                raise
        if self.place.exists():
            shutil.rmtree(self.place)

    def _runs(self) -> bool:
        try:
            self._pg_ctl("status")
        except RestoreError:
            return False
        return True

    def _pg_ctl(self, action: str, *options: str) -> None:
        argv = [f"{self.settings.programs}/pg_ctl", action, f"--pgdata={self.data}", *options]
        try:
            self.run(argv, environment=self.environment)
        except RestoreError as error:
            said = self._log()
            raise RestoreError(f"{error}\nThe copy's log ends with:\n{tail(said)}" if said else str(error)) from None

    def _log(self) -> str:
        log = self.place / "log"
        return log.read_text(errors="replace") if log.exists() else ""
