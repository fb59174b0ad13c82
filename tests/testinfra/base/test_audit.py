"""The rules, in the one kernel that all hosts of the lab share: the machine's.

Rules are added to what the machine has and taken back; whether its audit was on is as it was. What auditd makes of the
records is not seen here: docs/decisions/0006-audit-in-containers.md.
"""

from __future__ import annotations

import re
import socket
import subprocess
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from lab.context import Lab, Owner
from lab.podman import Podman

from ..conftest import LAB, ROOT, SSH_CONFIG, connect, eventually, run

if TYPE_CHECKING:
    from collections.abc import Iterator

NETLINK_AUDIT = 9
READERS = 1
"""The group of those who read along (AUDIT_NLGRP_READLOG in linux/audit.h)."""
HEADER = 16

RULES = "/etc/audit/rules.d/60-aurore.rules"


class Kernel:
    """The kernel's audit, by the auditctl of a host, whose paths the rules mean."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.records: list[str] = []

    def auditctl(self, *arguments: str) -> str:
        """What the host's auditctl says."""
        # The host's mounts, and nothing else of it: the kernel takes rules from the machine alone.
        argv = ["nsenter", "--target", str(self.pid), "--mount", "auditctl", *arguments]
        return subprocess.run(argv, check=True, capture_output=True, text=True).stdout

    def read(self, readers: socket.socket) -> None:
        """Collect records until the socket is shut."""
        while content := readers.recv(65536):
            self.records.append(content[HEADER:].decode(errors="replace"))

    def of_session(self, session: str, key: str) -> list[str]:
        """The records of a session that a rule with this key has made."""
        made = [line for line in self.records if f" ses={session} " in line and f'key="{key}"' in line]
        events = {found[1] for line in made if (found := re.search(r"audit\(([^)]+)\)", line))}
        return [line for line in self.records if any(f"audit({event})" in line for event in events)]


def pid_of(host: str) -> int:
    """The first process of a host, as the machine sees it."""
    return Podman(Lab(ROOT, Owner.current())).containers()[host].pid


@contextmanager
def reading(kernel: Kernel) -> Iterator[None]:
    """Read along."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_AUDIT) as readers:
        readers.bind((0, READERS))
        readers.settimeout(0.2)
        done = threading.Event()

        def read() -> None:
            while not done.is_set():
                try:
                    kernel.read(readers)
                except TimeoutError:
                    continue

        thread = threading.Thread(target=read)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    """The kernel with the rules of a host."""
    made = Kernel(pid_of("git"))
    # The role's rules; not what says how audit works, which is the machine's affair.
    lines = connect("git").file(RULES).content_string.splitlines()
    rules = [line.split() for line in lines if line.startswith("-a ")]
    was_on = re.findall(r"^enabled (\d)", made.auditctl("-s"), re.MULTILINE)[0]
    added: list[list[str]] = []
    try:
        made.auditctl("-e", "1")
        for rule in rules:
            made.auditctl(*rule)
            added.append(rule)
        with reading(made):
            yield made
    finally:
        for _, *rest in added:
            made.auditctl("-d", *rest)
        made.auditctl("-e", was_on)


def test_what_root_does_is_recorded_with_the_certificate_s_session(kernel: Kernel) -> None:
    """A command and a change of who may come in; the session's number joins them to the line on the log host."""
    command = "journalctl --sync; cat /proc/self/sessionid; touch /etc/ssh/user_authorities"
    session = run("ssh", "-F", str(SSH_CONFIG), "-o", "ControlPath=none", "git", command).stdout.strip()
    certificate = run("ssh-keygen", "-L", "-f", str(LAB / "ssh/id_ed25519-cert.pub")).stdout
    serial = re.findall(r"Serial: (\d+)", certificate)[0]
    identity = re.findall(r"Key ID: (\".*\")", certificate)[0]

    def opened() -> list[str]:
        kept = "journalctl --directory /var/log/journal/remote/git.adm.auro.re --quiet --output cat -t record-session"
        lines = connect("log").run(f"{kept} --grep 'session={session}$'").stdout.splitlines()
        return [line for line in lines if "opened" in line]

    assert eventually(opened)
    assert f"id={identity} serial={serial} authority=SHA256:" in opened()[-1]
    assert eventually(lambda: any('a0="touch"' in line for line in kernel.of_session(session, "session")))
    # The trail itself names the certificate.
    said = [line for line in kernel.records if f" ses={session} " in line and "record-session" not in line]
    assert any(f"session opened: user=root id={identity} serial={serial} authority=" in line for line in said), said
    commands = kernel.of_session(session, "session")
    assert any('a0="touch" a1="/etc/ssh/user_authorities"' in line for line in commands), commands
    changes = kernel.of_session(session, "ssh")
    assert any('name="/etc/ssh/user_authorities"' in line for line in changes), kernel.records
    assert all(" auid=0 " in line for line in changes if line.startswith("audit(") and " ses=" in line)
