"""What is in a server: of every table in every database the number of rows, and a checksum of them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .settings import RestoreError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .server import Server

SHOWN = 10
"""Differences that are written out."""

DATABASES = "SELECT to_json(datname) FROM pg_database WHERE datallowconn ORDER BY datname;"
# All that survives a restore: also sequences, large objects and the catalogues, which are tables. Of tables whose
# content is not in the log (unlogged, temporary) a restored server has none.
TABLES = """
SELECT json_build_object('name', format('%I.%I', n.nspname, c.relname),
                         'blocks', pg_relation_size(c.oid) / current_setting('block_size')::int,
                         'table', c.relkind <> 'S')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm', 'S') AND c.relpersistence = 'p' AND c.relispopulated
ORDER BY n.nspname, c.relname;
"""
MIB = 128
"""Blocks in a MiB."""


@dataclass(frozen=True)
class Table:
    """What is in a table."""

    rows: int
    checksum: str
    blocks: int
    """Its size."""
    sampled: bool
    """Whether only some of its blocks were read."""


type Manifest = dict[str, Table]


def read(server: Server, sample_above: int, sample_percent: int, seconds: float) -> Manifest:
    """What is in a server that stands still.

    Raises:
        RestoreError: it took longer than it may.
    """
    deadline = time.monotonic() + seconds
    manifest: Manifest = {}
    for database in server.ask(DATABASES, seconds=seconds):
        tables = server.ask(TABLES, database, _left(deadline))
        sampled = [one["table"] and one["blocks"] > sample_above * MIB for one in tables]
        sql = [_counted(one["name"], sample_percent if part else 0) for one, part in zip(tables, sampled, strict=True)]
        answers = server.ask("\n".join(sql), database, _left(deadline))
        for one, part, answer in zip(tables, sampled, answers, strict=True):
            found = Table(int(answer["rows"]), str(answer["sum"]), int(one["blocks"]), part)
            manifest[f"{database}: {one['name']}"] = found
    return manifest


def _counted(table: str, percent: int) -> str:
    # A sum does not depend on the order of rows. The same seed chooses the same blocks of two copies of a table.
    sample = f" TABLESAMPLE SYSTEM ({percent}) REPEATABLE (1)" if percent else ""
    checksum = "coalesce(sum(hashtextextended(ROW(x.*)::text, 0)::numeric), 0)::text"
    # The server has quoted the name.
    return f"SELECT json_build_object('rows', count(*), 'sum', {checksum}) FROM ONLY {table} AS x{sample};"  # noqa: S608


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise RestoreError(
            "Reading all tables takes longer than the replica may be held: see pgbackrest_drill_hold_max."
        )
    return left


def differences(expected: Manifest, found: Manifest) -> list[str]:
    """What a copy has that the original has not, or the other way round; a sentence for each table."""
    told = [f"{name} is missing" for name in sorted(expected.keys() - found.keys())]
    told += [f"{name} is not in the original" for name in sorted(found.keys() - expected.keys())]
    for name in sorted(expected.keys() & found.keys()):
        told += [
            f"{name} has {what} {ours!r} rather than {theirs!r}"
            for what, theirs, ours in _unlike(expected[name], found[name])
        ]
    return told


def _unlike(expected: Table, found: Table) -> Iterable[tuple[str, Any, Any]]:
    for what in ("rows", "checksum", "blocks"):
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
