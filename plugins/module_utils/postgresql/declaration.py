"""What is declared to be in a cluster (databases, roles, who may connect), compared with what is there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from .inside import problems
from .parameters import Problems
from .scram import verifier

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import Any

# Unquoted, so that it is the same everywhere: in SQL, in PgBouncer's files, in a service's settings.
NAME = re.compile(r"[a-z][a-z0-9_]{0,62}\Z")
ENCODING = "UTF8"
ATTRIBUTES = "NOSUPERUSER,NOCREATEDB,NOCREATEROLE,NOREPLICATION,NOBYPASSRLS"

MAINTENANCE = "postgres"
"""The database in which PgBouncer looks passwords up, the exporter reads figures, and administrators start."""
TEMPLATES = ("template0", "template1")


class Declared(NamedTuple):
    """What must be there.

    Attributes:
        databases: Each with its name and owner; connect, collate and ctype if given.
        roles: Each with its name; password, login and member_of if given.
        grants: Privileges beyond those of owners, each with its database and roles.
        system: Roles of the cluster itself, in the same way. They may connect to the maintenance database.
        kept: Roles that others make, which are not looked at: the superuser and Patroni's.
        drop: Names of databases and of roles that shall go.
    """

    databases: Sequence[Mapping[str, Any]]
    roles: Sequence[Mapping[str, Any]]
    grants: Sequence[Mapping[str, Any]] = ()
    system: Sequence[Mapping[str, Any]] = ()
    kept: Sequence[str] = ()
    drop: Mapping[str, Sequence[str]] = {}

    @property
    def all_roles(self) -> list[Mapping[str, Any]]:
        """The system's, then the others."""
        return [*self.system, *self.roles]

    def connect(self) -> dict[str, list[str]]:
        """Who may connect to which database; its owner may anyway."""
        wanted = {
            MAINTENANCE: [one["name"] for one in self.system] + [name for name in self.kept if name != MAINTENANCE]
        }
        return wanted | {one["name"]: [*one.get("connect", [])] for one in self.databases}


def plan(found: Mapping[str, Any], declared: Declared, *, check: bool = False) -> dict[str, Any]:
    """What has to be done so that what is declared is there, and what else is there.

    Args:
        found: Roles and databases of the server, as files/state.sql of the role postgresql_databases reads them. Empty
            for a server that is not there yet.
        declared: What must be there.
        check: Leave out the steps that need what earlier ones would make.

    Returns:
        Lists for each kind of step, which are empty where nothing is to be done. See the filter postgresql_plan.

    Raises:
        Problems: The declaration contradicts itself.
    """
    if contradictions := [*_problems(declared)]:
        raise Problems(contradictions)
    roles = {one["name"]: one for one in found.get("roles") or []}
    databases = {one["name"]: one for one in found.get("databases") or []}
    new_databases = [one["name"] for one in declared.databases if one["name"] not in databases]
    new_roles = [one["name"] for one in declared.all_roles if one["name"] not in roles]
    later = {*new_databases, *new_roles} if check else set()
    return {
        "roles": [*_roles(roles, declared)],
        "memberships": [one for one in _memberships(roles, declared) if not later & {one["role"], *one["groups"]}],
        "databases": [*_databases(databases, declared)],
        "public": [name for name in _public(databases, declared) if name not in later],
        "connect": [one for one in _connect(databases, declared) if not later & {one["database"], *one["roles"]}],
        "enter": [one for one in declared.databases if one["name"] not in later],
        "grants": [one for one in declared.grants if not later & {one["database"], *one["roles"]}],
        "drop": {
            "databases": [name for name in declared.drop.get("databases", []) if name in databases],
            "roles": [name for name in declared.drop.get("roles", []) if name in roles],
        },
        "new": {"databases": new_databases, "roles": new_roles},
        "warnings": [*_warnings(roles, databases, declared)],
    }


def _roles(found: Mapping[str, Mapping[str, Any]], declared: Declared) -> Iterator[dict[str, Any]]:
    for role in declared.all_roles:
        name, login = role["name"], role.get("login", True)
        wanted = verifier(role["password"], name) if "password" in role else None
        present = found.get(name)
        if (
            present is None
            or present["verifier"] != wanted
            or present["login"] != login
            # Superusers and the like are Patroni's alone.
            or present["privileged"]
        ):
            yield {
                "name": name,
                "verifier": wanted or "",
                "attributes": f"{'LOGIN' if login else 'NOLOGIN'},{ATTRIBUTES}",
            }


def _memberships(found: Mapping[str, Mapping[str, Any]], declared: Declared) -> Iterator[dict[str, Any]]:
    for role in declared.all_roles:
        present = found.get(role["name"], {}).get("member_of", [])
        if missing := [group for group in role.get("member_of", []) if group not in present]:
            yield {"role": role["name"], "groups": missing}


