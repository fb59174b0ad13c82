"""Not listening: drops what the primary's PostgreSQL sends here, and what is sent to it."""

from __future__ import annotations

import subprocess

HOLD = 60
"""Seconds after which the kernel opens again by itself. Votes end sooner, and so do the connections that are cut."""

TABLE = """\
table inet patroni_fence
delete table inet patroni_fence
table inet patroni_fence {
	set silent {
		type ipv4_addr
		flags timeout
	}
	chain input {
		type filter hook input priority filter - 10; policy accept;
		ip saddr @silent tcp sport 5432 counter drop
	}
	chain output {
		type filter hook output priority filter - 10; policy accept;
		ip daddr @silent tcp dport 5432 counter drop
	}
}
"""


def open_all() -> None:
    """Listens to everyone."""
    _nft(TABLE)


def close(address: str) -> None:
    """Stops listening to one, for HOLD seconds from now."""
    _nft(f"{TABLE}add element inet patroni_fence silent {{ {address} timeout {HOLD}s }}\n")


def _nft(commands: str) -> None:
    """Carries commands out, all of them or none."""
    subprocess.run(["/usr/sbin/nft", "-f", "-"], input=commands, text=True, check=True)
