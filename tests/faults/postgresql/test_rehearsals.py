"""What a rehearsed restore tells is true, also of a backup that is damaged; and what was dropped is had back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.testinfra.conftest import connect, eventually
from tests.testinfra.playbook import play, succeeded
from tests.testinfra.postgresql import cluster
from tests.testinfra.postgresql.cluster import MEMBERS
from tests.testinfra.postgresql.repository import (
    REPOSITORY,
    STORE,
    a_row_with_a_backup,
    metrics,
    now,
    said,
    the_log_arrives,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def word() -> Iterator[str]:
    """A row that all members have, and which is in a backup."""
    with a_row_with_a_backup() as one:
        yield one


def rehearse(host: str) -> int:
    """Rehearse on a replica, whosever turn it is; how that ended."""
    return int(connect(host).run("restore-drill drill --here; status=$?; restore-drill cleanup; exit $status").rc)


def restored(host: str) -> dict[str, float]:
    """What a member tells of its last rehearsal."""
    told = metrics(host, "postgresql-restore")
    return {name.removeprefix("aurore_restore_drill_"): value for name, value in told.items()}


@pytest.mark.usefixtures("word")
def test_one_replica_rehearses() -> None:
    """As the timers start them: all at the same time, and one of them works."""
    for name in MEMBERS:
        connect(name).check_output("systemctl start --no-block restore-drill.service")
    active = "systemctl is-active restore-drill.service"
    assert eventually(lambda: {connect(name).run(active).stdout for name in MEMBERS} == {"inactive\n"}, 120)
    worked = [name for name in MEMBERS if "success" in restored(name)]
    assert len(worked) == 1
    assert worked[0] in cluster.replicas()
    told = restored(worked[0])
    assert told["success"] == 1
    assert told["tables"] > 100
    assert told["rows"] > 1000
    assert told["last_success_timestamp_seconds"] == told["last_run_timestamp_seconds"]
    assert connect(worked[0]).run("ls /var/lib/postgresql/drill").rc != 0


@pytest.mark.usefixtures("word")
def test_a_rehearsal_while_others_write() -> None:
    """What is compared is of one moment, whatever is written meanwhile."""
    replica, primary = cluster.replicas()[0], connect(cluster.primary())
    bench = "cd / && runuser -u postgres -- /usr/lib/postgresql/17/bin/pgbench"
    cluster.query(cluster.primary(), "CREATE DATABASE for_backups")
    try:
        primary.check_output(f"{bench} --initialize --quiet for_backups 2>&1")
        busy = f"systemd-run --unit=for-backups --collect sh -c '{bench} --client=4 --time=60 for_backups'"
        primary.check_output(busy)
        assert rehearse(replica) == 0
        assert restored(replica)["success"] == 1
    finally:
        primary.check_output("systemctl stop for-backups")
        cluster.query(cluster.primary(), "DROP DATABASE for_backups WITH (FORCE)")


@pytest.mark.usefixtures("word")
def test_a_rehearsal_while_somebody_lets_the_replica_go() -> None:
    """Patroni does once a second, when it looks; this one a hundred times."""
    replica = cluster.replicas()[0]
    let_go = "SELECT pg_wal_replay_resume(), pg_sleep(0.01) FROM generate_series(1, 500)"
    connect(replica).check_output(
        "systemd-run --unit=for-backups --collect --uid=postgres --property=StandardOutput=null"
        f" psql --no-psqlrc --dbname=postgres --command='{let_go}'"
    )
    assert rehearse(replica) == 0
    assert restored(replica)["success"] == 1


@pytest.mark.usefixtures("word")
def test_a_rehearsal_of_a_damaged_backup_fails() -> None:
    host, replica = connect(REPOSITORY), cluster.replicas()[0]
    # Of the rehearsal before.
    before = restored(replica)["last_success_timestamp_seconds"]
    label = said()["backup"][-1]["label"]
    # The largest file of it: in the middle of what was written a byte is another one.
    find = f"find {STORE}/backup/aurore/{label} -type f -name '*[0-9]' -printf '%s %p\\n' | sort -n | tail -1"
    size, path = host.check_output(find).split(maxsplit=1)
    host.check_output(f"cp --preserve {path} /var/tmp/undamaged")
    try:
        damage = f"printf '\\xff\\x00\\xff\\x00' | dd of={path} bs=1 seek={int(size) // 2} conv=notrunc status=none"
        host.check_output(damage)
        assert rehearse(replica) == 1
        told = restored(replica)
        assert told["success"] == 0
        assert told["last_success_timestamp_seconds"] == before
        # And the repository finds it, too.
        assert host.run("systemctl start pgbackrest-verify.service").rc != 0
        assert metrics(REPOSITORY, "backup-verify")['aurore_backup_job_success{job_name="verify"}'] == 0
    finally:
        host.check_output(f"cp --preserve /var/tmp/undamaged {path} && rm /var/tmp/undamaged")
    host.check_output("systemctl start pgbackrest-verify.service")


@pytest.mark.usefixtures("word")
def test_a_rehearsal_that_is_killed_has_failed_and_hinders_nobody() -> None:
    replica = cluster.replicas()[0]
    host = connect(replica)
    host.check_output("systemd-run --unit=for-backups --property=ExecStopPost='/usr/local/sbin/restore-drill cleanup'"
                      " /usr/local/sbin/restore-drill drill --here")  # fmt: skip
    assert eventually(lambda: host.run("test -e /var/lib/postgresql/drill/data/PG_VERSION").rc == 0, 60)
    host.check_output("systemctl kill --kill-whom=main --signal=KILL for-backups")
    assert eventually(lambda: host.run("systemctl is-active for-backups").stdout.strip() in {"failed", "inactive"}, 60)
    host.run("systemctl reset-failed for-backups")
    assert restored(replica)["success"] == 0
    assert host.run("ls /var/lib/postgresql/drill").rc != 0
    assert host.run("pgrep --full /var/lib/postgresql/drill").rc == 1
    cluster.await_health()
    assert rehearse(replica) == 0
    assert restored(replica)["success"] == 1


def test_a_table_that_was_dropped_is_had_back(word: str) -> None:
    """Beside the running cluster, which goes on."""
    primary = cluster.primary()
    cluster.query(primary, f"CREATE TABLE dropped AS SELECT '{word}' AS word, n FROM generate_series(1, 1000) AS n")
    moment = now()
    cluster.query(primary, "DROP TABLE dropped")
    words = ["-e", json.dumps({"restore_to": moment, "database": "postgres"})]
    succeeded(play("playbooks/operations/extract_from_backup.yml", *words, "-e", "table=public.dropped"))
    host = connect(primary)
    dump = host.check_output("ls -t /var/lib/postgresql/extracts/*.dump | head -1")
    try:
        host.check_output(f"cd / && runuser -u postgres -- pg_restore --dbname=postgres {dump}")
        assert cluster.query(primary, "SELECT count(*), min(word) FROM dropped").strip() == f"1000|{word}"
    finally:
        host.check_output(f"rm {dump}")
        cluster.query(primary, "DROP TABLE IF EXISTS dropped")


def test_a_new_primary_goes_on_with_the_log() -> None:
    before = cluster.primary()
    cluster.switch_over(cluster.replicas()[0])
    cluster.await_health()
    assert cluster.primary() != before
    the_log_arrives()
