"""Other addresses, the same structure."""

from __future__ import annotations

import ipaddress
from dataclasses import asdict, replace
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from ansible_collections.aurore.infra.plugins.module_utils.model import ReaddressError, derive, readdress
from ansible_collections.aurore.infra.plugins.module_utils.model.addresses import Prefix, parse_address, parse_prefix
from ansible_collections.aurore.infra.plugins.module_utils.model.readdress import _places
from hypothesis import given
from hypothesis import strategies as st

from .fleet import fleet

if TYPE_CHECKING:
    from ansible_collections.aurore.infra.plugins.module_utils.model import Model
    from ansible_collections.aurore.infra.plugins.module_utils.model.schema import Network

RANGES = {"ipv4": "198.18.0.0/16", "ipv6": "fd5a:7e57:1ab0::/48"}
WHERE = {
    "control": ("198.18.2.0/27", "fd5a:7e57:1ab0:10::/64"),
    "adm-north": ("198.18.2.32/27", "fd5a:7e57:1ab0:11::/64"),
    "adm-south": ("198.18.2.64/27", "fd5a:7e57:1ab0:12::/64"),
    "adm-guests": ("198.18.2.96/27", "fd5a:7e57:1ab0:13::/64"),
    "services": ("198.18.100.0/26", "fd5a:7e57:1ab0:14::/64"),
    "public": ("198.18.113.0/26", "fd5a:7e57:1ab0:15::/64"),
    # Its own last bits are taken by the network above.
    "public-away": ("198.18.113.128/27", "fd5a:7e57:1ab0:16::/64"),
}
"""The lab's networks. No bit of the model's first ones is left."""


def networks(model: Model) -> dict[str, tuple[str, str]]:
    """The prefixes of each network."""
    return {network.name: (str(network.ipv4), str(network.ipv6)) for network in model.networks}


def test_networks_keep_their_last_bits_as_far_as_they_do_not_meet() -> None:
    assert networks(readdress(fleet(), RANGES)) == WHERE


def test_servers_outside_move_too_and_stay_different() -> None:
    ours, theirs = readdress(fleet(), RANGES).autonomous_systems
    assert [(str(server.ipv4), str(server.ipv6)) for server in (*ours.servers, *theirs.servers)] == [
        ("198.18.113.193", "fd5a:7e57:1ab0:f00::53"),
        ("198.18.113.194", "fd5a:7e57:1ab0:f00::153"),
        ("198.18.113.197", "fd5a:7e57:1ab0:f00::123"),
        ("198.18.113.225", "fd5a:7e57:1ab0:f00::54"),
        ("198.18.113.229", "fd5a:7e57:1ab0:f00::124"),
    ]


def test_a_server_in_one_of_the_networks_stays_in_it() -> None:
    model = fleet()
    ours, theirs = model.autonomous_systems
    gateway = model.networks[1]
    router = replace(ours.resolvers[0], ipv4=gateway.gateway4, ipv6=gateway.gateway6)
    moved = readdress(replace(model, autonomous_systems=(replace(ours, resolvers=(router,)), theirs)), RANGES)
    resolver, network = moved.autonomous_systems[0].resolvers[0], moved.networks[1]
    assert (resolver.ipv4, resolver.ipv6) == (network.gateway4, network.gateway6)


def test_a_change_of_one_network_leaves_the_others_where_they_are() -> None:
    def at(network: Network, ipv4: str, ipv6: str, **changes: str) -> Network:
        gateways = {"gateway4": parse_address(f"{ipv4}1", 4), "gateway6": parse_address(f"{ipv6}1", 6)}
        prefixes = {"ipv4": parse_prefix(f"{ipv4}0/26", 4), "ipv6": parse_prefix(f"{ipv6}/64", 6)}
        return replace(network, **prefixes, **gateways, **changes)

    model = fleet()
    new = at(model.networks[4], "10.20.200.", "2001:db8:77:9::")
    more = at(model.networks[4], "10.21.200.", "2001:db8:78:9::", name="more")
    other = replace(model, networks=(new, *model.networks[:4], *model.networks[5:], more))
    assert networks(readdress(other, RANGES)) == WHERE | {
        "services": ("198.18.200.0/26", "fd5a:7e57:1ab0:9::/64"),
        "more": ("198.18.200.64/26", "fd5a:7e57:1ab0:a::/64"),
    }


