"""Other addresses, the same structure."""

from __future__ import annotations

import ipaddress
from dataclasses import asdict
from datetime import date
from typing import Any

import pytest
from ansible_collections.aurore.infra.plugins.module_utils.model import ReaddressError, derive, readdress

from .fleet import fleet

MOVES = {
    "192.0.2.0/24": "198.18.2.0/24",
    "198.51.100.0/24": "198.18.100.0/24",
    "203.0.113.0/24": "198.18.113.0/24",
    "2001:db8::/52": "fd5a:7e57:1ab0::/52",
    "2001:db8:ffff::/52": "fd5a:7e57:1ab0:f000::/52",
}


def moved(value: Any) -> Any:
    """A variable with each address in its new place, by another way than the code's."""
    if isinstance(value, dict):
        return {key: moved(item) for key, item in value.items()}
    if isinstance(value, list):
        return [moved(item) for item in value]
    try:
        address = ipaddress.ip_interface(value if isinstance(value, str) else "")
    except ValueError:
        return value
    for source, target in MOVES.items():
        old, new = ipaddress.ip_network(source), ipaddress.ip_network(target)
        if address.ip in old:
            there = new[int(address.ip) - int(old.network_address)]
            return f"{there}/{address.network.prefixlen}" if "/" in value else str(there)
    raise AssertionError(f"{value} stays where it was")


def test_every_address_moves_and_nothing_else() -> None:
    model = fleet()
    before = asdict(derive(model, date(2026, 6, 1)))
    after = asdict(derive(readdress(model, MOVES), date(2026, 6, 1)))
    assert after == moved(before)


def test_numbers_and_gateways_stay() -> None:
    before, after = fleet(), readdress(fleet(), MOVES)
    assert after.guests == before.guests
    for old, new in zip(before.networks, after.networks, strict=True):
        assert new.gateway4.number - new.ipv4.number == old.gateway4.number - old.ipv4.number
        assert new.ipv6.length == old.ipv6.length
    assert [str(server.ipv4) for server in after.autonomous_systems[1].time_servers] == ["198.18.113.229"]


@pytest.mark.parametrize(
    ("moves", "problem"),
    [
        ({}, "192.0.2.0/27 is in none of the prefixes; add one that covers it"),
        ({}, "203.0.113.193 is in none of the prefixes; add one that holds it"),
        ({"192.0.2.0/28": "198.18.0.0/28"}, "192.0.2.0/27 is in none of the prefixes; add one that covers it"),
        ({"192.0.2.0/24": "198.18.0.0/16"}, "192.0.2.0/24 cannot become 198.18.0.0/16; write two prefixes"),
        ({"192.0.2.0/24": "2001:db8::/24"}, "2001:db8::/24 is not a network; write one such as 198.18.2.0/24"),
        ({"192.0.2.0/24": "fd00::/24"}, "192.0.2.0/24 cannot become fd00::/24; write two prefixes"),
        ({"192.0.2.0/24": 12}, "12 is not a network; write one such as 198.18.2.0/24"),
        (
            {"192.0.2.0/24": "198.18.0.0/24", "192.0.2.0/25": "198.18.1.0/25"},
            "192.0.2.0/24 and 192.0.2.0/25 overlap; choose distinct prefixes",
        ),
        (
            {"192.0.2.0/24": "198.18.0.0/24", "203.0.113.0/24": "198.18.0.0/24"},
            "198.18.0.0/24 and 198.18.0.0/24 overlap; choose distinct prefixes",
        ),
    ],
)
def test_what_is_no_mapping(moves: dict[str, str], problem: str) -> None:
    with pytest.raises(ReaddressError, match=r"\w") as error:
        readdress(fleet(), moves)
    assert any(line.startswith(problem) for line in str(error.value).splitlines())
