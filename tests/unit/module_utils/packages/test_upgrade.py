"""What apt says, and what it means for daemons."""

from __future__ import annotations

from ansible_collections.aurore.infra.plugins.module_utils.packages.upgrade import (
    Plan,
    Process,
    Upgrade,
    outdated,
    plan,
    sentences,
)

SIMULATED = """\
Inst haproxy [3.0.11-1+deb13u4] (3.0.11-1+deb13u5 Debian-Security:13/stable-security [amd64])
Inst libnew1 (1.0 Debian:13.2/stable [amd64])
Conf libnew1 (1.0 Debian:13.2/stable [amd64])
Conf haproxy (3.0.11-1+deb13u5 Debian-Security:13/stable-security [amd64])
Conf patroni (4.0.7-3~deb13u1 Debian:13.2/stable [all])
Remv old [0.9]
"""
MAPS = """\
55d0c8a00000-55d0c8b00000 r-xp 00000000 00:2f 1234 /usr/sbin/haproxy (deleted)
7f0000000000-7f0000100000 r-xp 00000000 00:2f 1235 /usr/lib/x86_64-linux-gnu/libssl.so.3
7f0000100000-7f0000200000 r-xp 00000000 00:2f 1236 /usr/lib/x86_64-linux-gnu/libcrypto.so.3 (deleted)
7f0000200000-7f0000300000 rw-s 00000000 00:01 1237 /dev/zero (deleted)
7f0000300000-7f0000400000 rw-s 00000000 00:01 1238 /memfd:doublemapper (deleted)
"""


def test_what_apt_would_do() -> None:
    haproxy = Upgrade("haproxy", "3.0.11-1+deb13u4", "3.0.11-1+deb13u5")
    assert plan(SIMULATED) == Plan([haproxy, Upgrade("libnew1", "", "1.0")], ["patroni"], ["old"])
    assert plan("haproxy is already the newest version (3.0.11-1+deb13u5).\n") == Plan([], [], [])


def test_what_runs_a_file_that_was_replaced_is_outdated() -> None:
    assert outdated([Process(0, MAPS), Process(0, "")], {}) == [
        "/usr/lib/x86_64-linux-gnu/libcrypto.so.3 was replaced",
        "/usr/sbin/haproxy was replaced",
    ]


def test_what_is_older_than_what_it_has_read_is_outdated() -> None:
    files = {"patroni": 100.0, "/etc/systemd/system/patroni.service.d/60-aurore.conf": 90.0}
    assert outdated([Process(101, "")], files) == []
    assert outdated([Process(95, ""), Process(101, "")], files) == ["patroni is newer"]
    assert outdated([], files) == []


def test_people_are_told() -> None:
    upgrades, unfinished, _ = plan(SIMULATED)
    assert sentences(upgrades, unfinished, {"haproxy.service": ["a was replaced", "b is newer"]}) == [
        "haproxy 3.0.11-1+deb13u4 -> 3.0.11-1+deb13u5",
        "libnew1 (none) -> 1.0",
        "patroni is completed",
        "haproxy.service is restarted: a was replaced, b is newer",
    ]
