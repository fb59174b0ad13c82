"""What is in a database, whichever version of PostgreSQL has it: its tables' rows, its sequences, its large objects.

Unlike a rehearsed restore, which is compared block by block with the same server, two versions have nothing in common
but what they tell: each row is compared as text, which settings make the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from restore_drill.manifest import Table

if TYPE_CHECKING:
    from restore_drill.manifest import Manifest
    from restore_drill.server import Server

DATABASES = "SELECT to_json(datname) FROM pg_database WHERE datallowconn AND NOT datistemplate ORDER BY datname;"
# Not what an extension brings along. Materialized views are made anew when a dump is restored.
TABLES = """
SELECT json_build_array(format('%I.%I', n.nspname, c.relname), c.relkind = 'S')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ({kinds}) AND c.relpersistence <> 't' AND c.relispopulated
  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
  AND NOT EXISTS (SELECT FROM pg_depend d
                  WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY n.nspname, c.relname;
"""
# The sum does not depend on the order of rows.
ROWS = """
SELECT json_build_array(count(*), coalesce(sum(hashtextextended(ROW(x.*)::text, 0)::numeric), 0)::text)
FROM ONLY {name} AS x;
"""
SEQUENCE = "SELECT json_build_array(1, format('%s, %s', last_value, is_called)) FROM {name};"
# A hole in a large object is full of zeros in a copy, so zeros at the end of a page are left out.
LARGE_OBJECTS = """
SELECT json_build_array(
  (SELECT count(*) FROM pg_largeobject_metadata),
  (SELECT coalesce(sum(hashtextextended(format('%s %s %s', loid, pageno, page), 0)::numeric), 0)::text
   FROM (SELECT loid, pageno, rtrim(encode(data, 'hex'), '0') AS page FROM pg_largeobject) AS pages
   WHERE page <> ''));
"""
NO_TABLE = "(large objects)"


def read(server: Server, database: str, snapshot: str | None = None, *, views: bool = False) -> Manifest:
    """Count and add up everything, as it is now or as it was at a snapshot that somebody holds.

    Sequences have no snapshot: theirs is always the present value.

    Args:
        server: The server.
        database: One of its databases.
        snapshot: Its name.
        views: Whether materialized views are something that is there, too.

    Raises:
        RestoreError: The server does not answer.
    """
    begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;\nSET LOCAL statement_timeout = 0;\n"
    if snapshot:
        begin += f"SET TRANSACTION SNAPSHOT '{snapshot}';\n"
    found: list[tuple[str, bool]] = [
        (name, is_sequence) for name, is_sequence in server.ask(begin + _tables(views), database)
    ]
    # The server has quoted the names.
    questions = [(SEQUENCE if is_sequence else ROWS).format(name=name) for name, is_sequence in found]
    answers: list[list[Any]] = server.ask("\n".join([begin, *questions, LARGE_OBJECTS]), database)
    names = [*(name for name, _ in found), NO_TABLE]
    return {
        name: Table(int(count), checksum, sampled=False) for name, (count, checksum) in zip(names, answers, strict=True)
    }


def read_all(server: Server) -> Manifest:
    """The same of all databases.

    Raises:
        RestoreError: The server does not answer.
    """
    databases: list[str] = server.ask(DATABASES)
    return {f"{one}: {name}": table for one in databases for name, table in read(server, one, views=True).items()}


def sequences(server: Server, database: str) -> set[str]:
    """The names of the sequences in a manifest."""
    return {name for name, is_sequence in server.ask(_tables(views=False), database) if is_sequence}


def summary(content: Manifest) -> str:
    """How much it is, in words."""
    objects = {name: table.rows for name, table in content.items() if name.endswith(NO_TABLE)}
    rows = sum(table.rows for table in content.values()) - sum(objects.values())
    return f"{len(content) - len(objects)} tables and sequences with {rows} rows, {sum(objects.values())} large objects"


def _tables(views: bool) -> str:
    return TABLES.format(kinds="'r', 'S', 'm'" if views else "'r', 'S'")