def _databases(found: Mapping[str, Mapping[str, Any]], declared: Declared) -> Iterator[dict[str, Any]]:
    for database in declared.databases:
        wanted = {key: database[key] for key in ("owner", "collate", "ctype") if key in database}
        wanted["encoding"] = ENCODING
        present = found.get(database["name"])
        if present is None or any(present[key] != value for key, value in wanted.items()):
            yield {"name": database["name"], "collate": "", "ctype": "", **wanted}


def _public(found: Mapping[str, Mapping[str, Any]], declared: Declared) -> Iterator[str]:
    """Databases into which everybody may go, as into any that is new."""
    for name in (MAINTENANCE, TEMPLATES[1], *(one["name"] for one in declared.databases)):
        if found.get(name, {}).get("public", True):
            yield name


def _connect(found: Mapping[str, Mapping[str, Any]], declared: Declared) -> Iterator[dict[str, Any]]:
    for name, wanted in declared.connect().items():
        present = found.get(name, {}).get("connect", [])
        if missing := [role for role in wanted if role not in present]:
            yield {"database": name, "roles": missing}


def _warnings(
    roles: Mapping[str, Mapping[str, Any]], databases: Mapping[str, Mapping[str, Any]], declared: Declared
) -> Iterator[str]:
    """What is there beside what is declared, and does not go by itself."""
    known = {one["name"]: one for one in declared.all_roles}
    wanted = declared.connect()
    for name in sorted(databases.keys() - wanted.keys() - {*TEMPLATES, *declared.drop.get("databases", [])}):
        one = databases[name]
        yield (
            f"the database {name} ({one['size']}, of {one['owner']}) is on the server and not declared: declare it, or "
            f'remove it for good with -e \'{{"postgresql_databases_drop": {{"databases": ["{name}"]}}}}\''
        )
    for name in sorted(roles.keys() - known.keys() - {*declared.kept, *declared.drop.get("roles", [])}):
        yield (
            f"the role {name} is on the server and not declared: declare it, or remove it for good with "
            f'-e \'{{"postgresql_databases_drop": {{"roles": ["{name}"]}}}}\''
        )
    for name in sorted(known.keys() & roles.keys()):
        for group in sorted({*roles[name]["member_of"]} - {*known[name].get("member_of", [])}):
            yield (
                f"the role {name} is a member of {group}, which is not declared: declare it, or "
                f"REVOKE {group} FROM {name}"
            )
    for name in sorted(wanted.keys() & databases.keys()):
        for role in sorted({*databases[name]["connect"]} - {*wanted[name], databases[name]["owner"]}):
            yield (
                f"the role {role} may connect to {name}, which is not declared: declare it, or "
                f"REVOKE CONNECT ON DATABASE {name} FROM {role}"
            )


def _problems(declared: Declared) -> Iterator[str]:
    roles = [one.get("name") for one in declared.all_roles]
    databases = [one.get("name") for one in declared.databases]
    yield from _of_names("role", roles, declared.kept)
    yield from _of_names("database", databases, (MAINTENANCE, *TEMPLATES))
    for database in declared.databases:
        yield from _of_database(database, roles)
    for role in declared.all_roles:
        yield from _of_role(role, roles)
    for grant in declared.grants:
        if grant["database"] not in databases:
            yield f"a privilege is granted in the database {grant['database']}: declare that database"
        for role in grant["roles"]:
            if role not in roles:
                yield f"a privilege in {grant['database']} is granted to {role}: declare that role"
        yield from problems(grant)
    for kind, needed in (("databases", [*databases, MAINTENANCE, *TEMPLATES]), ("roles", [*roles, *declared.kept])):
        for name in declared.drop.get(kind, []):
            if name in needed:
                yield f"{name} of the {kind} to remove is needed: take it out of what is declared first"


def _of_names(kind: str, names: Iterable[Any], taken: Sequence[str]) -> Iterator[str]:
    seen = set()
    for number, name in enumerate(names, 1):
        if not isinstance(name, str) or not NAME.match(name):
            yield f"{kind} {number} of the list has the name {name!r}: use lower-case letters, digits and underscores"
        elif name in taken:
            yield f"the {kind} {name} is the cluster's own: choose another name"
        elif name in seen:
            yield f"the {kind} {name} is declared twice: remove one"
        seen.add(name)


def _of_database(database: Mapping[str, Any], roles: Sequence[Any]) -> Iterator[str]:
    for key, named in (("owner", [database.get("owner")]), ("connect", database.get("connect", []))):
        for role in named:
            if role not in roles:
                yield f"the database {database.get('name')} has {role!r} as {key}: declare that role"


def _of_role(role: Mapping[str, Any], roles: Sequence[Any]) -> Iterator[str]:
    if "password" in role:
        try:
            verifier(role["password"], str(role.get("name")))
        except ValueError as error:
            yield str(error)
    for group in role.get("member_of", []):
        if group not in roles and not group.startswith("pg_"):
            yield f"the role {role.get('name')} is a member of {group!r}: declare that role"
