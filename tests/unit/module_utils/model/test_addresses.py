"""Addresses and prefixes agree with the standard library's."""

from __future__ import annotations

import ipaddress

import pytest
from ansible_collections.aurore.infra.plugins.module_utils.model.addresses import (
    Address,
    Prefix,
    collapse,
    host_address,
    is_usable,
    overlapping,
    parse_address,
    parse_prefix,
)
from hypothesis import given
from hypothesis import strategies as st

prefixes = st.one_of(
    st.builds(lambda number, length: Prefix(4, number >> (32 - length) << (32 - length), length),
              st.integers(0, 2**32 - 1), st.integers(0, 32)),
    st.builds(lambda number, length: Prefix(6, number >> (128 - length) << (128 - length), length),
              st.integers(0, 2**128 - 1), st.integers(0, 128)),
)  # fmt: skip


def standard(prefix: Prefix) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """The same network, of the standard library."""
    return ipaddress.ip_network(str(prefix))


@given(prefixes)
def test_text_and_back(prefix: Prefix) -> None:
    assert parse_prefix(str(prefix), prefix.version) == prefix
    assert standard(prefix).num_addresses == prefix.size
    address = Address(prefix.version, prefix.last)
    assert parse_address(str(address), prefix.version) == address
    assert ipaddress.ip_address(str(address)) == standard(prefix)[-1]


@given(prefixes, prefixes)
def test_covering(one: Prefix, other: Prefix) -> None:
    if one.version == other.version:
        assert one.covers(other) == standard(other).subnet_of(standard(one))  # type: ignore[arg-type]
    else:
        assert not one.covers(other)
    assert one.holds(Address(one.version, one.last))
    assert not one.holds(Address(10 - one.version, one.number))


@given(st.lists(prefixes, max_size=6))
def test_collapsing_keeps_all_addresses_and_overlaps_nowhere(many: list[Prefix]) -> None:
    same = [prefix for prefix in many if prefix.version == 4]
    kept = collapse(same)
    assert overlapping(kept) == []
    assert all(any(one.covers(prefix) for one in kept) for prefix in same)
    assert set(kept) <= set(same)


@given(st.sets(prefixes, max_size=6))
def test_overlaps_are_found(many: set[Prefix]) -> None:
    found = overlapping(many)
    assert all(one.covers(other) for one, other in found)
    assert len(found) == len(many) - len(collapse(p for p in many if p.version == 4)) - len(
        collapse(p for p in many if p.version == 6)
    )


@pytest.mark.parametrize(
    ("prefix", "number", "address"),
    [
        ("192.0.2.32/27", 11, "192.0.2.43"),
        ("2001:db8:0:111::/64", 11, "2001:db8:0:111::11"),
        ("2001:db8::/64", 12345, "2001:db8::1:2345"),
    ],
)
def test_addresses_of_hosts(prefix: str, number: int, address: str) -> None:
    assert str(host_address(parse_prefix(prefix, 6 if ":" in prefix else 4), number)) == address


@pytest.mark.parametrize(
    ("prefix", "address", "usable"),
    [
        ("192.0.2.0/30", "192.0.2.0", False),
        ("192.0.2.0/30", "192.0.2.2", True),
        ("192.0.2.0/30", "192.0.2.3", False),
        ("192.0.2.0/30", "192.0.2.4", False),
        ("2001:db8::/126", "2001:db8::", False),
        ("2001:db8::/126", "2001:db8::3", True),
        ("2001:db8::/126", "192.0.2.1", False),
    ],
)
def test_usable_addresses(prefix: str, address: str, usable: bool) -> None:
    version = {":": 6}.get(prefix[4], 4)
    assert is_usable(parse_prefix(prefix, version), parse_address(address, 6 if ":" in address else 4)) is usable


@pytest.mark.parametrize("text", ["", "192.0.2.1", "192.0.2.1/24", "192.0.2.0/33", "192.0.2.0/-1", "2001:db8::/32"])
def test_what_is_no_ipv4_prefix(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_prefix(text, 4)


def test_an_address_of_one_machine_only() -> None:
    with pytest.raises(ValueError, match="one machine"):
        parse_address("fe80::1%eth0", 6)
