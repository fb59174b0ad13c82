"""A kernel's firewall to try rulesets on: the real nft, in a network namespace of the test's own."""

from __future__ import annotations

import os
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ansible_collections.aurore.infra.plugins.module_utils.nftables import agent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

RULESET = """
table inet filter
delete table inet filter
table inet filter {
    chain input {
        type filter hook input priority 0; policy drop;
        ct state established,related accept
        tcp dport {443, 80} counter accept comment "web"
    }
}
"""


@contextmanager
def empty() -> Iterator[None]:
    """Enter an empty network namespace, and leave it afterwards."""
    before = os.open("/proc/self/ns/net", os.O_RDONLY)
    os.unshare(os.CLONE_NEWNET)
    try:
        yield
    finally:
        os.setns(before, os.CLONE_NEWNET)
        os.close(before)


def nft(*words: str) -> str:
    """Run nft as a person does."""
    return agent.run([agent.NFT, *words])


def eventually(look: Callable[[], bool], seconds: float = 10) -> bool:
    """Await a condition; whether it came to hold."""
    deadline = time.monotonic() + seconds
    while not look() and time.monotonic() < deadline:
        threading.Event().wait(0.02)
    return look()
