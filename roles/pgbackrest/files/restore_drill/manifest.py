"""What is in a server: of every table in every database the number of rows, and a checksum of them."""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .settings import RestoreError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .server import Server

SHOWN = 10
"""Differences that are written out."""
MIB = 128
"""Blocks in a MiB."""

DATABASES = "SELECT to_json(datname) FROM pg_database WHERE datallowconn ORDER BY datname;"

# A script for one database. Up to `ready` the server must stand still: a snapshot is taken, sequences are read, which
# no snapshot keeps, and tables are locked against what a snapshot does not outlive (TRUNCATE). Then it may go on.
#
# A table is all that survives a restore: also materialized views, large objects, and the catalogues. Left out is what
# is not in the log (unlogged, temporary), and two catalogues in which VACUUM writes whatever the snapshot. The sum of
# rows' checksums does not depend on their order, and the seed chooses the same blocks of two copies of a table.
SCRIPT = """
BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY;
SELECT json_build_object('name', format('%I.%I', schemaname, sequencename), 'rows', 1, 'sum', last_value::text,
                         'sampled', false)
FROM pg_sequences s JOIN pg_class c ON c.oid = format('%I.%I', schemaname, sequencename)::regclass
WHERE c.relpersistence = 'p'
ORDER BY schemaname, sequencename;
SELECT coalesce(string_agg(format('SELECT FROM ONLY %s LIMIT 0;', name), E'\\n'), '') AS locks,
       coalesce(string_agg(format(
         'SELECT json_build_object(''name'', %L, ''rows'', count(*), ''sum'', '
         'coalesce(sum(hashtextextended(ROW(x.*)::text, 0)::numeric), 0)::text, ''sampled'', %L::bool) '
         'FROM ONLY %s AS x%s;', name, large, name, CASE WHEN large THEN :'sample' ELSE '' END), E'\\n'), '') AS counts
FROM (
  SELECT format('%I.%I', n.nspname, c.relname) AS name, pg_relation_size(c.oid) / :block > :above AS large
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'm') AND c.relpersistence = 'p' AND c.relispopulated
    AND c.oid NOT IN ('pg_class'::regclass, 'pg_database'::regclass)
  ORDER BY n.nspname, c.relname
) AS tables \\gset
:locks
SELECT json_build_object('ready', pg_last_wal_replay_lsn());
:counts
COMMIT;
"""


@dataclass(frozen=True)
class Table:
    """What is in a table."""

    rows: int
    checksum: str | None
    sampled: bool
    """Whether only some of its blocks were read."""


type Manifest = dict[str, Table]


class Reading:
    """All databases of a server, each in a snapshot."""

    def __init__(self, server: Server, sample_above: int, sample_percent: int, seconds: float) -> None:
        """Begin with all of them; they may take so many seconds."""
        sample = f" TABLESAMPLE SYSTEM ({sample_percent}) REPEATABLE (1)"
        settings = f"\\set block 8192\n\\set above {sample_above * MIB}\n\\set sample '{sample}'\n"
        self._stack = ExitStack()
        self._answers: dict[str, Iterator[Any]] = {}
        self._manifest: Manifest = {}
        with ExitStack() as unfinished:
            unfinished.callback(self.close)
            for database in server.ask(DATABASES):
                talk = self._stack.enter_context(closing(server.talk(settings + SCRIPT, database, seconds)))
                self._answers[database] = talk.answers()
            unfinished.pop_all()

    def places(self) -> set[str | None]:
        """Wait until each has its snapshot: the places of the log at which they were taken.

        Raises:
            RestoreError: one could not be taken.
        """
        return {self._until_ready(database) for database in self._answers}

    def _until_ready(self, database: str) -> str | None:
        for answer in self._answers[database]:
            if "ready" in answer:
                place: str | None = answer["ready"]
                return place
            self._enter(database, answer)
        raise RestoreError(f"The script for {database} ended too early.")

    def manifest(self) -> Manifest:
        """Wait until all is read.

        Raises:
            RestoreError: something could not be read.
        """
        for database, answers in self._answers.items():
            for answer in answers:
                self._enter(database, answer)
        return self._manifest

    def _enter(self, database: str, answer: dict[str, Any]) -> None:
        found = Table(int(answer["rows"]), answer["sum"], bool(answer["sampled"]))
        self._manifest[f"{database}: {answer['name']}"] = found

    def close(self) -> None:
        """End it, whether all is read or not."""
        self._stack.close()


def differences(expected: Manifest, found: Manifest) -> list[str]:
    """What a copy has that the original has not, or the other way round; a sentence for each table."""
    told = [f"{name} is missing" for name in sorted(expected.keys() - found.keys())]
    told += [f"{name} is not in the original" for name in sorted(found.keys() - expected.keys())]
    for name in sorted(expected.keys() & found.keys()):
        for what, theirs, ours in _unlike(expected[name], found[name]):
            told.append(f"{name} has {what} {ours!r} rather than {theirs!r}")
    return told


def _unlike(expected: Table, found: Table) -> Iterable[tuple[str, Any, Any]]:
    for what in ("rows", "checksum", "sampled"):
        theirs, ours = getattr(expected, what), getattr(found, what)
        if theirs != ours:
            yield what, theirs, ours


def agree(expected: Manifest, found: Manifest) -> None:
    """See that two servers have the same.

    Raises:
        RestoreError: they have not; names the first differences.
    """
    told = differences(expected, found)
    if told:
        more = f"\n  and {len(told) - SHOWN} more" if len(told) > SHOWN else ""
        raise RestoreError("The copy differs from the original:\n  " + "\n  ".join(told[:SHOWN]) + more)
