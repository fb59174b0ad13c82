"""What follows from the small fleet."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from textwrap import indent
from typing import Any

import pytest
from ansible_collections.aurore.infra.plugins.module_utils.model import Fleet, derive, load
from ansible_collections.aurore.infra.plugins.module_utils.model.keys import fingerprint

from .fleet import CERTIFICATE, KEY_ANN, KEY_AUTHORITY, KEY_BOB, TODAY, Edit, certificate, fleet

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
        # Of clients.
        "apps": ["db-north", "db-south", "mail"],
    }


def test_a_group_of_clients_that_are_all_hosts() -> None:
    fleet = derived(("services.yml", "clients: [hosts]}", "clients: [hosts], group: loggers}"))
    assert fleet.groups["loggers"] == [*fleet.hosts]


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
        "model_time_peers": [],
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
        "model_apt_proxy": None,
        "model_user_authorities": [KEY_AUTHORITY],
        "model_emergency_authority": None,
        "model_host_authority": None,
        "model_tls_authority": None,
        "model_rts": [
            {"nick": "ann", "name": "Anne Élise", "mail": "ann@example.org"},
            {"nick": "bob", "name": "Bob", "mail": "bob@example.org"},
        ],
        "model_people": [
            {
                "nick": "ann",
                "name": "Anne Élise",
                "mail": "ann@example.org",
                "role": "rtc",
                "since": "2026-01-15",
                "until": "2027-02-11",
                "keys": [f"{KEY_ANN} ann"],
                "administers": ["root"],
            },
            {
                "nick": "bob",
                "name": "Bob",
                "mail": "bob@example.org",
                "role": "rt",
                "since": "2026-01-15",
                "until": "2027-02-11",
                "keys": [KEY_BOB],
                "administers": ["root"],
            },
        ],
        "model_certificates": [],
    }


def test_certificates_and_what_people_administer() -> None:
    line = certificate(1, revoked="2026-02-01", reason='"Lost it"')
    model = fleet(
        ("people.yml", "role: rt\n", "role: rt\n    administers: [dns, nodes]\n"),
        ("certificates.yml", "certificates: []", f"certificates:\n{line}\n{certificate(2)}"),
    )
    variables = derive(model, TODAY).variables
    assert variables["model_people"][1]["administers"] == ["dns", "nodes"]
    assert variables["model_certificates"] == [
        {
            "serial": 1,
            "person": "bob",
            "principals": ["root"],
            "since": "2026-01-15",
            "until": "2027-02-12",
            "key": fingerprint(KEY_BOB),
            "authority": fingerprint(KEY_AUTHORITY),
            "revoked": "2026-02-01",
            "reason": "Lost it",
        },
        variables["model_certificates"][1] | {"serial": 2, "revoked": None, "reason": None},
    ]


def test_authorities_that_exist() -> None:
    host = KEY_AUTHORITY.replace("BO1", "BO2")
    tls = "|\n" + indent(CERTIFICATE, "    ")
    fleet = derived(("fleet.yml", "host: null", f"host: {host}"), ("fleet.yml", "tls: null\n", f"tls: {tls}"))
    assert fleet.variables["model_host_authority"] == host
    assert fleet.variables["model_tls_authority"] == CERTIFICATE


def test_everyone_knows_every_host(small: Fleet) -> None:
    known = {host["name"]: host for host in small.variables["model_fleet"]}
    assert known["relay"]["addresses"] == {"ipv4": "203.0.113.139", "ipv6": "2001:db8:ffff:15::11"}
    assert known["mail"] == {
        "name": "mail",
        "fqdn": "mail.adm.example.org",
        "addresses": {"ipv4": "192.0.2.109", "ipv6": "2001:db8:0:13::13"},
    }


def known(fleet: Fleet, host: str) -> dict[str, str]:
    """The IPv4 addresses that a host knows, by name."""
    (entries,) = (view["entries"] for view in fleet.views if host in view["hosts"])
    return {name: entry["ipv4"] for entry in entries for name in entry["names"]}


def test_a_host_knows_the_others_by_addresses_that_it_reaches(small: Fleet) -> None:
    expected = {
        "node-north": "192.0.2.43",
        "node-south": "192.0.2.75",
        "db-north": "192.0.2.107",
        "db-south": "192.0.2.108",
        "mail": "192.0.2.109",
        "dns": "192.0.2.110",
        "log": "192.0.2.111",
        "relay": "203.0.113.139",
    }
    aliases = {
        "mail.example.org": "203.0.113.13",
        "imap.example.org": "203.0.113.13",
        "ns1.example.org": "203.0.113.14",
    }
    own = {f"{name}.adm.example.org": address for name, address in expected.items()}
    assert known(small, "node-north") == known(small, "mail") == expected | own | aliases
    # The databases get to the mail server by the network that they share with it.
    mail = dict.fromkeys(["mail.example.org", "imap.example.org"], "198.51.100.13")
    assert known(small, "db-south") == expected | own | aliases | mail


def test_a_host_does_not_know_what_it_cannot_reach(small: Fleet) -> None:
    expected = {"mail": "203.0.113.13", "dns": "203.0.113.14", "log": "203.0.113.15", "relay": "203.0.113.139"}
    aliases = {
        "mail.example.org": "203.0.113.13",
        "imap.example.org": "203.0.113.13",
        "ns1.example.org": "203.0.113.14",
    }
    own = {f"{name}.adm.example.org": address for name, address in expected.items()}
    assert known(small, "relay") == expected | own | aliases


def test_names_at_one_address_are_on_one_line_the_full_one_first(small: Fleet) -> None:
    (relay,) = (view for view in small.views if "relay" in view["hosts"])
    assert relay["entries"][0] == {
        "ipv4": "203.0.113.13",
        "ipv6": "2001:db8:0:15::13",
        "names": ["mail.adm.example.org", "mail", "mail.example.org", "imap.example.org"],
    }


def test_hosts_that_know_the_same_share_it(small: Fleet) -> None:
    assert [view["hosts"] for view in small.views] == [
        ["node-north", "node-south", "mail", "dns", "log"],
        ["db-north", "db-south"],
        ["relay"],
    ]


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        (
            "node-north",
            [
                "ssh tcp 22 on adm0 from 192.0.2.0/27 2001:db8:0:10::/64",
                "time udp 123 on adm0 from 192.0.2.32/27 192.0.2.64/27 192.0.2.96/27 "
                "2001:db8:0:11::/64 2001:db8:0:12::/64 2001:db8:0:13::/64",
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
            # Hosts come by the administration, in networks; the one without by its address in a network of others.
            "log",
            [
                "log_server tcp 19532 on adm0 from 192.0.2.32/27 192.0.2.64/27 192.0.2.96/27 "
                "2001:db8:0:11::/64 2001:db8:0:12::/64 2001:db8:0:13::/64",
                "log_server tcp 19532 on pub0 from 203.0.113.139/32 2001:db8:ffff:15::11/128",
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


def test_hosts_without_a_way_are_not_among_all_of_their_kind() -> None:
    edits = [("services.yml", "clients: [database, mail_server]", "clients: [hosts]")]
    assert openings(derived(*edits), "db-north")[0] == (
        "database tcp 5432 on srv0 from 198.51.100.0/26 2001:db8:0:14::/64"
    )


def test_a_listen_that_nobody_can_reach_opens_nothing() -> None:
    edits = [("services.yml", "clients: [database, mail_server]", "clients: [rented]")]
    assert openings(derived(*edits), "db-north") == ["ssh tcp 22 on adm0 from 192.0.2.0/27 2001:db8:0:10::/64"]


SUBMISSION = "ports: [587], clients: [mail_relay, database]"


def test_a_purpose_stands_for_its_networks_and_for_our_hosts_in_those_of_others() -> None:
    edits = [("services.yml", SUBMISSION, "ports: [587], clients: [public, nodes]")]
    assert openings(derived(*edits), "mail")[1] == (
        "mail_server tcp 587 on pub0 from 192.0.2.32/27 192.0.2.64/27 203.0.113.0/26 203.0.113.139/32 "
        "2001:db8:0:11::/64 2001:db8:0:12::/64 2001:db8:0:15::/64 2001:db8:ffff:15::11/128"
    )


def test_addresses_that_a_network_covers_are_not_listed_beside_it() -> None:
    edits = [("services.yml", "clients: [database, mail_server]", "clients: [services, mail_server]")]
    assert openings(derived(*edits), "db-north")[0] == (
        "database tcp 5432 on srv0 from 198.51.100.0/26 2001:db8:0:14::/64"
    )


OURS = {"name": "ntp.ours.example", "ipv4": "203.0.113.197", "ipv6": "2001:db8:0:f00::123"}
THEIRS = {"name": "ntp.theirs.example", "ipv4": "203.0.113.229", "ipv6": "2001:db8:ffff:f00::123"}
NORTH = {"name": "node-north", "fqdn": "node-north.adm.example.org", "ipv4": "192.0.2.43", "ipv6": "2001:db8:0:11::11"}
SOUTH = {"name": "node-south", "fqdn": "node-south.adm.example.org", "ipv4": "192.0.2.75", "ipv6": "2001:db8:0:12::11"}


def times(fleet: Fleet, host: str) -> tuple[Any, ...]:
    """Whom a host asks for time, with whom it keeps together, and who may ask it."""
    return tuple(fleet.hosts[host][f"model_time_{of}"] for of in ("servers", "peers", "clients"))


def test_time(small: Fleet) -> None:
    networks = ["192.0.2.32/27", "192.0.2.64/27", "192.0.2.96/27"]
    networks += ["2001:db8:0:11::/64", "2001:db8:0:12::/64", "2001:db8:0:13::/64"]
    assert times(small, "node-north") == ([OURS], [SOUTH], networks)
    assert times(small, "node-south") == ([OURS], [NORTH], networks)
    assert times(small, "mail") == ([NORTH, SOUTH], [], [])
    assert times(small, "relay") == ([THEIRS], [], [])


def test_a_guest_without_a_way_to_the_clocks_asks_outside() -> None:
    fleet = derived(("guests.yml", "addresses: {adm-guests: 14, public: 14}", "addresses: {public: 14}"))
    assert times(fleet, "dns") == ([OURS], [], [])


def test_a_fleet_without_clocks_asks_outside() -> None:
    fleet = derived(
        ("services.yml", "clients: [guests, nodes]", "clients: [guests]"), ("services.yml", "[123]", "[124]")
    )
    assert times(fleet, "mail") == times(fleet, "node-north") == ([OURS], [], [])


def test_clocks_that_no_other_clock_may_ask_have_no_peers() -> None:
    fleet = derived(("services.yml", "clients: [guests, nodes]", "clients: [guests]"))
    assert times(fleet, "node-north") == ([OURS], [], ["192.0.2.96/27", "2001:db8:0:13::/64"])
    assert times(fleet, "mail") == ([NORTH, SOUTH], [], [])


def test_clocks_that_anyone_may_ask_and_that_answer_to_more() -> None:
    fleet = derived(
        ("services.yml", "clients: [guests, nodes]", "clients: [anyone]"), ("services.yml", "[123]", "[123, 4460]")
    )
    assert times(fleet, "node-north") == ([OURS], [SOUTH], ["0.0.0.0/0", "::/0"])
    assert times(fleet, "mail") == ([NORTH, SOUTH], [], [])


def test_a_node_too_many_to_be_a_clock_asks_those() -> None:
    node = "    addresses: {{adm-south: {0}}}\n"
    more = "".join(
        f"  - {{name: node-{number}, site: south, memory: 32, cores: 8, disks: [], services: [hypervisors], "
        f"addresses: {{adm-south: {number}}}}}\n"
        for number in (12, 13, 14)
    )
    edit = ("nodes.yml", node.format(11), node.format(11) + more)
    fleet = derived(edit)
    servers, peers, clients = times(fleet, "node-14")
    assert [server["name"] for server in servers] == ["node-north", "node-south", "node-12", "node-13"]
    assert (peers, clients) == ([], [])
    assert [peer["name"] for peer in times(fleet, "node-13")[1]] == ["node-north", "node-south", "node-12"]


def test_a_log_server_is_where_a_host_is_let_in() -> None:
    """Whom the firewall lets in by the public address alone, sends there."""
    listen = "  - {description: Logs, via: [administration, public], protocol: tcp, ports: [19532], clients: [hosts]}"
    two = listen.replace("[hosts]", "[guests, rented]") + "\n    " + listen.replace("administration, ", "")
    fleet = derived(("services.yml", listen, two))
    assert [fleet.hosts[host]["model_log_servers"][0]["ipv4"] for host in ("mail", "node-north", "relay")] == [
        "192.0.2.111",
        "203.0.113.15",
        "203.0.113.15",
    ]


def test_an_administrator_s_host_is_let_in_as_such() -> None:
    fleet = derived(
        ("networks.yml", "sites: [north]", "sites: [north, south]"),
        ("guests.yml", "addresses: {adm-guests: 13, services: 13, public: 13}", "addresses: {control: 13, public: 13}"),
        ("services.yml", "clients: [database, mail_server]", "clients: [database]"),
        (
            "services.yml",
            "via: [services, public], protocol: tcp, ports: [587]",
            "via: [public], protocol: tcp, ports: [587]",
        ),
        ("services.yml", "clients: [guests, nodes]", "clients: [nodes, administrators]"),
    )
    assert times(fleet, "mail") == ([NORTH, SOUTH], [], [])
    assert times(fleet, "dns") == ([OURS], [], [])


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
    assert json.loads(json.dumps(small.views)) == small.views


def one_default_route(variables: dict[str, Any]) -> bool:
    """Whether exactly one interface of a host has the default route."""
    return [interface["default_route"] for interface in variables["model_interfaces"]].count(True) == 1


def test_the_real_fleet() -> None:
    real = derive(load(REAL), TODAY)
    assert set(real.groups) == {
        "nodes", "guests", "rented", "site_fleming", "site_edc", "site_gs", "site_ovh", "site_any",
        "mons", "mgrs", "osds", "hypervisors", "etcd", "postgresql", "backup_repository", "mail_server",
        "mail_relay", "dns_primary", "dns_secondary", "forge", "ci_server", "prometheus", "synapse", "website",
        "container_host", "cloud", "log_server", "rt_office", "postgresql_clients",
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
