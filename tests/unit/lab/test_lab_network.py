"""The plan of namespaces, bridges, addresses and routes."""

from __future__ import annotations

import re
from ipaddress import ip_interface
from pathlib import Path

import pytest
from lab import network
from lab.fleet import Fleet, Host, load

ROOT = Path(__file__).parents[3]


def test_router(fleet: Fleet, git: Host) -> None:
    lines = list(network.router_lines(fleet, [git], set()))
    bridge = network.device("a-public-network", "br")
    end = network.device("git.pub0", "port")
    mac = network.hardware_address
    assert f"link add {bridge} address {mac('a-public-network')} type bridge mcast_snooping 0" in lines
    assert f"link property add dev {bridge} altname a-public-network" in lines
    assert f"address replace 198.18.113.1/27 dev {bridge}" in lines
    assert f"address replace fd00:0:0:150::1/64 dev {bridge} nodad" in lines
    assert f"link add {end} type veth peer name pub0 address {mac('git.pub0')} netns aurore-git" in lines
    assert f"link property add dev {end} altname git.pub0" in lines
    assert f"link set {end} master {bridge} up" in lines
    assert not any("log." in line for line in lines)


def test_router_that_is_there_keeps_its_devices(fleet: Fleet) -> None:
    names = {one.name for one in fleet.networks} | {
        network.port(host.name, interface.name) for host in fleet.hosts for interface in host.interfaces
    }
    existing = names | {network.device(name, "br") for name in names} | {network.device(name, "port") for name in names}
    lines = list(network.router_lines(fleet, fleet.hosts, existing))
    assert not [line for line in lines if " add " in line]
    # Cables that a test pulled out are put back.
    assert f"link set {network.device('git.adm0', 'port')} master {network.device('adm', 'br')} up" in lines


def test_bridge_without_its_name_gets_it(fleet: Fleet) -> None:
    lines = list(network.router_lines(fleet, [], {network.device("adm", "br")}))
    assert f"link property add dev {network.device('adm', 'br')} altname adm" in lines
    assert not any(line.startswith(f"link add {network.device('adm', 'br')} ") for line in lines)


def test_host(git: Host) -> None:
    assert list(network.host_lines(git)) == [
        "link set lo up",
        "link set adm0 up",
        "address replace 198.18.2.55/27 dev adm0",
        "address replace fd00:0:0:111::23/64 dev adm0 nodad",
        "link set pub0 up",
        "address replace 198.18.113.23/27 dev pub0",
        "address replace fd00:0:0:150::23/64 dev pub0 nodad",
        "route replace 198.18.2.0/27 via 198.18.2.33 dev adm0",
        "route replace 0.0.0.0/0 via 198.18.113.1 dev pub0",
        "route replace ::/0 via fd00:0:0:150::1 dev pub0",
    ]


def test_control_machine(fleet: Fleet) -> None:
    lines = list(network.control_lines(fleet))
    assert lines[:3] == [
        "link set aurore-control up",
        "address replace 198.18.2.2/27 dev aurore-control",
        "address replace fd00:0:0:110::2/64 dev aurore-control nodad",
    ]
    assert "route replace 198.18.113.0/27 via 198.18.2.1 dev aurore-control" in lines
    assert "route replace fd00:0:0:150::/64 via fd00:0:0:110::1 dev aurore-control" in lines
    assert not [line for line in lines if line.startswith(("route replace 198.18.2.0/27", "route replace default"))]


def test_addresses_that_the_model_no_longer_has(fleet: Fleet) -> None:
    gateways = [gateway for network in fleet.networks for gateway in network.gateways]
    assert network.surplus(fleet, [*gateways, *fleet.control_addresses]) == []
    assert network.surplus(fleet, [gateways[0], ip_interface("198.18.7.1/24")]) == ["198.18.7.1/24"]


@pytest.mark.parametrize(
    ("route", "found"),
    [
        (("default", "eth0"), []),
        (("192.0.2.0/24", "eth0"), []),
        (("198.18.113.0/24", "eth0"), ["198.18.113.0/24 by eth0"]),
        (("198.18.2.40", "eth0"), ["198.18.2.40 by eth0"]),
        (("198.18.113.0/27", "aurore-control"), []),
        (("fd00::/48", "wg0"), ["fd00::/48 by wg0"]),
        (("fe80::/64", "eth0"), []),
    ],
)
def test_conflicts_with_the_machines_own_routes(fleet: Fleet, route: tuple[str, str], found: list[str]) -> None:
    assert network.conflicts(fleet, [route]) == found


def test_the_kernel_takes_the_names_of_the_models_fleet() -> None:
    fleet = load(ROOT)
    names = [network.device(one.name, "br") for one in fleet.networks]
    names += [network.device(network.port(h.name, i.name), "port") for h in fleet.hosts for i in h.interfaces]
    names.append(network.device(network.CONTROL_DEVICE, "port"))
    assert len(set(names)) == len(names)
    assert max(map(len, [*names, network.CONTROL_DEVICE])) <= 15
    # Of the kind that nobody assigns, and to one device only.
    addresses = [network.hardware_address(name) for name in names]
    assert len(set(addresses)) == len(addresses)
    assert all(re.fullmatch("02(:[0-9a-f]{2}){5}", address) for address in addresses)
