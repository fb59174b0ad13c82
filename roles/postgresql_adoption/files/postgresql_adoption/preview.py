"""What each way of an adoption would do: nothing is changed by any of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from restore_drill.settings import RestoreError

from .report import Report
from .survey import absent, already, literal, look, named, survey

if TYPE_CHECKING:
    from .job import Job

# Whether it takes no writes, and how many would be hung up.
FROZEN = """
SELECT json_build_array(
  EXISTS (SELECT FROM pg_db_role_setting
          WHERE setdatabase = d.oid AND setrole = 0 AND 'default_transaction_read_only=on' = ANY (setconfig)),
  (SELECT count(*) FROM pg_stat_activity
   WHERE datname = d.datname AND backend_type = 'client backend' AND pid <> pg_backend_pid()))
FROM pg_database AS d WHERE datname = {database};
"""
LEFT = "SELECT to_json(datname) FROM pg_database WHERE datname IN ({copy}, {replaced}) ORDER BY datname;"
COMMENT = "SELECT to_json(shobj_description(oid, 'pg_database')) FROM pg_database WHERE datname = {database};"


def rehearse(job: Job) -> Report:
    """See whether the old database could be adopted, and say what one should know.

    Raises:
        RestoreError: It could not; with all reasons.
    """
    found, notes = look(job)
    if found:
        raise RestoreError("\n".join(found))
    return Report(notes)


def adopt(job: Job) -> Report:
    """Say what `adopt` would do.

    Raises:
        RestoreError: It would refuse; with all reasons.
    """
    if said := done(job):
        return Report([*_left(job), f"{said}: nothing would be copied."])
    told = rehearse(job)
    here = survey(job.new, job.database)
    goes = [f"What {job.database} has would go for good: {named(here['objects'])}."] if here and here["objects"] else []
    _, clients = _frozen(job)
    return Report(
        [
            *told.notes,
            *_left(job),
            f"{job.source} on {job.origin} would take no writes from then on, and its {clients} clients be hung up.",
            f"A copy of it would take the place of {job.database}.",
            *goes,
        ]
    )


def way_back(job: Job) -> Report:
    """Say what `way_back` would do.

    Raises:
        RestoreError: The old server has no such database.
    """
    is_frozen, clients = _frozen(job)
    takes = "takes no writes now, and would take them again" if is_frozen else "takes writes already"
    said = [f"{job.source} on {job.origin} {takes}. Its {clients} clients would be hung up."]
    if found := mark(job):
        said.append(
            f"{job.database} is {found}: it would stay as it is, marked as given back, so that it may be replaced."
        )
    else:
        said.append(f"{job.database} would stay as it is.")
    return Report([*said, *_left(job)])


def done(job: Job) -> str:
    """That nothing is left to adopt, as the beginning of a sentence; nothing if there is."""
    return "" if job.replace else already(job, survey(job.new, job.database))


def mark(job: Job) -> str:
    """What the database here says of where it was adopted from; nothing if it was not, or not from there."""
    said: list[str] = job.new.ask(COMMENT.format(database=literal(job.database)))
    return next((one for one in said if one.startswith(job.mark)), "")


def _frozen(job: Job) -> tuple[bool, int]:
    """Whether the old database takes no writes, and how many are connected to it."""
    found: list[tuple[bool, int]] = job.old.ask(FROZEN.format(database=literal(job.source)))
    if not found:
        raise RestoreError(absent(job))
    is_frozen, clients = found[0]
    return is_frozen, clients


def _left(job: Job) -> list[str]:
    """That what an interrupted adoption has left would be removed, as a sentence."""
    left = job.new.ask(LEFT.format(copy=literal(job.copy), replaced=literal(job.replaced)))
    return [f"Left by an adoption that did not end well, and would be removed: {named(left)}."] if left else []
