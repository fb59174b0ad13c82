"""What two databases are, and what keeps the one from taking over what the other has."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, cast

if TYPE_CHECKING:
    from restore_drill.server import Server

    from .job import Job

OLDEST = 12
"""The first version that writes numbers as ours does."""
SHOWN = 8
"""Names that are written out."""
ROOM = 2
"""How often the old database's size must be free: the copy, and the log that tells the replicas of it."""
GIB = 1024**3
EXISTS = "SELECT count(*) FROM pg_database WHERE datallowconn AND datname = {name};"
DATA = "SELECT to_json(current_setting('data_directory'));"


class Survey(TypedDict):
    """A database, as survey.sql tells it."""

    version: int
    recovers: bool
    encoding: str
    order: str
    owner: str
    size: int
    comment: str
    extensions: dict[str, str]
    objects: list[str]
    owners: list[str]
    special: list[str]
    collations: list[str]
    known_collations: list[str]
    policy_roles: list[str]
    grantees: list[str]
    publications: list[str]
    subscriptions: list[str]
    views: list[str]
    settings: list[str]
    prepared: int


def literal(text: str) -> str:
    """A value in SQL."""
    return "'" + text.replace("'", "''") + "'"


def survey(server: Server, database: str) -> Survey | None:
    """Look at a database; nothing where there is none of that name."""
    if not server.ask(EXISTS.format(name=literal(database)))[0]:
        return None
    sql = Path(__file__).with_name("survey.sql").read_text(encoding="utf-8")
    return cast("Survey", server.ask(sql, database)[0])


def absent(job: Job) -> str:
    """That the old server has no such database, as a sentence."""
    names = job.old.ask("SELECT to_json(datname) FROM pg_database WHERE NOT datistemplate ORDER BY datname;")
    return f"{job.origin} has no database {job.source}, but {named(names)}."


def look(job: Job) -> tuple[list[str], list[str]]:
    """Compare both: what has to be done first, and what one should know. All of it at once."""
    old, new = survey(job.old, job.source), survey(job.new, job.database)
    found = []
    if old is None:
        found.append(absent(job))
    if new is None:
        found.append(
            f"The database {job.database} is declared, and is not there yet: run playbooks/postgresql.yml first."
        )
    if old is None or new is None:
        return found, []
    roles = set(job.new.ask("SELECT to_json(rolname) FROM pg_roles;"))
    free = shutil.disk_usage(job.new.ask(DATA)[0]).free
    return problems(job, old, new, roles, free), notes(old, new)


def problems(job: Job, old: Survey, new: Survey, roles: set[str], free: int) -> list[str]:
    """What has to be done first: a sentence each."""
    return [*_of_target(job, old, new, free), *_of_source(job, old), *_between(old, new, roles)]


def already(job: Job, new: Survey | None) -> str:
    """That this very database has been adopted, as the beginning of a sentence; nothing if it has not."""
    return f"{job.database} is {new['comment']} already" if new and new["comment"].startswith(job.mark) else ""


def occupied(job: Job, new: Survey) -> str:
    """That the database here has what nobody has agreed to lose, as a sentence; nothing if it has not."""
    if not new["objects"] or job.replace:
        return ""
    known = f" ({new['comment']})" if new["comment"] else ""
    return (
        f"{job.database} is not empty{known}: it has {named(new['objects'])}. If all of that may go for good, say "
        f"-e replace={job.database}."
    )


def _of_target(job: Job, old: Survey, new: Survey, free: int) -> list[str]:
    found = []
    if new["recovers"]:
        found.append("This member is no primary (any more): run the playbook again.")
    if done := already(job, new):
        # Also where the content may go: that was said of what the database had before.
        found.append(
            f"{done}: connect the service, if it is not yet. If it is to be copied anew, and what the service has "
            "written here may go, give the old database back first: -e way_back=true."
        )
    elif taken := occupied(job, new):
        found.append(taken)
    if free < old["size"] * ROOM:
        found.append(
            f"{job.source} has {old['size'] / GIB:.1f} GiB; the copy and its log take up to {ROOM} times that, and "
            f"{free / GIB:.1f} GiB are free here."
        )
    return found


def _of_source(job: Job, old: Survey) -> list[str]:
    found = []
    if old["version"] < OLDEST:
        found.append(
            f"{job.origin} has PostgreSQL {old['version']}: rows can be compared from {OLDEST} on. Upgrade it first."
        )
    if old["recovers"]:
        found.append(f"{job.origin} is a replica, which cannot be told to take no more writes: name its primary.")
    if old["prepared"]:
        found.append(
            f"{job.source} has {old['prepared']} prepared transaction(s), which no copy has: end them "
            "(pg_prepared_xacts)."
        )
    if len(old["owners"]) > 1 and not job.one_owner:
        found.append(
            f"{job.source} belongs to several roles, {named(old['owners'])}; here all of it would belong to the "
            "database's owner. If that is fine, say -e one_owner=true."
        )
    if old["special"]:
        found.append(
            f"{job.source} has what only a superuser makes, and no service of ours is one: {named(old['special'])}. "
            "Remove it there, or make it an extension."
        )
    return found


def _between(old: Survey, new: Survey, roles: set[str]) -> list[str]:
    found = []
    if old["version"] > new["version"]:
        found.append(
            f"The old server has PostgreSQL {old['version']}, and here is {new['version']}: nothing goes back."
        )
    if old["encoding"] != new["encoding"]:
        found.append(
            f"Texts are in {old['encoding']} there and in {new['encoding']} here, so no checksum would be the same: "
            "convert the old database first (pg_dump --encoding, into a new one beside it)."
        )
    missing = sorted(old["extensions"].keys() - new["extensions"].keys())
    if missing:
        found.append(
            f"Extensions are missing here: {named(missing)}. Declare them (postgresql_databases, extensions) and run "
            "playbooks/postgresql.yml; one that is no part of PostgreSQL needs its package on all members."
        )
    found += [
        f"The extension {name} is in the schema {schema} there, and in {new['extensions'][name]} here: "
        "ALTER EXTENSION … SET SCHEMA on one of them."
        for name, schema in sorted(old["extensions"].items())
        if name in new["extensions"] and new["extensions"][name] != schema
    ]
    unknown = sorted(set(old["collations"]) - set(new["known_collations"]))
    if unknown:
        found.append(
            f"Columns are ordered by collations that this host does not have: {named(unknown)}. Give the columns "
            "others there (ALTER TABLE … ALTER … TYPE … COLLATE)."
        )
    absent = sorted(set(old["policy_roles"]) - roles)
    if absent:
        found.append(f"Row policies name roles that are not here: {named(absent)}. Declare them (postgresql_roles).")
    return found


def notes(old: Survey, new: Survey) -> list[str]:
    """What will be different, and is not wrong: a sentence each."""
    found = []
    if old["order"] != new["order"]:
        found.append(
            f"Texts are ordered by {old['order']} there and by {new['order']} here; lists may look different. "
            "`collate` of the declaration chooses another order for a new database."
        )
    if old["grantees"]:
        found.append(
            f"Privileges are not copied, but declared (postgresql_grants). There, {named(old['grantees'])} had some."
        )
    if old["views"]:
        found.append(f"Materialized views are computed anew, and not compared: {named(old['views'])}.")
    if old["settings"]:
        found.append(f"Settings of the old database are not copied: {named(old['settings'])}.")
    if old["publications"] or old["subscriptions"]:
        found.append(f"Replication is not copied: {named(old['publications'] + old['subscriptions'])}.")
    return found


def named(names: list[str]) -> str:
    """Names in a sentence, not too many."""
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")
