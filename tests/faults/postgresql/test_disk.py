"""The disk of the primary is full."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.testinfra.conftest import connect
from tests.testinfra.postgresql import cluster

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .conftest import Conclude
    from .trial import Trial

HOME = "/var/lib/postgresql"
SPARE = 300
"""MiB that the small disk has beside the data."""
# The host's own disk is the machine's: the data moves to a small one, with all that the host knows of it.
SHRINK = f"""
set -e
systemctl stop patroni.service
mv {HOME} {HOME}.large && mkdir {HOME}
mount -t tmpfs -o size=$(($(du -sm {HOME}.large | cut -f1) + {SPARE}))m,mode=0755 small {HOME}
cp -a {HOME}.large/. {HOME} || {{ umount {HOME}; rmdir {HOME}; mv {HOME}.large {HOME}; exit 1; }}
systemctl start patroni.service
"""
ENLARGE = f"""
set -e
systemctl stop patroni.service
rm -rf {HOME}.large/*
cp -a {HOME}/. {HOME}.large
# What archives the log ends after the server, and works there.
for _ in $(seq 100); do umount {HOME} 2>/dev/null && break; sleep 0.1; done
rmdir {HOME}
mv {HOME}.large {HOME}
systemctl start patroni.service
"""
# What somebody put there by mistake; then the log of changes grows until there is no place for it.
FILL = f"""
dd if=/dev/zero of={HOME}/ballast bs=64k 2>/dev/null
for _ in $(seq 100); do
  runuser -u postgres -- psql -qAtX -c "SELECT pg_logical_emit_message(false, 'fault', repeat('x', 4000000))" || exit 0
done
exit 1
"""


@pytest.fixture
def small_disk() -> Iterator[str]:
    """The primary, after its data has moved to a disk that can be filled."""
    cluster.await_health()
    host = cluster.replicas()[0]
    connect(host).check_output(SHRINK)
    try:
        cluster.await_health()
        cluster.switch_over(host)
        cluster.await_health()
        yield host
        if cluster.primary() == host:
            cluster.switch_over()
            cluster.await_health()
    finally:
        connect(host).check_output(ENLARGE)
        cluster.await_health()


def test_the_disk_is_full(small_disk: str, trial: Trial, conclude: Conclude) -> None:
    host = connect(small_disk)
    host.check_output(FILL)
    trial.recovers()
    host.check_output(f"rm {HOME}/ballast")
    conclude(trial, "disk of the primary full")
    assert cluster.primary() != small_disk
