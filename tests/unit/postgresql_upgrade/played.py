"""A member in a directory: data directories are there, and programs are played, which remember what they were told."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from postgresql_upgrade.job import Job
from restore_drill import patroni, repository
from restore_drill.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

# What a program is told is answered by the first rule for it that has some of its words. `!` is how it fails.
PROGRAM = r"""#!/usr/bin/python3
import json, pathlib, re, sys
root = pathlib.Path("{root}")
name, words = pathlib.Path(__file__).name, " ".join(sys.argv[1:])

def told(text):
    with (root / "log").open("a") as log:
        print(json.dumps([name, text]), file=log)
    for on, part, answer in json.loads((root / "rules.json").read_text()):
        if on == name and part in text:
            if isinstance(answer, str) and answer.startswith("!"):
                sys.exit(answer[1:])
            print(answer if isinstance(answer, str) else json.dumps(answer))
            return

def data():
    return pathlib.Path(re.search(r"--pgdata=(\S+)", words)[1])

if name == "psql":
    said = sys.stdin.read() if "--file=" not in words else words
    for statement in said.split(";"):
        told(words.rpartition("dbname=")[2] + " " + statement.strip())
    sys.exit()
told(words)
if name == "pg_upgrade":
    new = pathlib.Path(re.search(r"--new-datadir=(\S+)", words)[1])
    (new / "upgraded").touch()
if name in ("initdb", "pg_basebackup"):
    (data() / "global").mkdir(parents=True)
    (data() / "global/pg_control").touch()
    (data() / "PG_VERSION").write_text("x")
    (data() / "standby.signal").touch()
if name == "pg_ctl":
    pid = data() / "postmaster.pid"
    if "start" in words:
        pid.touch()
    elif "stop" in words:
        pid.unlink()
    elif not pid.exists():
        sys.exit(3)
"""
CONTROLS = """pg_control version number:            1700
Database system identifier:           {identifier}
Database cluster state:               {state}
Latest checkpoint's TimeLineID:       1
Minimum recovery ending location:     {end}
Min recovery ending loc's timeline:   {timeline}
Bytes per WAL segment:                16777216
Data page checksum version:           {checksums}
"""


class Member:
    """A member of a cluster of two, with 17 and the programs of 18.

    Attributes:
        job: Its upgrade.
        rules: What programs answer, by words; the first one counts.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.bin = root / "path"
        self.base = root / "postgresql"
        programs = ("psql", "pg_ctl", "pg_controldata", "initdb", "pg_basebackup", "vacuumdb", "pg_upgrade")
        for directory in (self.bin, root / "programs/17/bin", root / "programs/18/bin"):
            directory.mkdir(parents=True)
            for name in ("apt-cache", "cp", "pgbackrest") if directory == self.bin else programs:
                self._program(directory / name)
        self.rules: list[tuple[str, str, Any]] = [
            ("psql", "pg_is_in_recovery()", [True]),
            ("psql", "pg_terminate_backend", [0]),
            ("psql", "pg_current_wal_flush_lsn", '"0/30000D8"'),
            ("psql", "pg_stat_replication", 1),
            ("psql", "pg_prepared_xacts", [0, 0, 0]),
            ("psql", "SELECT to_json(datname)", '"forge"'),
            ("psql", "json_build_array(format('%I.%I'", ["public.issue", False]),
            ("psql", "FROM ONLY public.issue", [2, "7"]),
            ("psql", "pg_largeobject_metadata", [0, "0"]),
            ("apt-cache", "", "postgresql-18:\n  Candidate: 18.1-1"),
        ]
        settings = Settings(
            stanza="aurore",
            name="b",
            data=self.base / "17/main",
            programs=root / "programs/17/bin",
            socket=root / "socket",
            scratch=root,
            extracts=root,
            state=root,
            metrics=root,
            patroni="https://localhost:1",
            certificates={},
            sample_above=1,
            sample_percent=5,
            read_max=60,
            reserve=1,
        )
        self.job = Job(settings=settings, to=18, members=2, backup_hours=26, processes=2, lock=root / "lock")
        self.has(17)
        (self.base / "17/main/postmaster.pid").touch()
        self.controls("shut down in recovery", end="0/30000D8")

    def _program(self, path: Path) -> None:
        path.write_text(PROGRAM.replace("{root}", str(self.root)))
        path.chmod(0o755)

    def has(self, version: int) -> None:
        """Have data of a version."""
        (self.job.data(version) / "global").mkdir(parents=True)
        (self.job.data(version) / "PG_VERSION").write_text(f"{version}\n")
        (self.job.data(version) / "global/pg_control").touch()

    def controls(self, state: str, identifier: str = "7", end: str = "0/0", checksums: int = 1) -> None:
        """Have data directories say of themselves; a replica has something of the second timeline."""
        timeline = 0 if end == "0/0" else 2
        text = CONTROLS.format(state=state, identifier=identifier, end=end, checksums=checksums, timeline=timeline)
        self.rule("pg_controldata", "", text)

    def rule(self, on: str, part: str, answer: Any) -> None:
        """Have another answer."""
        self.rules.insert(0, (on, part, answer))
        (self.root / "rules.json").write_text(json.dumps(self.rules))

    def stops(self, version: int = 17) -> None:
        """Run no more."""
        (self.job.data(version) / "postmaster.pid").unlink()

    def runs(self, version: int) -> None:
        """Run a version."""
        (self.job.data(version) / "postmaster.pid").touch()

    def leads(self) -> None:
        """Be the primary."""
        self.rule("psql", "pg_is_in_recovery()", [False])
        self.rule("psql", "pg_last_wal_replay_lsn()", [True])
        self.controls("shut down")

    def having(self, **changes: Any) -> Job:
        """Another job."""
        self.job = replace(self.job, **changes)
        return self.job

    def did(self, name: str) -> list[str]:
        """What a program was told."""
        log = self.root / "log"
        lines = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
        return [text for on, text in lines if on == name]


def cluster(monkeypatch: Any, *members: tuple[str, str, str], age: float = 3600) -> None:
    """Have Patroni tell of members (name, role, state), and the repository have a backup."""
    found = [patroni.Member(name, role, state, "localhost", 5432) for name, role, state in members]
    monkeypatch.setattr(patroni, "members", lambda _: found)
    backup = repository.Backup("20261126-020000F", int(time.time() - age), 4096)
    monkeypatch.setattr(repository, "backups", lambda _run, _settings: [backup])


def room(monkeypatch: Any, free: int) -> None:
    """Have so many bytes left."""
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=free))