def moved(value: Any, moves: dict[str, str]) -> Any:
    """A variable with each address in its new place, by another way than the code's."""
    if isinstance(value, dict):
        return {key: moved(item, moves) for key, item in value.items()}
    if isinstance(value, list):
        return [moved(item, moves) for item in value]
    try:
        address = ipaddress.ip_interface(value if isinstance(value, str) else "")
    except ValueError:
        return value
    for source, target in moves.items():
        old, new = ipaddress.ip_network(source), ipaddress.ip_network(target)
        if address.ip in old:
            there = new[int(address.ip) - int(old.network_address)]
            return f"{there}/{address.network.prefixlen}" if "/" in value else str(there)
    raise AssertionError(f"{value} stays where it was")


def test_every_address_moves_with_its_network_and_nothing_else_changes() -> None:
    model = fleet()
    after = readdress(model, RANGES)
    moves = {
        str(getattr(old, key)): str(getattr(new, key))
        for old, new in zip(model.networks, after.networks, strict=True)
        for key in ("ipv4", "ipv6")
    }
    for old, new in zip(model.autonomous_systems, after.autonomous_systems, strict=True):
        for before, there in zip(old.servers, new.servers, strict=True):
            moves |= {str(before.ipv4): str(there.ipv4), str(before.ipv6): str(there.ipv6)}
    today = date(2026, 6, 1)
    assert asdict(derive(after, today)) == moved(asdict(derive(model, today)), moves)


def prefixes_of(version: int, bits: int) -> st.SearchStrategy[Prefix]:
    """Prefixes of some length and more."""
    return st.builds(
        lambda number, length: Prefix(version, number >> (bits - length) << (bits - length), length),
        st.integers(0, 2**bits - 1),
        st.integers(bits - 6, bits),
    )


@given(st.lists(prefixes_of(4, 32), max_size=12), st.integers(20, 30))
def test_places_are_in_the_range_and_apart(prefixes: list[Prefix], length: int) -> None:
    whole = Prefix(4, 198 << 24, length)
    places = _places(prefixes, whole)
    assert places.keys() == set(prefixes)
    taken = [place for place in places.values() if place is not None]
    assert all(whole.covers(place) for place in taken)
    assert not any(one.overlaps(other) for number, one in enumerate(taken) for other in taken[:number])
    assert all(place is None or place.length == prefix.length for prefix, place in places.items())
    assert places == _places(prefixes, whole)
    # Nothing is refused where there is room for it.
    for prefix, place in places.items():
        if place is None and prefix.length >= length:
            free = (Prefix(4, start, prefix.length) for start in range(whole.number, whole.last + 1, prefix.size))
            assert all(any(one.overlaps(other) for other in taken) for one in free)


@pytest.mark.parametrize(
    ("ranges", "problems"),
    [
        (
            {},
            [
                "'ipv4' is missing; write an IPv4 network such as 198.18.0.0/16",
                "'ipv6' is missing; write an IPv6 network such as fd00:1:2::/48",
            ],
        ),
        ({"ipv4": 12}, ["'ipv4' is 12; write an IPv4 network such as 198.18.0.0/16"]),
        ({"ipv4": None}, ["'ipv4' is None; write an IPv4 network such as 198.18.0.0/16"]),
        ({"ipv4": "fd00::/48"}, ["'ipv4' is 'fd00::/48'; write an IPv4 network such as 198.18.0.0/16"]),
        ({"ipv6": "fd00::1/48"}, ["'ipv6' is 'fd00::1/48'; write an IPv6 network such as fd00:1:2::/48"]),
        ({"ipv4": "224.0.0.0/16"}, ["'ipv4' is '224.0.0.0/16'; write an IPv4 network such as 198.18.0.0/16"]),
        (
            {"192.0.2.0/24": "198.18.2.0/24", 4: "x"},
            ["key '192.0.2.0/24' is unknown here; use ipv4 and ipv6", "key 4 is unknown here; use ipv4 and ipv6"],
        ),
    ],
)
def test_what_is_no_range(ranges: dict[Any, Any], problems: list[str]) -> None:
    with pytest.raises(ReaddressError) as error:
        readdress(fleet(), ({} if not ranges else RANGES) | ranges)
    assert str(error.value).splitlines() == problems


def test_ranges_that_are_too_small() -> None:
    with pytest.raises(ReaddressError) as error:
        readdress(fleet(), {"ipv4": "198.18.0.0/27", "ipv6": "fd5a:7e57:1ab0::/62"})
    lines = str(error.value).splitlines()
    assert "192.0.2.32/27 finds no room in 198.18.0.0/27; choose a larger range" in lines
    assert "198.51.100.0/26 finds no room in 198.18.0.0/27; choose a larger range" in lines
    assert "2001:db8:0:15::/64 finds no room in fd5a:7e57:1ab0::/62; choose a larger range" in lines
