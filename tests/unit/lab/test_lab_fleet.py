"""Hosts, networks and who is meant by HOSTS=."""

from __future__ import annotations

from pathlib import Path

import pytest
from lab.errors import LabError
from lab.fleet import Fleet, Host, load

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("limit", "names"),
    [
        ("", ["git", "log"]),
        (" ", ["git", "log"]),
        ("all", ["git", "log"]),
        ("log", ["log"]),
        ("forge", ["git"]),
        ("log,forge", ["git", "log"]),
        (" log , log,", ["log"]),
    ],
)
def test_limit(fleet: Fleet, limit: str, names: list[str]) -> None:
    assert [host.name for host in fleet.select(limit)] == names


@pytest.mark.parametrize(("limit", "missing"), [("gti", "gti"), ("git,nobody,none", "nobody, none"), (",", "nothing")])
def test_limit_that_means_nobody(fleet: Fleet, limit: str, missing: str) -> None:
    with pytest.raises(LabError, match=f"no host or group is named {missing}") as caught:
        fleet.select(limit)
    assert "git, log" in caught.value.remedy
    assert "forge, guests" in caught.value.remedy


def test_interface_with_the_default_route(git: Host) -> None:
    assert [str(address) for address in git.interfaces[1].addresses] == ["198.18.113.23/27", "fd00:0:0:150::23/64"]
    routes = [(str(route.to), str(route.via)) for route in git.interfaces[1].routes]
    assert routes == [("0.0.0.0/0", "198.18.113.1"), ("::/0", "fd00:0:0:150::1")]


def test_interface_with_other_routes(git: Host) -> None:
    assert [(str(route.to), str(route.via)) for route in git.interfaces[0].routes] == [("198.18.2.0/27", "198.18.2.33")]


def test_host_without_site(fleet: Fleet) -> None:
    assert fleet.hosts[1].site == "any node"


def test_control_machine_is_beside_the_gateways(fleet: Fleet) -> None:
    assert [str(address) for address in fleet.control_addresses] == ["198.18.2.2/27", "fd00:0:0:110::2/64"]
    assert fleet.control_ipv4 == "198.18.2.2"


def test_the_models_fleet() -> None:
    fleet = load(ROOT)
    taken = {address for host in fleet.hosts for address in host.addresses}
    assert not taken & {str(address.ip) for address in fleet.control_addresses}
    assert {interface.network for host in fleet.hosts for interface in host.interfaces} < {
        network.name for network in fleet.networks
    }


def test_a_model_with_problems(tmp_path: Path) -> None:
    (tmp_path / "inventory/model").mkdir(parents=True)
    (tmp_path / "inventory/lab.yml").write_text("readdress: {}\n")
    with pytest.raises(LabError, match=r"sites\.yml"):
        load(tmp_path)
