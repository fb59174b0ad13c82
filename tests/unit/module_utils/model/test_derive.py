"""What follows from the small fleet."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.aurore.infra.plugins.module_utils.model import Fleet, derive, load

from .fleet import KEY_AUTHORITY, Edit, fleet

TODAY = date(2026, 6, 1)
REAL = Path(__file__).parents[4] / "inventory" / "model"


def derived(*edits: Edit) -> Fleet:
    """What follows from the fleet after some edits."""
    return derive(fleet(*edits), TODAY)


@pytest.fixture(scope="module")
def small() -> Fleet:
    """What follows from the fleet as it is."""
    return derived()


def openings(fleet: Fleet, host: str) -> list[str]:
    """The openings of a host, each in a line."""
    return [
        f"{opening['service']} {opening['protocol']} {','.join(map(str, opening['ports']))} on {opening['interface']}"
        f" from {'anyone' if opening['anyone'] else ' '.join(opening['ipv4'] + opening['ipv6'])}"
        for opening in fleet.hosts[host]["model_openings"]
    ]


def test_groups(small: Fleet) -> None:
    assert small.groups == {
        "nodes": ["node-north", "node-south"],
        "guests": ["db-north", "db-south", "mail", "dns", "log"],
        "rented": ["relay"],
        "site_north": ["node-north", "db-north", "mail"],
        "site_south": ["node-south", "db-south"],
        "site_any": ["dns", "log"],
        "site_away": ["relay"],
        "hypervisors": ["node-north", "node-south"],
        "database": ["db-north", "db-south"],
        "mail_server": ["mail"],
        "mail_relay": ["relay"],
        "dns_primary": ["dns"],
        "dns_secondary": ["relay"],
        "log_server": ["log"],
    }


def test_all_variables_of_a_host(small: Fleet) -> None:
    routes = [
        {"to": "192.0.2.0/27", "via": "192.0.2.97"},
        {"to": "2001:db8:0:10::/64", "via": "2001:db8:0:13::1"},
        {"to": "192.0.2.32/27", "via": "192.0.2.97"},
        {"to": "2001:db8:0:11::/64", "via": "2001:db8:0:13::1"},
        {"to": "192.0.2.64/27", "via": "192.0.2.97"},
        {"to": "2001:db8:0:12::/64", "via": "2001:db8:0:13::1"},
    ]
    variables = dict(small.hosts["db-north"])
    assert [opening["service"] for opening in variables.pop("model_openings")] == ["database", "ssh"]
    assert variables == {
        "ansible_host": "192.0.2.107",
        "model_name": "db-north",
        "model_fqdn": "db-north.adm.example.org",
        "model_kind": "guest",
        "model_site": "north",
        "model_site_title": "Résidence du Nord",
        "model_size": {"memory": 6, "cores": 4, "disk": 100},
        "model_interfaces": [
            {
                "name": "adm0", "network": "adm-guests", "purpose": "administration", "vlan": 13,
                "ipv4": "192.0.2.107", "prefix4": 27, "gateway4": "192.0.2.97",
                "ipv6": "2001:db8:0:13::11", "prefix6": 64, "gateway6": "2001:db8:0:13::1",
                "default_route": False, "routes": routes,
            },
            {
                "name": "srv0", "network": "services", "purpose": "services", "vlan": 14,
                "ipv4": "198.51.100.11", "prefix4": 26, "gateway4": "198.51.100.1",
                "ipv6": "2001:db8:0:14::11", "prefix6": 64, "gateway6": "2001:db8:0:14::1",
                "default_route": True, "routes": [],
            },
        ],
        "model_addresses": ["192.0.2.107", "198.51.100.11", "2001:db8:0:13::11", "2001:db8:0:14::11"],
        "model_names": ["db-north.adm.example.org", "db-north"],
        "model_services": ["database"],
        "model_peers": {
            "database": [
                {
                    "name": "db-north", "fqdn": "db-north.adm.example.org",
                    "ipv4": "198.51.100.11", "ipv6": "2001:db8:0:14::11",
                },
                {
                    "name": "db-south", "fqdn": "db-south.adm.example.org",
                    "ipv4": "198.51.100.12", "ipv6": "2001:db8:0:14::12",
                },
            ]
        },
        "model_name_servers": ["203.0.113.193", "203.0.113.194", "2001:db8:0:f00::53"],
        "model_time_servers": [
            {
                "name": "node-north", "fqdn": "node-north.adm.example.org",
                "ipv4": "192.0.2.43", "ipv6": "2001:db8:0:11::11",
            },
            {
                "name": "node-south", "fqdn": "node-south.adm.example.org",
                "ipv4": "192.0.2.75", "ipv6": "2001:db8:0:12::11",
            },
        ],
        "model_time_clients": [],
        "model_log_servers": [
            {"name": "log", "fqdn": "log.adm.example.org", "ipv4": "192.0.2.111", "ipv6": "2001:db8:0:13::15"}
        ],
    }  # fmt: skip


def test_all_variables_of_the_fleet(small: Fleet) -> None:
    variables = dict(small.variables)
    assert [host["name"] for host in variables.pop("model_fleet")] == list(small.hosts)
    assert variables == {
        "model_domain": "example.org",
        "model_apt_mirror": "http://mirror.example/debian",
        "model_apt_security_mirror": "http://mirror.example/debian-security",
        "model_user_authorities": [KEY_AUTHORITY],
        "model_host_authority": None,
        "model_tls_authority": None,
        "model_rts": [
            {"nick": "ann", "name": "Anne Élise", "mail": "ann@example.org", "principals": ["ann"]},
            {"nick": "bob", "name": "Bob", "mail": "bob@example.org", "principals": ["bob"]},
        ],
    }


def test_authorities_that_exist() -> None:
    certificate = "-----BEGIN CERTIFICATE-----\nMIIBszCCAVmg\n-----END CERTIFICATE-----\n"
    indented = "|\n    " + certificate.rstrip().replace("\n", "\n    ") + "\n"
    fleet = derived(
        ("fleet.yml", "host: null", f"host: {KEY_AUTHORITY}"), ("fleet.yml", "tls: null\n", f"tls: {indented}")
    )
    assert fleet.variables["model_host_authority"] == KEY_AUTHORITY
    assert fleet.variables["model_tls_authority"] == certificate


def test_everyone_knows_every_host(small: Fleet) -> None:
    known = {host["name"]: host for host in small.variables["model_fleet"]}
    assert known["relay"]["addresses"] == {"ipv4": "203.0.113.139", "ipv6": "2001:db8:ffff:15::11"}
    assert known["mail"] == {
        "name": "mail",
        "fqdn": "mail.adm.example.org",
        "addresses": {"ipv4": "192.0.2.109", "ipv6": "2001:db8:0:13::13"},
        "names": ["mail.adm.example.org", "mail", "mail.example.org", "imap.example.org"],
    }


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        (
            "node-north",
            [
                "ssh tcp 22 on adm0 from 192.0.2.0/27 2001:db8:0:10::/64",
                "time udp 123 on adm0 from 192.0.2.96/27 2001:db8:0:13::/64",
            ],
        ),
        (
            "db-south",
            [
                "database tcp 5432 on srv0 from 198.51.100.11/32 198.51.100.12/32 198.51.100.13/32 "
                "2001:db8:0:14::11/128 2001:db8:0:14::12/128 2001:db8:0:14::13/128",
                "ssh tcp 22 on adm0 from 192.0.2.0/27 2001:db8:0:10::/64",
            ],
        ),
        (
            # The relay shares no network but has a way to the public address; the databases arrive by the services.
            "mail",
            [
                "mail_server tcp 25 on pub0 from anyone",
                "mail_server tcp 587 on pub0 from 203.0.113.139/32 2001:db8:ffff:15::11/128",
                "mail_server tcp 587 on srv0 from 198.51.100.11/32 198.51.100.12/32 "
                "2001:db8:0:14::11/128 2001:db8:0:14::12/128",
                "ssh tcp 22 on adm0 from 192.0.2.0/27 2001:db8:0:10::/64",
            ],
        ),
        (
            # Hosts come by the administration, the one without by its public address; networks, not addresses.
            "log",
            [
                "log_server tcp 19532 on adm0 from 192.0.2.32/27 192.0.2.64/27 192.0.2.96/27 "
                "2001:db8:0:11::/64 2001:db8:0:12::/64 2001:db8:0:13::/64",
                "log_server tcp 19532 on pub0 from 203.0.113.128/27 2001:db8:ffff:15::/64",
                "ssh tcp 22 on adm0 from 192.0.2.0/27 2001:db8:0:10::/64",
            ],
        ),
        (
            # Administrators have no network in common with it, and come by the default route.
            "relay",
            [
                "dns_secondary tcp 53 on pub0 from anyone",
                "dns_secondary udp 53 on pub0 from anyone",
                "mail_relay tcp 25,2500,2501,2502 on pub0 from anyone",
                "ssh tcp 22 on pub0 from 192.0.2.0/27 2001:db8:0:10::/64",
            ],
        ),
    ],
)
def test_openings(small: Fleet, host: str, expected: list[str]) -> None:
    assert openings(small, host) == expected


def test_clients_without_a_way_are_not_let_in() -> None:
    edits = [("services.yml", "clients: [database, mail_server]", "clients: [database, mail_relay]")]
    assert openings(derived(*edits), "db-north")[0] == (
        "database tcp 5432 on srv0 from 198.51.100.11/32 198.51.100.12/32 2001:db8:0:14::11/128 2001:db8:0:14::12/128"
    )


def test_a_listen_that_nobody_can_reach_opens_nothing() -> None:
    edits = [("services.yml", "clients: [database, mail_server]", "clients: [mail_relay]")]
    assert openings(derived(*edits), "db-north") == ["ssh tcp 22 on adm0 from 192.0.2.0/27 2001:db8:0:10::/64"]


def test_a_purpose_stands_for_its_networks() -> None:
    edits = [("services.yml", "clients: [hosts]", "clients: [public, rented, nodes]")]
    assert openings(derived(*edits), "log")[:2] == [
        "log_server tcp 19532 on adm0 from 192.0.2.32/27 192.0.2.64/27 2001:db8:0:11::/64 2001:db8:0:12::/64",
        "log_server tcp 19532 on pub0 from 203.0.113.0/26 203.0.113.128/27 2001:db8:0:15::/64 2001:db8:ffff:15::/64",
    ]


def test_addresses_that_a_network_covers_are_not_listed_beside_it() -> None:
    edits = [("services.yml", "clients: [database, mail_server]", "clients: [services, mail_server]")]
    assert openings(derived(*edits), "db-north")[0] == (
        "database tcp 5432 on srv0 from 198.51.100.0/26 2001:db8:0:14::/64"
    )


def test_time(small: Fleet) -> None:
    north, relay = small.hosts["node-north"], small.hosts["relay"]
    ours = {"name": "ntp.ours.example", "ipv4": "203.0.113.197", "ipv6": "2001:db8:0:f00::123"}
    theirs = {"name": "ntp.theirs.example", "ipv4": "203.0.113.229", "ipv6": "2001:db8:ffff:f00::123"}
    assert (north["model_time_servers"], relay["model_time_servers"]) == ([ours], [theirs])
    assert north["model_time_clients"] == ["192.0.2.96/27", "2001:db8:0:13::/64"]
    assert relay["model_time_clients"] == []


def test_a_guest_of_any_node(small: Fleet) -> None:
    dns = small.hosts["dns"]
    assert (dns["model_site"], dns["model_site_title"]) == (None, None)
    assert dns["model_name_servers"] == ["203.0.113.193", "203.0.113.194", "2001:db8:0:f00::53"]


def test_logs_of_the_rented_host_take_the_public_way(small: Fleet) -> None:
    assert small.hosts["relay"]["model_log_servers"] == [
        {"name": "log", "fqdn": "log.adm.example.org", "ipv4": "203.0.113.15", "ipv6": "2001:db8:0:15::15"}
    ]


def test_members_of_a_service_that_listens_to_nothing_have_their_main_address(small: Fleet) -> None:
    peers = small.hosts["node-south"]["model_peers"]["hypervisors"]
    assert [peer["ipv4"] for peer in peers] == ["192.0.2.43", "192.0.2.75"]


def test_the_size_of_a_node_is_without_the_storage(small: Fleet) -> None:
    assert small.hosts["node-north"]["model_size"] == {"memory": 32, "cores": 8, "disk": 240}


@pytest.mark.parametrize(
    ("today", "nicks"),
    [
        (date(2026, 1, 14), []),
        (date(2026, 1, 15), ["ann", "bob"]),
        (date(2027, 2, 11), ["ann", "bob"]),
        (date(2027, 2, 12), []),
    ],
)
def test_both_days_of_a_mandate_are_included(today: date, nicks: list[str]) -> None:
    assert [person["nick"] for person in derive(fleet(), today).variables["model_rts"]] == nicks


def test_everything_is_json(small: Fleet) -> None:
    assert json.loads(json.dumps(small.hosts)) == small.hosts
    assert json.loads(json.dumps(small.variables)) == small.variables


def one_default_route(variables: dict[str, Any]) -> bool:
    """Whether exactly one interface of a host has the default route."""
    return [interface["default_route"] for interface in variables["model_interfaces"]].count(True) == 1


def test_the_real_fleet() -> None:
    real = derive(load(REAL), TODAY)
    assert set(real.groups) == {
        "nodes", "guests", "rented", "site_fleming", "site_edc", "site_gs", "site_ovh", "site_any",
        "mons", "mgrs", "osds", "hypervisors", "etcd", "postgresql", "mail_server", "mail_relay", "dns_primary",
        "dns_secondary", "forge", "ci_server", "prometheus", "synapse", "website", "container_host", "cloud",
        "log_server",
    }  # fmt: skip
    assert len(real.hosts) == 17
    assert all(map(one_default_route, real.hosts.values()))
    assert real.hosts["relay"]["ansible_host"] == real.hosts["relay"]["model_interfaces"][0]["ipv4"]
    ssh = {
        (opening["interface"], *opening["ipv4"])
        for variables in real.hosts.values()
        for opening in variables["model_openings"]
        if 22 in opening["ports"]
    }
    control = real.hosts["git"]["model_interfaces"][0]["routes"][0]["to"]
    assert ssh == {("adm0", control), ("pub0", control)}
