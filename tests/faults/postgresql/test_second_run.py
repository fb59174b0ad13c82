"""After everything that has happened, the playbook finds nothing to change and restarts nothing."""

from __future__ import annotations

from tests.testinfra.conftest import connect
from tests.testinfra.playbook import changes, play
from tests.testinfra.postgresql import cluster

from .interrupt import PLAYBOOK

# The services that run, with their first process and since when. Sessions come and go.
RUNNING = """
units=$(systemctl list-units --type=service --state=running --plain --no-legend | cut -d' ' -f1 | grep -v '^user')
systemctl show --property=Id,MainPID,ActiveEnterTimestampMonotonic $units
"""


def ages() -> dict[str, str]:
    """What runs on each member, and since when."""
    started = "SELECT pg_postmaster_start_time()"
    return cluster.each_member(lambda one: connect(one).check_output(RUNNING) + cluster.query(one, started))


def test_a_second_run_changes_and_restarts_nothing() -> None:
    cluster.await_health()
    before = ages()
    ran = play(PLAYBOOK)
    assert {*changes(ran).values()} == {0}, ran.stdout
    assert ages() == before
