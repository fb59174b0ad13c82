"""The repository of backups, and the words by which people act on it."""

from __future__ import annotations

import json
import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..conftest import connect, eventually, inventory
from . import cluster

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY: str = next(
    name for name, variables in inventory().items() if "backup_repository" in variables["model_services"]
)
STORE = "/var/lib/pgbackrest"
AS_ITS_USER = "setpriv --reuid=pgbackrest --regid=pgbackrest --groups=tls --reset-env --"
METRICS = "/var/lib/prometheus/node-exporter"
TIMERS = ("pgbackrest-*.timer", "restore-drill.timer", "apt-daily*.timer")
# What they are set to instead, until that is removed or the host boots.
NEVER = f"""
for timer in $(systemctl list-units --plain --no-legend {" ".join(f"'{one}'" for one in TIMERS)} | cut -d' ' -f1); do
  mkdir -p /run/systemd/system/$timer.d
  printf '[Timer]\\nOnCalendar=\\nOnCalendar=2099-01-01\\n' >/run/systemd/system/$timer.d/never.conf
done
systemctl daemon-reload
"""
AGAIN = f"cd /run/systemd/system && rm -rf {' '.join(f'{one}.d' for one in TIMERS)} && systemctl daemon-reload"


def said() -> dict[str, Any]:
    """What the repository has of the cluster."""
    found = connect(REPOSITORY).check_output(f"{AS_ITS_USER} pgbackrest --stanza=aurore --output=json info")
    stanza: dict[str, Any] = json.loads(found)[0]
    return stanza


def now() -> str:
    """The primary's time, with its zone."""
    asked = "SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US+00:00')"
    return cluster.query(cluster.primary(), asked).strip()


def metrics(host: str, name: str) -> dict[str, float]:
    """What a file tells monitoring."""
    text = connect(host).run(f"grep --invert-match '^#' {METRICS}/{name}.prom").stdout
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in text.splitlines()}


def backup(kind: str) -> None:
    """Make a backup, as its timer does."""
    connect(REPOSITORY).check_output(f"systemctl start pgbackrest-backup@{kind}.service")


@contextmanager
def no_timers() -> Iterator[None]:
    """Backups, rehearsals and the upgrades of the morning begin when a test says so.

    By the clock, there is a backup within ten minutes of each change of the primary; until its end, what stops the
    replica that it reads from is refused. Two that install packages are in each other's way.
    """
    hosts = (REPOSITORY, *cluster.MEMBERS)
    cluster.each_member(lambda host: connect(host).check_output(NEVER), hosts)
    try:
        # One may have begun.
        units = " ".join(f"'{one.removesuffix('.timer')}.service'" for one in TIMERS)
        begun = f"systemctl is-active {units} | grep activating"
        assert eventually(lambda: all(connect(host).run(begun).rc for host in hosts), 120)
        yield
    finally:
        cluster.each_member(lambda host: connect(host).check_output(AGAIN), hosts)


def the_log_arrives() -> None:
    """See that what is written now is in the repository within seconds."""
    primary = cluster.primary()
    cluster.query(primary, "SELECT pg_create_restore_point('for-backups')")
    segment = cluster.query(primary, "SELECT pg_walfile_name(pg_switch_wal())").strip()
    archive = f"{STORE}/archive/aurore"
    assert eventually(lambda: connect(REPOSITORY).run(f"find {archive} -name '{segment}-*' | grep .").rc == 0, 15)
    connect(REPOSITORY).check_output("systemctl start pgbackrest-check.service")
    assert metrics(REPOSITORY, "backup-check")['aurore_backup_job_success{job_name="check"}'] == 1


@contextmanager
def a_row_with_a_backup() -> Iterator[str]:
    """A row that all members have, and which is in a backup: its word."""
    one = secrets.token_hex(16)
    primary = cluster.primary()
    cluster.query(primary, f"CREATE TABLE for_backups (word text); INSERT INTO for_backups VALUES ('{one}')")
    backup("diff")
    yield one
    cluster.query(cluster.primary(), "DROP TABLE for_backups")
