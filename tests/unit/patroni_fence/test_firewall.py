"""What the kernel drops, with the real nft, and connections in a network of the test's own."""

from __future__ import annotations

import socket
import subprocess
from typing import TYPE_CHECKING

import pytest
from patroni_fence import firewall

from tests.unit.firewall import empty, eventually, nft

if TYPE_CHECKING:
    from collections.abc import Iterator

PRIMARY, OTHER, ME = "192.0.2.1", "192.0.2.2", "192.0.2.3"


@pytest.fixture(autouse=True)
def _network() -> Iterator[None]:
    with empty():
        for words in ("link set lo up", *(f"address add {address}/32 dev lo" for address in (PRIMARY, OTHER, ME))):
            subprocess.run(["ip", *words.split()], check=True)
        yield


class Connection:
    """A connection from this member to somebody's server."""

    def __init__(self, address: str, port: int = 5432) -> None:
        with socket.create_server((address, port)) as listening:
            self.here = socket.create_connection((address, port), timeout=0.2, source_address=(ME, 0))
            self.there = listening.accept()[0]

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.here.close()
        self.there.close()

    def gets_through(self, text: bytes = b"x") -> bool:
        """Whether what is sent there arrives, and what is sent back."""
        try:
            for one, other in ((self.here, self.there), (self.there, self.here)):
                one.sendall(text)
                other.settimeout(0.2)
                other.recv(99)
        except TimeoutError:
            return False
        return True


def test_it_listens_to_all_but_one() -> None:
    firewall.open_all()
    with Connection(PRIMARY) as primary, Connection(OTHER) as other, Connection(PRIMARY, 5433) as elsewhere:
        assert primary.gets_through()
        firewall.close(PRIMARY)
        assert not primary.gets_through()
        assert other.gets_through()
        assert elsewhere.gets_through()
        firewall.open_all()
        # TCP has kept what was not heard.
        assert eventually(primary.gets_through)


def test_nothing_comes_from_the_primary_either() -> None:
    with Connection(PRIMARY) as primary:
        firewall.close(PRIMARY)
        primary.there.sendall(b"x")
        with pytest.raises(TimeoutError):
            primary.here.recv(1)


def test_no_new_connection_is_made() -> None:
    firewall.close(PRIMARY)
    with pytest.raises(TimeoutError):
        Connection(PRIMARY)


def test_the_kernel_opens_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(firewall, "HOLD", 1)
    with Connection(PRIMARY) as primary:
        firewall.close(PRIMARY)
        assert not primary.gets_through()
        assert eventually(primary.gets_through)


def test_each_call_holds_anew() -> None:
    for _ in range(2):
        firewall.close(PRIMARY)
        listed = nft("list", "set", "inet", "patroni_fence", "silent")
        assert f"{PRIMARY} timeout 1m expires" in listed
    firewall.close(OTHER)
    assert PRIMARY not in nft("list", "ruleset")
    assert OTHER in nft("list", "ruleset")


def test_other_tables_are_left_alone() -> None:
    nft("add table inet filter")
    firewall.close(PRIMARY)
    firewall.open_all()
    assert {"table inet filter", "table inet patroni_fence"} == {*nft("list", "tables").splitlines()}


def test_what_nft_refuses_changes_nothing() -> None:
    firewall.close(PRIMARY)
    with pytest.raises(subprocess.CalledProcessError):
        firewall.close("nonsense")
    assert PRIMARY in nft("list", "ruleset")
