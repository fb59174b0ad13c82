"""A member in a directory: its files are real; PostgreSQL and pgBackRest are played."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from restore_drill.settings import RestoreError, Settings, read_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

LSN = "0/3000060"
# The program psql for scripts that work while one reads: it answers what a file beside it holds, by the socket's name.
PSQL = """#!/usr/bin/python3
import pathlib, sys
sys.stdin.read()
where = "copy" if "/drill/" in sys.argv[-1] else "live"
for line in pathlib.Path(__file__).with_name(f"{where}.answers").read_text().splitlines():
    if line.startswith("!"):
        sys.exit(line[1:])
    print(line, flush=True)
"""
CONTROLS = """Database cluster state:               shut down
Latest checkpoint location:           0/4000028
Latest checkpoint's TimeLineID:       11
max_connections setting:              720
max_wal_senders setting:   5
max_prepared_xacts setting:  5
"""


def backup(label: str, ended: int, size: int = 1, database: int = 1) -> dict[str, Any]:
    """A backup, as pgBackRest tells it."""
    return {"label": label, "timestamp": {"stop": ended}, "info": {"size": size}, "database": {"id": database}}


class Killed(BaseException):
    """What a test raises where a process is killed: nothing catches it."""


class Host:
    """What programs do here, and what they were asked."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        for name in ("state", "metrics", "extracts", "bin", "postgresql/17/main"):
            (directory / name).mkdir(parents=True)
        self.settings = self._settings()
        self.data = self.settings.data
        (self.data / "PG_VERSION").write_text("17\n")
        (self.data / "global").mkdir()
        (self.data / "global/pg_control").touch()
        (directory / "bin/psql").write_text(PSQL)
        (directory / "bin/psql").chmod(0o755)
        self.answers("live", {"ready": LSN}, {"name": "public.issue", "rows": 2, "sum": "7", "sampled": False})
        self.answers("copy", {"ready": LSN}, {"name": "public.issue", "rows": 2, "sum": "7", "sampled": False})
        self.said: list[str] = []
        """What was run."""
        self.fails: dict[str, str] = {}
        """What is said by what fails, by a part of what is run."""
        self.dies: str = ""
        """What is run when the process is killed."""
        self.controls = CONTROLS
        self.backups = [backup("20261126-020000F", 1000, 4096)]
        self.archived: dict[int, str | None] = {1: "0000000A0000000000000042"}
        """The last segment in the archive, of each version that the cluster has had."""
        self.values: list[tuple[str, Any]] = [
            ("datname", "forge"),
            ("received_tli", 3),
            ("pause_state", True),
            ("pg_locks", LSN),
            ("pg_last_wal_replay_lsn", LSN),
            ("pg_walfile_name", "000000030000000000000003"),
            ("last_archived_wal", "000000030000000000000003"),
            ("", True),
        ]

    def _settings(self) -> Settings:
        settings = {
            "stanza": "aurore",
            "name": "a",
            "data": str(self.directory / "postgresql/17/main"),
            "programs": str(self.directory / "bin"),
            "socket": str(self.directory / "socket"),
            "scratch": str(self.directory / "postgresql/drill"),
            "extracts": str(self.directory / "extracts"),
            "state": str(self.directory / "state"),
            "metrics": str(self.directory / "metrics"),
            "patroni": "https://localhost:1",
            "certificates": {"key": "/nowhere/key", "certificate": "/nowhere/crt", "authority": "/nowhere/ca"},
            "sample_above": 1,
            "sample_percent": 5,
            "read_max": 20,
            "reserve": 1,
        }
        (self.directory / "settings.json").write_text(json.dumps(settings))
        return read_settings(self.directory / "settings.json")

    def answers(self, where: str, *objects: dict[str, Any] | str) -> None:
        """What scripts are answered by the live server, or by the copy."""
        lines = [one if isinstance(one, str) else json.dumps(one) for one in objects]
        (self.directory / f"bin/{where}.answers").write_text("\n".join(lines))

    def with_settings(self, **changes: Any) -> Settings:
        """Other settings."""
        return replace(self.settings, **changes)

    def value(self, part: str, value: Any) -> None:
        """What the servers answer to a question with these words."""
        self.values.insert(0, (part, value))

    def run(
        self,
        argv: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        stdin: str = "",
        seconds: float | None = None,
    ) -> str:
        """Play a program."""
        line = " ".join([*argv, stdin])
        self.said.append(line)
        for part, reason in self.fails.items():
            if part in line:
                raise RestoreError(reason)
        if self.dies and self.dies in line:
            raise Killed
        name = argv[0].rsplit("/", 1)[-1]
        plays: dict[str, Callable[[], str]] = {
            "psql": lambda: self._answer(stdin),
            "pgbackrest": lambda: self._pgbackrest(line, environment or {}),
            "pg_ctl": lambda: self._pg_ctl(line),
            "pg_controldata": lambda: self.controls,
        }
        return plays.get(name, lambda: "")()

    def _answer(self, sql: str) -> str:
        value = next(value for part, value in self.values if part in sql)
        value = value() if callable(value) else value
        return json.dumps([value] if "json_build_array" in sql else value) + "\n"

    def _pgbackrest(self, line: str, environment: Mapping[str, str]) -> str:
        if " info" in line:
            message = "ok" if self.backups else "no valid backups"
            archive = [{"database": {"id": number}, "max": last} for number, last in self.archived.items()]
            told = {"db": [{"id": number} for number in self.archived], "archive": archive, "backup": self.backups}
            return json.dumps([told | {"status": {"message": message}}])
        data = type(self.data)(environment["PGBACKREST_PG1_PATH"])
        assert list(data.iterdir()) == []
        (data / "restored").write_text(line)
        (data / "global").mkdir()
        (data / "global/pg_control").touch()
        return "P00   INFO: repo1: restore backup set 20261126-020000F, recovery will start at 02:00\n"

    def _pg_ctl(self, line: str) -> str:
        match = re.search(r"pg_ctl (\w+) --pgdata=(\S+)", line)
        assert match
        pid = type(self.data)(match[2]) / "postmaster.pid"
        if match[1] == "start":
            pid.write_text("1\n")
        elif match[1] == "stop":
            pid.unlink()
        elif not pid.exists():
            raise RestoreError("no server running")
        return ""

    def ran(self, part: str) -> bool:
        """Whether something was run."""
        return any(part in line for line in self.said)

    def metrics(self) -> dict[str, int]:
        """What monitoring reads."""
        text = (self.directory / "metrics/postgresql-restore.prom").read_text()
        samples = [line.split() for line in text.splitlines() if not line.startswith("#")]
        return {name.removeprefix("aurore_restore_drill_"): int(value) for name, value in samples}
