"""An older PostgreSQL than Debian has now, from the Debian before, and nothing else from there."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.testinfra.conftest import connect, inventory

if TYPE_CHECKING:
    from collections.abc import Iterator

VERSION, SUITE = 15, "bookworm"
BIN = f"/usr/lib/postgresql/{VERSION}/bin"
SOURCE, PIN = f"/etc/apt/sources.list.d/{SUITE}.sources", f"/etc/apt/preferences.d/{SUITE}"
# Without this, the package makes a cluster and starts it.
QUIET = "/etc/postgresql-common/createcluster.conf"
APT = "DEBIAN_FRONTEND=noninteractive apt-get --quiet=2 --yes"


def offer(name: str) -> None:
    """Have a host know the older packages: those alone that there are no newer ones of."""
    source = f"""Types: deb
URIs: {inventory()[name]["model_apt_mirror"]}
Suites: {SUITE}
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
"""
    pin = f"Package: *\nPin: release n={SUITE}\nPin-Priority: 100\n"
    write = "cat >%s <<'END'\n%sEND\n"
    host = connect(name)
    host.check_output(f"{write % (SOURCE, source)}{write % (PIN, pin)}{APT} update")


def withdraw(name: str) -> None:
    """Have it know them no more."""
    connect(name).check_output(f"rm -f {SOURCE} {PIN}; {APT} update")


@contextmanager
def server(name: str, port: int) -> Iterator[None]:
    """An old server on a host, for as long as it lasts; afterwards the host has what it had before."""
    host = connect(name)
    listed = "dpkg-query --show --showformat '${Package}\\n' | sort"
    offer(name)
    had = host.check_output(listed)
    try:
        host.check_output(f"mkdir -p {QUIET.rpartition('/')[0]}; echo create_main_cluster = false >{QUIET}")
        host.check_output(f"{APT} install --no-install-recommends postgresql-{VERSION}")
        made = "-- --locale=C.UTF-8 --encoding=UTF8 --auth-local=peer"
        host.check_output(f"pg_createcluster --port {port} --start {VERSION} old {made}")
        yield
    finally:
        host.run(f"pg_dropcluster --stop {VERSION} old")
        has = host.check_output(listed)
        host.check_output(f"{APT} purge {' '.join(sorted({*has.split()} - {*had.split()}))}; rm -f {QUIET}")
        withdraw(name)
