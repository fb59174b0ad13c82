"""A service's way to the databases, as its host goes it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..conftest import SSH_CONFIG, connect, run
from . import cluster
from .cluster import CLIENT, MEMBERS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from testinfra.backend.base import CommandResult

PRIMARY, REPLICAS = "service=primary dbname=forge user=forge", "service=replicas dbname=forge user=forge"
IN_RECOVERY = "SELECT pg_is_in_recovery()"
PASSWORDS = "/run/aurore-access.pgpass"


def put(host: str, path: str, content: str) -> None:
    """Write a file for root alone. Its content is on no command line."""
    run("ssh", "-F", str(SSH_CONFIG), host, f"umask 077; cat >{path}", input=content)


@contextmanager
def passwords() -> Iterator[None]:
    """The passwords of two services, on hosts that use them."""
    hosts = [CLIENT, *MEMBERS]
    lines = "".join(f"*:*:*:{role}:{cluster.secret(f'postgresql/{role}')}\n" for role in ("forge", "drone"))
    for host in hosts:
        put(host, PASSWORDS, lines)
    yield
    for host in hosts:
        connect(host).check_output(f"rm -f {PASSWORDS}")


def psql(conninfo: str, sql: str = "SELECT 1") -> CommandResult:
    """What the client's psql says."""
    words = "psql --no-psqlrc --no-password --quiet --tuples-only --no-align --dbname %s --command %s"
    return connect(CLIENT).run(f"PGPASSFILE={PASSWORDS} timeout 30 {words}", conninfo, sql)


def answers(conninfo: str) -> bool:
    """Whether a server answers the client."""
    return psql(conninfo).rc == 0


def asked(conninfo: str, sql: str) -> str:
    """What a server answers the client."""
    said = psql(conninfo, sql)
    assert said.rc == 0, said.stderr
    return said.stdout.strip()
