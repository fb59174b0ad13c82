"""Two servers in a directory: PostgreSQL's programs are played, and remember what they were told."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from postgresql_adoption.job import Job
from restore_drill.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

# Each statement is answered by the first rule that has its words, or by nothing.
PROGRAM = """#!/usr/bin/python3
import json, pathlib, sys
here = pathlib.Path(__file__).parent
name, words = pathlib.Path(__file__).name, " ".join(sys.argv[1:])
where = "old" if "/there" in words else "new"
rules = json.loads((here / "rules.json").read_text())

def do(text):
    with (here / "log").open("a") as log:
        print(json.dumps([name, where, text]), file=log)
    for on, part, answer in rules:
        if on in (name, where) and part in text:
            if isinstance(answer, str) and answer.startswith("!"):
                sys.exit(answer[1:])
            if answer is not None:
                print(answer if isinstance(answer, str) else json.dumps(answer), flush=True)
            return

if name != "psql":
    do(words)
    if name == "pg_restore":
        sys.stdin.read()
    sys.exit()
said = ""
for line in sys.stdin:
    said += line
    while ";" in said:
        statement, _, said = said.partition(";")
        do(f"{words.rpartition('dbname=')[2]} {statement.strip()}")
"""
SURVEY: dict[str, Any] = {
    "version": 15,
    "recovers": False,
    "encoding": "UTF8",
    "order": "C.UTF-8",
    "owner": "gitea",
    "size": 4096,
    "comment": "",
    "extensions": {"pg_trgm": "public"},
    "objects": ["public.issue"],
    "owners": ["gitea"],
    "special": [],
    "collations": ["default", "C"],
    "known_collations": ["default", "C", "fr-x-icu"],
    "policy_roles": [],
    "grantees": [],
    "publications": [],
    "subscriptions": [],
    "views": [],
    "settings": [],
    "prepared": 0,
}
HERE = SURVEY | {"version": 17, "owner": "forge", "objects": [], "owners": []}


class Servers:
    """The old server and the primary.

    Attributes:
        job: An adoption.
        rules: What they answer, by program or server and by words; the first one counts.
    """

    def __init__(self, directory: Path) -> None:
        self._bin = directory / "bin"
        for name in ("bin", "there", "here"):
            (directory / name).mkdir()
        for name in ("psql", "pg_dump", "pg_restore", "vacuumdb"):
            (self._bin / name).write_text(PROGRAM)
            (self._bin / name).chmod(0o755)
        self.job = Job(
            database="forge",
            source="old_forge",
            origin="git",
            programs=self._bin,
            socket=directory / "here",
            there=directory / "there",
            port=5433,
            replace=False,
            one_owner=False,
        )
        self.rules: list[tuple[str, str, Any]] = [
            ("old", "pg_export_snapshot", "00000003-1"),
            ("old", "WITH extras", SURVEY),
            ("new", "WITH extras", HERE),
            ("new", "data_directory", str(directory)),
            ("new", "rolname", "gitea_reader"),
            ("new", "datallowconn", 1),
            ("old", "datallowconn", 1),
            ("old", "clock_timestamp", "2026-11-26 10:00:00+00"),
            ("old", "pg_terminate_backend", 1),
            ("new", "pg_terminate_backend", 0),
            ("new", "datconnlimit = 0", 0),
            ("new", "SELECT datconnlimit", -1),
            ("old", "backend_start", 0),
            ("old", "default_transaction_read_only=on", [True, 0]),
            *(
                rule
                for where in ("old", "new")
                for rule in (
                    (where, "json_build_array(format('%I.%I'", ["public.issue", False]),
                    (where, "FROM ONLY public.issue", [2, "7"]),
                    (where, "pg_largeobject_metadata", [0, "0"]),
                )
            ),
        ]

    def play(self) -> Job:
        """Have the programs answer by the rules as they are now."""
        # Answers in JSON are lines.
        rules = [(on, part, f'"{answer}"' if quoted(part) else answer) for on, part, answer in self.rules]
        (self._bin / "rules.json").write_text(json.dumps(rules))
        return self.job

    def rule(self, on: str, part: str, answer: Any) -> None:
        """Have another answer."""
        self.rules.insert(0, (on, part, answer))
        self.play()

    def survey(self, where: str, **changes: Any) -> None:
        """Have other databases."""
        self.rule(where, "WITH extras", (SURVEY if where == "old" else HERE) | changes)

    def having(self, **changes: Any) -> Job:
        """Another job."""
        self.job = replace(self.job, **changes)
        return self.play()

    def did(self) -> list[tuple[str, str, str]]:
        """What was run, with the server and the words."""
        log = self._bin / "log"
        return [tuple(json.loads(line)) for line in log.read_text().splitlines()] if log.exists() else []

    def told(self, where: str, part: str) -> list[str]:
        """What a server was told with these words, in order."""
        return [text for _, on, text in self.did() if on == where and part in text]

    def settings(self) -> Settings:
        """What the member knows of itself."""
        return Settings(
            **dict.fromkeys(Settings.__dataclass_fields__) | {"programs": self._bin, "socket": self.job.socket}  # type: ignore[arg-type]
        )


def quoted(part: str) -> bool:
    """Whether the answer is text in JSON."""
    return part in {"data_directory", "rolname", "clock_timestamp"}
