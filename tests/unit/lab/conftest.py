"""A fleet of two hosts is enough for the lab's tests."""

from __future__ import annotations

import os
from ipaddress import ip_interface
from typing import TYPE_CHECKING

import pytest
from lab.context import Lab, Owner
from lab.fleet import Fleet, Host, Network, host_of

if TYPE_CHECKING:
    from pathlib import Path


def variables(name: str, number: int, *, is_public: bool = False) -> dict[str, object]:
    """What the model derives of a host with one or two interfaces."""
    interfaces = [
        {
            "name": "adm0",
            "network": "adm",
            "ipv4": f"198.18.2.{32 + number}",
            "ipv6": f"fd00:0:0:111::{number}",
            "prefix4": 27,
            "prefix6": 64,
            "gateway4": "198.18.2.33",
            "gateway6": "fd00:0:0:111::1",
            "default_route": not is_public,
            "routes": [{"to": "198.18.2.0/27", "via": "198.18.2.33"}] if is_public else [],
        }
    ]
    if is_public:
        interfaces.append(
            interfaces[0]
            | {
                "name": "pub0",
                "network": "a-public-network",
                "ipv4": f"198.18.113.{number}",
                "ipv6": f"fd00:0:0:150::{number}",
                "gateway4": "198.18.113.1",
                "gateway6": "fd00:0:0:150::1",
                "default_route": True,
                "routes": [],
            }
        )
    return {
        "ansible_host": interfaces[0]["ipv4"],
        "model_name": name,
        "model_fqdn": f"{name}.example.org",
        "model_names": [f"{name}.example.org", name],
        "model_addresses": [interface[version] for version in ("ipv4", "ipv6") for interface in interfaces],
        "model_site_title": "Résidence" if is_public else None,
        "model_services": ["forge"] if is_public else [],
        "model_interfaces": interfaces,
    }


def network(name: str, *gateways: str) -> Network:
    """A network of two prefixes."""
    return Network(name, tuple(map(ip_interface, gateways)))


@pytest.fixture
def fleet() -> Fleet:
    """Two hosts and three networks."""
    hosts = (host_of(variables("git", 23, is_public=True)), host_of(variables("log", 24)))
    networks = (
        network("control", "198.18.2.1/27", "fd00:0:0:110::1/64"),
        network("adm", "198.18.2.33/27", "fd00:0:0:111::1/64"),
        network("a-public-network", "198.18.113.1/27", "fd00:0:0:150::1/64"),
    )
    return Fleet(hosts, networks, {"forge": ["git"], "guests": ["git", "log"]})


@pytest.fixture
def git(fleet: Fleet) -> Host:
    """The host with two interfaces."""
    return fleet.hosts[0]


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """An empty lab of whoever runs the tests."""
    owner = Owner("rt", os.geteuid(), os.getegid(), tmp_path)
    made = Lab(tmp_path, owner)
    made.prepare()
    return made
