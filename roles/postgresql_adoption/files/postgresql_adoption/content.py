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

# Not what an extension brings along, nor what is made anew when a dump is restored (materialized views).
TABLES = """
SELECT json_build_array(format('%I.%I', n.nspname, c.relname), c.relkind = 'S')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'S') AND c.relpersistence <> 't'
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


def read(server: Server, database: str, snapshot: str | None = None) -> Manifest:
    """Count and add up everything, as it is now or as it was at a snapshot that somebody holds.

    Sequences have no snapshot: theirs is always the present value.

    Raises:
        RestoreError: The server does not answer.
    """
    begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;\nSET LOCAL statement_timeout = 0;\n"
    if snapshot:
        begin += f"SET TRANSACTION SNAPSHOT '{snapshot}';\n"
    found: list[tuple[str, bool]] = [(name, is_sequence) for name, is_sequence in server.ask(begin + TABLES, database)]
    # The server has quoted the names.
    questions = [(SEQUENCE if is_sequence else ROWS).format(name=name) for name, is_sequence in found]
    answers: list[list[Any]] = server.ask("\n".join([begin, *questions, LARGE_OBJECTS]), database)
    names = [*(name for name, _ in found), NO_TABLE]
    return {
        name: Table(int(count), checksum, sampled=False) for name, (count, checksum) in zip(names, answers, strict=True)
    }


def sequences(server: Server, database: str) -> set[str]:
    """The names of the sequences in a manifest."""
    return {name for name, is_sequence in server.ask(TABLES, database) if is_sequence}
