"""A table is dropped by mistake, and the whole cluster is taken back to just before."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.testinfra.conftest import connect, eventually, start
from tests.testinfra.playbook import ANSIBLE, play, refused, succeeded
from tests.testinfra.postgresql import cluster
from tests.testinfra.postgresql.repository import backup, now, said

from .account import outage
from .interrupt import interrupted
from .trial import DATABASE, OWNER, Writer

if TYPE_CHECKING:
    from collections.abc import Iterator

PLAYBOOK = "playbooks/operations/restore_postgresql.yml"
FOLLOW = "aurore.infra.pgbackrest : Wait until they follow"
BACKUP = "aurore.infra.pgbackrest : Make a full backup, with which the new history begins"
STARTED = "SELECT pg_postmaster_start_time()"
SUM = "SELECT count(*), sum(hashtextextended(dropped::text, 0)::numeric) FROM dropped"


@pytest.fixture
def writer() -> Iterator[Writer]:
    """A client that writes all the while."""
    cluster.await_health()
    make = f"CREATE TABLE restored (n bigint PRIMARY KEY); ALTER TABLE restored OWNER TO {OWNER}"
    cluster.query(cluster.primary(), make, DATABASE)
    with Writer(cluster.CLIENT, "restored") as one:
        yield one
    cluster.query(cluster.primary(), "DROP TABLE restored, dropped", DATABASE)
    cluster.each_member(lambda name: connect(name).check_output(f"rm -rf {cluster.DATA}.before-*"))


def test_all_is_taken_back_to_just_before(writer: Writer, capfd: pytest.CaptureFixture[str]) -> None:
    fill = "CREATE TABLE dropped AS SELECT n, md5(n::text) AS word FROM generate_series(1, 100000) AS n"
    cluster.query(cluster.primary(), fill, DATABASE)
    backup("diff")
    expected = cluster.query(cluster.primary(), SUM, DATABASE)
    writer.await_rows()
    kept = set(writer.acknowledged())
    moment = now()
    writer.await_rows()
    cluster.query(cluster.primary(), "DROP TABLE dropped", DATABASE)
    writer.await_rows()
    later = max(writer.acknowledged())
    words = [PLAYBOOK, "--extra-vars", json.dumps({"restore_to": moment})]

    assert "takes ALL databases of aurore back" in refused(play(*words))
    cluster.await_health()

    words += ["--extra-vars", "restore_replaces=aurore"]
    interrupt(words)
    assert "Another restore is half done here" in refused(play(*words, "--extra-vars", "restore_to=latest"))
    # Nobody else begins what is stopped, nor does a boot.
    assert "A restore of all databases is half done here" in refused(play("playbooks/postgresql.yml"))
    asked = cluster.each_member(lambda name: connect(name).run("systemctl is-enabled patroni.service").stdout.strip())
    assert set(asked.values()) == {"disabled"}
    assert f"TASK [{FOLLOW}]" in (killed := interrupted(FOLLOW, words)), killed[-4000:]
    # Services work with what was restored: what is left to do stops nobody any more.
    cluster.await_health()
    restored = cluster.primary()
    began = cluster.query(restored, STARTED)
    assert f"TASK [{BACKUP}]" in (killed := interrupted(BACKUP, words)), killed[-4000:]
    started = cluster.each_member(lambda name: cluster.query(name, STARTED))
    assert started[restored] == began
    assert "Nothing was taken back now" in succeeded(play(*words))

    writer.await_rows(seconds=120)
    cluster.await_health()
    writer.stop()
    assert cluster.each_member(lambda name: cluster.query(name, STARTED)) == started
    assert cluster.each_member(lambda name: cluster.query(name, SUM, DATABASE)) == dict.fromkeys(
        cluster.MEMBERS, expected
    )
    rows = {*map(int, cluster.query(cluster.primary(), "SELECT n FROM restored", DATABASE).split())}
    assert kept - rows == set()
    assert later not in rows
    # The new history is backed up, and the old data is beside.
    latest = said()["backup"][-1]
    assert latest["type"] == "full"
    aside = [name for name in cluster.MEMBERS if connect(name).run(f"ls -d {cluster.DATA}.before-*").rc == 0]
    assert len(aside) == 1
    with capfd.disabled():
        print(f"\nrestored to just before: {outage(writer.acknowledged()):.0f} s without an acknowledged row")  # noqa: T201


def interrupt(words: list[str]) -> None:
    """Begin, and kill the run after it has put the old data aside."""
    begun = start(*ANSIBLE, *words, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    member = cluster.MEMBERS
    try:
        assert eventually(
            lambda: any(connect(name).run(f"ls -d {cluster.DATA}.before-*").rc == 0 for name in member), 120
        )
    finally:
        os.killpg(begun.pid, signal.SIGKILL)
        begun.wait()
