"""What is declared to be inside of databases (extensions, privileges), compared with what is there."""

from __future__ import annotations

import re
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import Any

PRIVILEGES = {
    "table": ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER", "MAINTAIN"),
    "sequence": ("USAGE", "SELECT", "UPDATE"),
    "schema": ("USAGE", "CREATE"),
}
"""What can be granted, by type: https://www.postgresql.org/docs/17/ddl-priv.html."""

PLAIN = re.compile(r"[a-z_][a-z0-9_]*\Z")
PUBLIC = "PUBLIC"
LATER = ""
"""In the place of a table's or sequence's name: those that the database's owner will make."""
OWN_EXTENSIONS = ("plpgsql",)


class Privilege(NamedTuple):
    """One that somebody has, or shall have. A schema is known by its own name alone."""

    type: str
    schema: str
    name: str
    role: str
    privilege: str


OPEN = Privilege("schema", "public", "", PUBLIC, "CREATE")
"""What everybody had in databases of PostgreSQL before 15, and has in what was adopted from there."""
USUAL = Privilege("schema", "public", "", PUBLIC, "USAGE")


def inside(
    found: Mapping[str, Mapping[str, Any]], databases: Iterable[Mapping[str, Any]], grants: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """What has to be done inside of databases, and what else is there.

    Args:
        found: By database, what files/inside.sql of the role postgresql_databases reads.
        databases: The declared ones among them, each with its name and owner; extensions if given.
        grants: Privileges beyond those of owners.

    Returns:
        Lists for each kind of step, which are empty where nothing is to be done. See the filter postgresql_inside.
    """
    steps: dict[str, list[Any]] = {"public": [], "extensions": [], "grants": [], "later": [], "warnings": []}
    for database in databases:
        name, owner = database["name"], database["owner"]
        objects = found[name].get("objects") or []
        known = [(one["type"], one["schema"], one["name"]) for one in objects]
        present = {
            Privilege(one["type"], one["schema"], one["name"], role, privilege)
            for one in objects
            for role, privilege in one["privileges"]
        }
        undeclared = present - {OPEN, USUAL}
        steps["public"] += [name] * (OPEN in present)
        steps["extensions"] += _extensions(found[name], database)
        for grant in (one for one in grants if one["database"] == name):
            wanted = {*_wanted(grant, known)}
            undeclared -= wanted
            missing = wanted - present
            there = {one for one in missing if one.name != LATER or one.type == "schema"}
            steps["grants"] += _step(grant, {one for one in there if one[:3] in known})
            steps["later"] += ({**step, "owner": owner} for step in _step(grant, missing - there))
            steps["warnings"] += _absent(grant, sorted({one.name for one in there if one[:3] not in known}))
        steps["warnings"] += _undeclared_extensions(found[name], database)
        steps["warnings"] += _undeclared(name, owner, undeclared)
    return steps


def problems(grant: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with a declared grant in itself."""
    kind = grant.get("type", "table")
    possible = PRIVILEGES[kind]
    for privilege in grant.get("privileges", []):
        if privilege not in possible:
            yield (
                f"the privilege {privilege!r} in {grant['database']} is none that a {kind} has: choose from "
                f"{', '.join(possible)}"
            )
    if kind == "schema" and grant.get("objects"):
        yield f"privileges of a schema in {grant['database']} are granted on objects: name the schema alone"


def _wanted(grant: Mapping[str, Any], known: Iterable[tuple[str, str, str]]) -> Iterator[Privilege]:
    """A grant, one by one; without names, on all that there is of its type in its schema and on what comes later."""
    kind, schema = grant.get("type", "table"), grant.get("schema", "public")
    names = grant.get("objects") or [LATER, *(one[2] for one in known if one[:2] == (kind, schema) and one[2])]
    for name, role, privilege in product(names, grant["roles"], grant["privileges"]):
        yield Privilege(kind, schema, name, role, privilege)


def _step(grant: Mapping[str, Any], missing: Iterable[Privilege]) -> Iterator[dict[str, Any]]:
    """What lacks of one grant, as one call of a module."""
    lacking = sorted(missing)
    if lacking:
        yield {
            "database": grant["database"],
            "type": lacking[0].type,
            "schema": lacking[0].schema,
            "objects": sorted({one.name for one in lacking}),
            "privileges": [one for one in grant["privileges"] if one in {each.privilege for each in lacking}],
            "roles": [one for one in grant["roles"] if one in {each.role for each in lacking}],
        }


def _extensions(found: Mapping[str, Any], database: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    for extension in database.get("extensions", []):
        if extension not in (found.get("extensions") or []):
            yield {"database": database["name"], "name": extension}


def _absent(grant: Mapping[str, Any], names: Iterable[str]) -> Iterator[str]:
    kind, schema = grant.get("type", "table"), grant.get("schema", "public")
    for name in names:
        what = f"the {kind} {schema}.{name}" if name else f"the schema {schema}"
        yield (
            f"{what} of {grant['database']}, on which {' and '.join(grant['roles'])} shall have privileges, is not "
            f"there: run this again when the service has made it"
        )


def _undeclared_extensions(found: Mapping[str, Any], database: Mapping[str, Any]) -> Iterator[str]:
    known = {*database.get("extensions", []), *OWN_EXTENSIONS}
    for extension in found.get("extensions") or []:
        if extension not in known:
            yield (
                f"the extension {extension} is in {database['name']} and not declared: declare it, or "
                f"DROP EXTENSION {_quoted(extension)} there"
            )


def _undeclared(database: str, owner: str, privileges: Iterable[Privilege]) -> Iterator[str]:
    """A sentence for what a role has alike on objects of one type, with the statement that takes just that away."""
    held: dict[tuple[str, str, str, str], list[str]] = {}
    for one in sorted(privileges):
        held.setdefault((one.type, one.schema, one.name, one.role), []).append(one.privilege)
    alike: dict[tuple[str, str, str, bool, str], list[str]] = {}
    for (kind, schema, name, role), some in held.items():
        what = ", ".join(one for one in PRIVILEGES[kind] if one in some)
        alike.setdefault((kind, schema, role, name == LATER, what), []).append(name)
    for (kind, schema, role, has_no_name, what), names in alike.items():
        grantee = role if role == PUBLIC else _quoted(role)
        if kind == "schema":
            on = f"the schema {schema}"
            statement = f"REVOKE {what} ON SCHEMA {_quoted(schema)} FROM {grantee}"
        elif has_no_name:
            on = f"the {kind}s that {owner} will make in {schema}"
            statement = (
                f"ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA {_quoted(schema)} "
                f"REVOKE {what} ON {kind.upper()}S FROM {grantee}"
            )
        else:
            on = f"{len(names)} {kind}{'s' * (len(names) > 1)} of {schema}"
            objects = ", ".join(f"{_quoted(schema)}.{_quoted(name)}" for name in names)
            statement = f"REVOKE {what} ON {kind.upper()} {objects} FROM {grantee}"
        yield f"{role} has {what} on {on} in {database}, which is not declared: declare it, or {statement} there"


def _quoted(name: str) -> str:
    """A name as SQL wants it (https://www.postgresql.org/docs/17/sql-syntax-lexical.html)."""
    return name if PLAIN.match(name) else '"{}"'.format(name.replace('"', '""'))
