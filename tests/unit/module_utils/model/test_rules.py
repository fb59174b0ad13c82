"""Each rule has a model that breaks it, and says where and what to do."""

# Sentences are compared, and found by searching, whole.
# ruff: noqa: E501

from __future__ import annotations

import ast
import re
from pathlib import Path
from textwrap import indent

import pytest
from ansible_collections.aurore.infra.plugins.module_utils import model
from ansible_collections.aurore.infra.plugins.module_utils.model.keys import fingerprint

from .fleet import (
    CERTIFICATE_OF_A_HOST,
    FILES,
    KEY_ANN,
    KEY_AUTHORITY,
    KEY_BOB,
    KEY_WEAK,
    Edit,
    certificate,
    edited,
    problems,
)

SSH = """\
  - name: ssh
    description: Administration
    kinds: [node, guest, rented]
    via: [administration, public]
    protocol: tcp
    ports: [22]
    clients: [administrators]
"""


def issued(*lines: str) -> Edit:
    """An edit that puts certificates into the register."""
    return ("certificates.yml", "certificates: []", "\n".join(["certificates:", *lines]))


# Edits of the small fleet, and all problems that follow.
CASES: list[tuple[list[Edit], list[str]]] = [
    (
        [("sites.yml", "sites:\n", "sites: [\n")],
        ["sites.yml:2: yaml-syntax: this is not YAML (did not find expected node content); correct the line"],
    ),
    (
        [("sites.yml", "sites:\n", "sites: &all\n")],
        ["sites.yml:1: yaml-anchor: anchors are not used here; remove it"],
    ),
    (
        [("sites.yml", "title: Ailleurs", "title: *all")],
        ["sites.yml:9: yaml-alias: an alias hides what the value is; write the value out"],
    ),
    (
        [("sites.yml", "title: Ailleurs", "title: !!str Ailleurs")],
        ["sites.yml:9: yaml-tag: tags are not used here; remove it"],
    ),
    (
        [("sites.yml", "    system: theirs\n", "    system: theirs\n---\nsites: []\n")],
        ["sites.yml:11: yaml-documents: a second document begins here; keep one per file"],
    ),
    (
        [("sites.yml", "title: Ailleurs", "title: [[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]")],
        ["sites.yml:9: yaml-depth: values are nested more than 16 deep; flatten them"],
    ),
    (
        [("sites.yml", "title: Ailleurs", "title: \x00")],
        [
            "sites.yml:9: yaml-syntax: the line holds what is not text; save the file as UTF-8 without control characters"
        ],
    ),
    (
        [("sites.yml", "    title: Ailleurs\n", "    title: Ailleurs\n    title: Loin\n")],
        ["sites.yml:10: duplicate-key: key 'title' is already on line 9; keep one"],
    ),
    (
        [("sites.yml", "title: Ailleurs", "2: Ailleurs")],
        [
            "sites.yml:8: missing-key: key 'title' is missing; add it",
            "sites.yml:9: yaml-key: a key is not text; put it in quotes",
        ],
    ),
    (
        [("people.yml", "since: 2026-01-15", "since: 2026-02-30")],
        ["people.yml:8: wrong-value: 'since' is '2026-02-30'; write a day such as 2026-01-15"],
    ),
    (
        [("people.yml", "until: 2027-02-11", "until: 11/02/2027")],
        ["people.yml:8: wrong-value: 'until' is '11/02/2027'; write a day such as 2026-01-15"],
    ),
    (
        [("sites.yml", "    title: Ailleurs\n", "    title: Ailleurs\n    titel: Loin\n")],
        ["sites.yml:10: unknown-key: key 'titel' is unknown here; remove it or use one of name, title, system"],
    ),
    (
        [("sites.yml", "sites:\n", "places: []\nsites:\n")],
        ["sites.yml:1: unknown-key: key 'places' is unknown here; remove it or use one of sites"],
    ),
    ([("sites.yml", "    title: Ailleurs\n", "")], ["sites.yml:8: missing-key: key 'title' is missing; add it"]),
    (
        [("fleet.yml", "names:\n  domain: example.org\n  hosts: adm.example.org\n", "")],
        ["fleet.yml:1: missing-key: key 'names' is missing; add it"],
    ),
    (
        [("sites.yml", "title: Ailleurs", "title: 12")],
        ["sites.yml:9: wrong-type: 'title' is 12; write one line of text, in quotes"],
    ),
    (
        [("sites.yml", "title: Ailleurs", "title: true")],
        ["sites.yml:9: wrong-type: 'title' is a boolean; write one line of text, in quotes"],
    ),
    (
        [("networks.yml", "number: 64511", "number: 2026-01-01")],
        ["networks.yml:11: wrong-type: 'number' is '2026-01-01'; write a whole number from 1 to 4294967294"],
    ),
    (
        [("sites.yml", "title: Ailleurs", "title: [a]")],
        ["sites.yml:9: wrong-type: 'title' is a list; write one line of text"],
    ),
    (
        [("sites.yml", "title: Ailleurs", "title: {a: b}")],
        ["sites.yml:9: wrong-type: 'title' is a mapping; write one line of text"],
    ),
    (
        [("sites.yml", "title: Ailleurs", "title:")],
        ["sites.yml:9: wrong-type: 'title' is empty; write one line of text"],
    ),
    (
        [("people.yml", "{since: 2026-01-15, until: 2027-02-11}", "soon")],
        ["people.yml:8: wrong-type: 'mandate' is 'soon'; write a mapping with the keys since, until"],
    ),
    (
        [("zones.yml", "name_servers: [dns, relay]", "name_servers: dns")],
        ["zones.yml:4: wrong-type: 'name_servers' is 'dns'; write a list"],
    ),
    (
        [("rented.yml", "addresses: {public-away: 11}", "addresses: [public-away]")],
        ["rented.yml:8: wrong-type: 'addresses' is a list; write a mapping"],
    ),
    (
        [("networks.yml", "number: 64511", "number: 0")],
        ["networks.yml:11: wrong-value: 'number' is 0; write a whole number from 1 to 4294967294"],
    ),
    (
        [("sites.yml", "name: away", "name: Away")],
        ["sites.yml:8: wrong-value: 'name' is 'Away'; write lower-case letters, digits and underscores"],
    ),
    (
        [("rented.yml", "public-away: 11", "Public: 11")],
        [
            "rented.yml:8: wrong-value: 'addresses' is 'Public'; write lower-case letters, digits and hyphens, 63 at most (RFC 1123)"
        ],
    ),
    (
        [("networks.yml", "purpose: services", "purpose: serving")],
        [
            "networks.yml:51: wrong-value: 'purpose' is 'serving'; write one of administration, ceph_public, ceph_cluster, services, public"
        ],
    ),
    (
        [("networks.yml", "192.0.2.32/27", "192.0.2.33/27")],
        [
            "networks.yml:30: wrong-value: 'ipv4' is '192.0.2.33/27'; write an IPv4 network of hosts such as 192.0.2.0/27, host bits zero"
        ],
    ),
    (
        [("networks.yml", "192.0.2.32/27", "192.0.2.32")],
        [
            "networks.yml:30: wrong-value: 'ipv4' is '192.0.2.32'; write an IPv4 network of hosts such as 192.0.2.0/27, host bits zero"
        ],
    ),
    (
        [("networks.yml", "192.0.2.32/27", "192.0.2.32/33")],
        [
            "networks.yml:30: wrong-value: 'ipv4' is '192.0.2.32/33'; write an IPv4 network of hosts such as 192.0.2.0/27, host bits zero"
        ],
    ),
    (
        [("networks.yml", '"2001:db8:0:11::/64"', '"2001:db8:0:11::%eth0/64"')],
        [
            "networks.yml:32: wrong-value: 'ipv6' is '2001:db8:0:11::%eth0/64'; write an IPv6 network of hosts such as 2001:db8::/64, host bits zero"
        ],
    ),
    (
        [("networks.yml", 'gateway6: "2001:db8:0:11::1"', "gateway6: 192.0.2.33")],
        ["networks.yml:33: wrong-value: 'gateway6' is '192.0.2.33'; write an IPv6 address such as 2001:db8::1"],
    ),
    (
        [("services.yml", '"2500-2502"', '"2502-2500"')],
        [
            "services.yml:33: wrong-value: 'ports' is '2502-2500'; write a port such as 22 or a range such as \"6800-6831\""
        ],
    ),
    (
        [("services.yml", '"2500-2502"', "smtp")],
        ["services.yml:33: wrong-value: 'ports' is 'smtp'; write a port such as 22 or a range such as \"6800-6831\""],
    ),
    (
        [("services.yml", "ports: [22]", "ports: [-22]")],
        ["services.yml:7: wrong-value: 'ports' is -22; write a port such as 22 or a range such as \"6800-6831\""],
    ),
    (
        [("services.yml", "ports: [22]", "ports: []")],
        ["services.yml:7: empty-list: 'ports' is empty; write one item at least"],
    ),
    (
        [("services.yml", "ports: [22]", "ports: [22, 22]")],
        ["services.yml:7: repeated-item: 'ports' holds 22 twice; keep one"],
    ),
    (
        [("zones.yml", "hostmaster@example.org", "hostmaster")],
        ["zones.yml:3: wrong-value: 'contact' is 'hostmaster'; write a mail address in lower case, such as rt@auro.re"],
    ),
    (
        [("fleet.yml", "http://mirror.example/debian\n", "ftp://mirror.example/debian\n")],
        [
            "fleet.yml:5: wrong-value: 'mirror' is 'ftp://mirror.example/debian'; write a URL such as http://debian-mirror.example/debian"
        ],
    ),
    (
        [("fleet.yml", "tls: null", "tls: secret")],
        ["fleet.yml:10: wrong-value: 'tls' is 'secret'; write an authority's certificate in PEM, indented below a |"],
    ),
    (
        [("people.yml", KEY_BOB, "ssh-ed25519 AAAA")],
        [
            "people.yml:14: wrong-value: 'keys' is 'ssh-ed25519 AAAA'; write a strong public key on one line, made with ssh-keygen -t ed25519"
        ],
    ),
    (
        [("people.yml", KEY_BOB, KEY_WEAK)],
        [
            "people.yml:14: wrong-value: 'keys' is 'ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQDGv/HIhfbZr+JuPMRn...; write a strong public key on one line, made with ssh-keygen -t ed25519"
        ],
    ),
    (
        [("people.yml", KEY_BOB, "ssh-ed25519 not-base64")],
        [
            "people.yml:14: wrong-value: 'keys' is 'ssh-ed25519 not-base64'; write a strong public key on one line, made with ssh-keygen -t ed25519"
        ],
    ),
    (
        [("people.yml", KEY_BOB, "ssh-dss AAAAB3NzaC1kc3M=")],
        [
            "people.yml:14: wrong-value: 'keys' is 'ssh-dss AAAAB3NzaC1kc3M='; write a strong public key on one line, made with ssh-keygen -t ed25519"
        ],
    ),
    (
        [("people.yml", "    name: Bob\n", "    name: |\n      Bob\n      Bill\n")],
        ["people.yml:10: wrong-value: 'name' is 'Bob'...; write one line of text"],
    ),
    (
        [("guests.yml", "name: log", "name: mail")],
        ["guests.yml:32: duplicate-name: 'mail' is already on line 18 of guests.yml; give one of them another name"],
    ),
    (
        [("guests.yml", "name: log", "name: relay")],
        [
            "rented.yml:2: duplicate-name: 'relay' is already on line 32 of guests.yml; give one of them another name",
            "zones.yml:4: name-server-service: 'relay' does not carry dns_secondary; add that to its services or name another host",
            "zones.yml:4: zone-one-system: 'example.org' has all name servers in the autonomous system ours; add one elsewhere",
        ],
    ),
    (
        [
            ("sites.yml", "name: away", "name: south"),
            ("rented.yml", "site: away", "site: south"),
            ("networks.yml", "sites: [away]", "sites: [south]"),
        ],
        [
            "rented.yml:7: mail-relay-system: the mail relay 'relay' is in the autonomous system ours like the mail server 'mail'; put it elsewhere",
            "sites.yml:8: duplicate-name: 'south' is already on line 5 of sites.yml; give one of them another name",
            "zones.yml:4: zone-one-system: 'example.org' has all name servers in the autonomous system ours; add one elsewhere",
        ],
    ),
    (
        [("networks.yml", "number: 64511", "number: 64496")],
        [
            "networks.yml:11: duplicate-name: '64496' is already on line 3 of networks.yml; give one of them another number",
        ],
    ),
    (
        [("people.yml", "nick: bob", "nick: ann")],
        ["people.yml:9: duplicate-name: 'ann' is already on line 2 of people.yml; give one of them another nick"],
    ),
    (
        [("nodes.yml", "device: sdb", "device: sda")],
        ["nodes.yml:11: duplicate-name: 'sda' is already on line 10 of nodes.yml; give one of them another device"],
    ),
    (
        [("guests.yml", "name: log", "name: database")],
        ["guests.yml:32: name-clash: 'database' is the name of a group as well; rename the host"],
    ),
    (
        [("guests.yml", "name: log", "name: any")],
        ["guests.yml:32: name-clash: 'any' stands for every node in guests.yml; rename the host"],
    ),
    (
        [
            ("services.yml", "name: hypervisors", "name: nodes"),
            ("nodes.yml", "[hypervisors]", "[nodes]"),
            ("nodes.yml", "[hypervisors]", "[nodes]"),
        ],
        ["services.yml:17: reserved-name: 'nodes' already means something else; rename the service"],
    ),
    (
        [("services.yml", "group: apps", "group: nodes")],
        ["services.yml:23: reserved-name: 'nodes' already means something else; rename the group"],
    ),
    (
        [("services.yml", "group: apps", "group: mail_relay")],
        ["services.yml:23: reserved-name: 'mail_relay' already means something else; rename the group"],
    ),
    (
        [("services.yml", "group: apps", "group: site_north")],
        ["services.yml:23: reserved-name: 'site_north' already means something else; rename the group"],
    ),
    (
        [("services.yml", "clients: [mail_relay, database]}", "clients: [mail_relay, database], group: apps}")],
        [
            "services.yml:29: duplicate-name: 'apps' is already on line 23 of services.yml; give one of them another group"
        ],
    ),
    (
        [("services.yml", "group: apps", "group: log")],
        ["guests.yml:32: name-clash: 'log' is the name of a group as well; rename the host"],
    ),
    (
        [
            ("sites.yml", "name: away", "name: any"),
            ("rented.yml", "site: away", "site: any"),
            ("networks.yml", "sites: [away]", "sites: [any]"),
        ],
        ["sites.yml:8: reserved-name: the group site_any is of guests that run on any node; rename the site"],
    ),
    (
        [("services.yml", "ns1.example.org", "mail.example.org")],
        [
            "services.yml:26: duplicate-alias: 'mail.example.org' is an alias of 2 services; keep one",
            "services.yml:36: duplicate-alias: 'mail.example.org' is an alias of 2 services; keep one",
        ],
    ),
    (
        [("services.yml", "ns1.example.org", "log.adm.example.org")],
        ["services.yml:36: duplicate-alias: 'log.adm.example.org' is a host's own name; remove the alias"],
    ),
    (
        [("services.yml", "ns1.example.org", "ns1.example.net")],
        [
            "services.yml:36: name-outside-zones: 'ns1.example.net' is in none of our zones (example.org); correct it or add its zone"
        ],
    ),
    (
        [("fleet.yml", "domain: example.org", "domain: example.net")],
        [
            "fleet.yml:2: name-outside-zones: 'example.net' is in none of our zones (example.org); correct it or add its zone"
        ],
    ),
    (
        [("sites.yml", "system: theirs", "system: others")],
        [
            "sites.yml:10: unknown-system: there is no autonomous system 'others' in networks.yml; use one of ours, theirs"
        ],
    ),
    (
        [("networks.yml", "sites: [away]", "sites: [far]")],
        ["networks.yml:68: unknown-site: there is no site 'far'; use one of away, north, south"],
    ),
    (
        [("networks.yml", "sites: [away]", "sites: [away, south]")],
        [
            "networks.yml:68: network-systems: its sites are in the autonomous systems ours, theirs; make it a network for each"
        ],
    ),
    (
        [("networks.yml", "vlan: 12", "vlan: 11")],
        ["networks.yml:37: duplicate-vlan: VLAN 11 is that of 'adm-north' already; choose a free one"],
    ),
    (
        [("networks.yml", "192.0.2.32/27", "192.0.2.0/26"), ("networks.yml", "192.0.2.33", "192.0.2.33")],
        [
            "networks.yml:22: overlapping-networks: 192.0.2.0/27 shares addresses with 192.0.2.0/26 of 'adm-north'; choose another"
        ],
    ),
    (
        [("networks.yml", "192.0.2.32/27", "192.0.2.0/27"), ("networks.yml", "192.0.2.33", "192.0.2.3")],
        ["networks.yml:30: overlapping-networks: 192.0.2.0/27 is that of 'control' already; choose another"],
    ),
    (
        [("networks.yml", '"2001:db8:0:11::/64"', '"2001:db8::/56"')],
        [
            "networks.yml:24: overlapping-networks: 2001:db8:0:10::/64 shares addresses with 2001:db8::/56 of 'adm-north'; choose another",
            "networks.yml:40: overlapping-networks: 2001:db8:0:12::/64 shares addresses with 2001:db8::/56 of 'adm-north'; choose another",
            "networks.yml:48: overlapping-networks: 2001:db8:0:13::/64 shares addresses with 2001:db8::/56 of 'adm-north'; choose another",
            "networks.yml:56: overlapping-networks: 2001:db8:0:14::/64 shares addresses with 2001:db8::/56 of 'adm-north'; choose another",
            "networks.yml:64: overlapping-networks: 2001:db8:0:15::/64 shares addresses with 2001:db8::/56 of 'adm-north'; choose another",
        ],
    ),
    (
        [("networks.yml", "gateway4: 192.0.2.33", "gateway4: 192.0.2.3")],
        [
            "networks.yml:31: gateway-outside-network: 192.0.2.3 is not an address for a host of 192.0.2.32/27; correct one of them"
        ],
    ),
    (
        [("networks.yml", "gateway4: 192.0.2.33", "gateway4: 192.0.2.32")],
        [
            "networks.yml:31: gateway-outside-network: 192.0.2.32 is not an address for a host of 192.0.2.32/27; correct one of them"
        ],
    ),
    (
        [("networks.yml", "gateway4: 192.0.2.33", "gateway4: 192.0.2.63")],
        [
            "networks.yml:31: gateway-outside-network: 192.0.2.63 is not an address for a host of 192.0.2.32/27; correct one of them"
        ],
    ),
    (
        [("networks.yml", "name: control", "name: laptops")],
        ["networks.yml:1: control-network: there is no network 'control' to administer hosts from; add it"],
    ),
    (
        [("networks.yml", "purpose: administration", "purpose: public")],
        ["networks.yml:19: control-network: hosts are administered from 'control'; make its purpose administration"],
    ),
    (
        [("rented.yml", "site: away", "site: far")],
        ["rented.yml:3: unknown-site: there is no site 'far'; use one of away, north, south"],
    ),
    (
        [("rented.yml", "public-away: 11", "far: 11")],
        [
            "rented.yml:8: unknown-network: there is no network 'far'; use one of adm-guests, adm-north, adm-south, control, public, public-away, services"
        ],
    ),
    (
        [("rented.yml", "public-away: 11", "public-away: 40")],
        [
            "rented.yml:8: address-outside-network: number 40 gives no address for a host in 203.0.113.128/27; choose another number"
        ],
    ),
    (
        [("guests.yml", "public: 15", "public: 14")],
        [
            "guests.yml:38: duplicate-address: 2001:db8:0:15::14 is the address of 'dns' already; choose another number",
            "guests.yml:38: duplicate-address: 203.0.113.14 is the address of 'dns' already; choose another number",
        ],
    ),
    (
        [("guests.yml", "public: 15", "public: 1")],
        [
            "guests.yml:38: duplicate-address: 2001:db8:0:15::1 is the address of the gateway of 'public' already; choose another number",
            "guests.yml:38: duplicate-address: 203.0.113.1 is the address of the gateway of 'public' already; choose another number",
        ],
    ),
    (
        [("guests.yml", "public: 15", "public: 15, public-away: 15")],
        [
            "guests.yml:38: network-not-at-site: 'public-away' is not at north, south, and it may run there; extend the network or use another",
            "guests.yml:38: two-addresses-of-a-purpose: 'public-away' has the same purpose as 'public'; keep one of them",
        ],
    ),
    (
        [("guests.yml", "adm-guests: 14, public: 14", "adm-north: 14, public: 14")],
        [
            "guests.yml:31: network-not-at-site: 'adm-north' is not at south, and it may run there; extend the network or use another"
        ],
    ),
    (
        [("nodes.yml", "adm-north: 11", "adm-south: 12")],
        [
            "nodes.yml:13: network-not-at-site: 'adm-south' is not at north, and it is there; extend the network or use another"
        ],
    ),
    (
        [("guests.yml", "adm-guests: 11, services: 11", "services: 11")],
        [
            "guests.yml:9: unreachable-host: 'db-north' cannot be administered; give it an administration or a public address"
        ],
    ),
    (
        [("rented.yml", "dns_secondary]", "dns_secondary, dns_third]")],
        [
            "rented.yml:7: unknown-service: there is no service 'dns_third'; use one of database, dns_primary, dns_secondary, hypervisors, log_server, mail_relay, mail_server"
        ],
    ),
    (
        [("guests.yml", "adm-guests: 14, public: 14", "adm-guests: 14")],
        [
            "guests.yml:30: unreachable-service: 'dns_primary' is reached by public, where 'dns' has no address; give it one, or change the service's via"
        ],
    ),
    (
        [("rented.yml", "dns_secondary]", "dns_secondary, mail_server]")],
        [
            "rented.yml:7: mail-relay-system: the mail relay 'relay' is in the autonomous system theirs like the mail server 'relay'; put it elsewhere",
            "rented.yml:7: port-conflict: 'mail_server' and 'mail_relay' both want tcp port 25; move one to another host or port",
            "services.yml:23: client-without-way: 'relay', which carries 'mail_server', has no way to 'database' of 'db-north' by services; give it an address there, extend via, or remove 'mail_server'",
        ],
    ),
    (
        [("services.yml", "ports: [5432]", "ports: [22]")],
        [
            "guests.yml:8: port-conflict: 'database' and 'ssh' both want tcp port 22; move one to another host or port",
            "guests.yml:16: port-conflict: 'database' and 'ssh' both want tcp port 22; move one to another host or port",
        ],
    ),
    (
        [("guests.yml", "node: node-north", "node: node-east")],
        ["guests.yml:3: unknown-node: there is no node 'node-east'; use one of any, node-north, node-south"],
    ),
    (
        [("guests.yml", "node: node-south", "node: node-north")],
        ["guests.yml:11: anti-affinity: 'db-north' of the same group 'db' is on 'node-north'; choose another node"],
    ),
    (
        [
            ("services.yml", "  - name: database\n", "  - name: database\n    placement: apart\n"),
            ("guests.yml", "node: node-south\n    anti_affinity: db\n", "node: any\n"),
        ],
        [
            "guests.yml:15: members-apart: the hosts of 'database' are apart, and 'db-south' may come beside another of them; write anti_affinity: db",
        ],
    ),
    (
        [
            ("services.yml", "  - name: database\n", "  - name: database\n    placement: apart\n"),
            ("guests.yml", "anti_affinity: db", "anti_affinity: base"),
        ],
        [
            "guests.yml:16: members-apart: the hosts of 'database' are apart, and 'db-south' may come beside another of them; write anti_affinity: base",
        ],
    ),
    (
        [
            ("services.yml", "  - name: hypervisors\n", "  - name: hypervisors\n    placement: apart\n"),
            ("guests.yml", "services: [mail_server]", "services: [mail_server, hypervisors]"),
        ],
        [
            "guests.yml:23: members-apart: 'hypervisors' is on the node of 'mail' or may be, too; keep one of the two",
        ],
    ),
    (
        [("guests.yml", "memory: 4\n", "memory: 4\n    anti_affinity: db\n")],
        [
            "guests.yml:19: anti-affinity: 'db-north' of the same group 'db' is on 'node-north'; choose another node",
            "guests.yml:21: anti-affinity-size: group 'db' has more guests than there are nodes; leave it or add a node",
        ],
    ),
    (
        [("guests.yml", "memory: 4\n", "memory: 22\n")],
        [
            "nodes.yml:7: node-loss: without 'node-north' the other nodes have no room for all its guests: mail (22 GiB) would be left, by 8 GiB; add memory, make guests smaller or remove some",
            "nodes.yml:7: node-memory: the guests of 'node-north' want 28 GiB, 5 GiB more than the reserves leave; move some or make them smaller",
            "nodes.yml:16: node-loss: without 'node-south' the other nodes have no room for all its guests: dns (1 GiB), log (2 GiB) would be left, by 3 GiB; add memory, make guests smaller or remove some",
        ],
    ),
    (
        [("guests.yml", "memory: 1\n", "memory: 40\n")],
        ["guests.yml:27: guest-memory: no node has 40 GiB left for 'dns'; add memory or make guests smaller"],
    ),
    (
        [("guests.yml", "memory: 4\n", "memory: 16\n")],
        [
            "nodes.yml:7: node-loss: without 'node-north' the other nodes have no room for all its guests: mail (16 GiB) would be left, by 2 GiB; add memory, make guests smaller or remove some",
            "nodes.yml:16: node-loss: without 'node-south' the other nodes have no room for all its guests: log (2 GiB) would be left, by 2 GiB; add memory, make guests smaller or remove some",
        ],
    ),
    (
        [("nodes.yml", "osd: 5", "osd: 50")],
        [
            "guests.yml:27: guest-memory: no node has 1 GiB left for 'dns'; add memory or make guests smaller",
            "guests.yml:34: guest-memory: no node has 2 GiB left for 'log'; add memory or make guests smaller",
            "nodes.yml:7: node-loss: without 'node-north' the other nodes have no room for all its guests: mail (4 GiB) would be left, by 4 GiB; add memory, make guests smaller or remove some",
            "nodes.yml:7: node-memory: the guests of 'node-north' want 10 GiB, 32 GiB more than the reserves leave; move some or make them smaller",
            "nodes.yml:16: node-memory: the guests of 'node-south' want 6 GiB, 28 GiB more than the reserves leave; move some or make them smaller",
        ],
    ),
    (
        [("services.yml", "clients: [guests, nodes]", "clients: [guest]")],
        [
            "services.yml:15: unknown-client: there are no clients 'guest'; use one of administration, administrators, anyone, ceph_cluster, ceph_public, database, dns_primary, dns_secondary, guests, hosts, hypervisors, log_server, mail_relay, mail_server, nodes, public, rented, services"
        ],
    ),
    (
        [("services.yml", "clients: [anyone]", "clients: [anyone, database]")],
        ["services.yml:28: anyone-and-more: 'anyone' includes the others; keep it alone or remove it"],
    ),
    (
        [
            (
                "services.yml",
                "  - name: hypervisors\n",
                "  - name: forge\n    title: Forge\n    listens: []\n  - name: hypervisors\n",
            )
        ],
        ["services.yml:17: service-without-host: no host carries 'forge'; add it to a host's services or remove it"],
    ),
    (
        [("services.yml", "name: log_server", "name: logs"), ("guests.yml", "[log_server]", "[logs]")],
        [
            "services.yml:1: missing-service: there is no service 'log_server', to which all hosts send their logs; add it"
        ],
    ),
    (
        [("sites.yml", "system: theirs", "system: ours")],
        [
            "rented.yml:7: mail-relay-system: the mail relay 'relay' is in the autonomous system ours like the mail server 'mail'; put it elsewhere",
            "zones.yml:4: zone-one-system: 'example.org' has all name servers in the autonomous system ours; add one elsewhere",
        ],
    ),
    (
        [("zones.yml", "[dns, relay]", "[dns]")],
        ["zones.yml:4: zone-name-servers: 'example.org' has 1 name server(s); name 2 at least"],
    ),
    (
        [("zones.yml", "[dns, relay]", "[dns, relay, ns3]")],
        ["zones.yml:4: unknown-host: there is no host 'ns3'; use one of guests.yml or rented.yml"],
    ),
    (
        [("zones.yml", "[dns, relay]", "[relay, dns]")],
        [
            "zones.yml:4: name-server-service: 'dns' does not carry dns_secondary; add that to its services or name another host",
            "zones.yml:4: name-server-service: 'relay' does not carry dns_primary; add that to its services or name another host",
        ],
    ),
    (
        [("people.yml", "role: rtc", "role: rt")],
        ["people.yml:1: one-rtc: nobody has the role rtc; give it to one person"],
    ),
    (
        [("people.yml", "role: rt\n", "role: rtc\n")],
        ["people.yml:11: one-rtc: 'ann' is the RTC already; make one of them rt"],
    ),
    (
        [("people.yml", "until: 2027-02-11", "until: 2025-02-11")],
        ["people.yml:8: mandate-dates: 2025-02-11 is before 2026-01-15; exchange or correct the dates"],
    ),
    (
        [("people.yml", KEY_BOB, KEY_ANN)],
        ["people.yml:14: shared-key: this is the key of 'ann' as well; give each a key of their own"],
    ),
    (
        [("people.yml", KEY_BOB, KEY_AUTHORITY)],
        ["people.yml:14: shared-key: this is the key of the user authority as well; give each a key of their own"],
    ),
    (
        [("fleet.yml", "host: null", f"host: {KEY_BOB}")],
        ["people.yml:14: shared-key: this is the key of the host authority as well; give each a key of their own"],
    ),
    (
        [("people.yml", "role: rt\n", "role: rt\n    administers: [dns, web]\n")],
        [
            "people.yml:12: unknown-principal: there is no host or group 'web'; use root for all hosts, a host's name, or one of apps, database, dns_primary, dns_secondary, guests, hypervisors, log_server, mail_relay, mail_server, nodes, rented, site_any, site_away, site_north, site_south"
        ],
    ),
    (
        [issued(certificate(2), certificate(2), certificate(1))],
        [
            "certificates.yml:3: serial-order: 2 does not follow 2; serials grow line by line",
            "certificates.yml:4: serial-order: 1 does not follow 2; serials grow line by line",
        ],
    ),
    (
        [issued(certificate(1, principals="\n    [root]"))],
        ["certificates.yml:2: certificate-line: the certificate 1 takes several lines; write it on one"],
    ),
    (
        [issued(certificate(1, person="carl"))],
        ["certificates.yml:2: unknown-person: nobody has the nick 'carl'; put the entry back into people.yml"],
    ),
    (
        [
            issued(
                certificate(1, until="2026-01-15"),
                certificate(2, until="2027-02-13"),
                certificate(3, revoked="2026-01-14", reason="Early"),
            )
        ],
        [
            "certificates.yml:2: certificate-dates: 2026-01-15 is not after 2026-01-15; correct the dates",
            "certificates.yml:3: certificate-dates: 2027-02-13 is after 2027-02-12, a year and four weeks; revoke it",
            "certificates.yml:4: certificate-dates: 2026-01-14 is before 2026-01-15; correct the day",
        ],
    ),
    (
        [issued(certificate(1, revoked="2026-02-01"), certificate(2, reason="Lost"))],
        [
            "certificates.yml:2: revocation-reason: key 'reason' is missing; say why it was revoked",
            "certificates.yml:3: revocation-reason: this one is not revoked; add the day as 'revoked', or remove the reason",
        ],
    ),
    (  # the first is over, the second revoked, the third not yet valid
        [
            issued(
                certificate(1, since="2025-01-15", until="2026-02-12"),
                certificate(2, revoked="2026-02-01", reason="Lost"),
                certificate(3, since="2026-06-02"),
                certificate(4),
                certificate(5),
            ),
            ("fleet.yml", KEY_AUTHORITY, f"{KEY_AUTHORITY[:-4]}BO2B"),
        ],
        [
            f"fleet.yml:8: authority-in-use: {fingerprint(KEY_AUTHORITY)} is no authority any more, but its certificates '4 of bob', '5 of bob' still run; put it back into fleet.yml until they end, or revoke them"
        ],
    ),
    (
        [
            issued(certificate(1, revoked="2026-02-01", reason="Lost"), certificate(2)),
            ("people.yml", KEY_BOB, f"{KEY_BOB[:-4]}AAAA"),
        ],
        [
            "certificates.yml:3: key-of-nobody: 'bob' has no such key in people.yml; put it back there, or revoke this one"
        ],
    ),
    (
        [("guests.yml", "name: dns\n", "name: root\n"), ("zones.yml", "[dns,", "[root,")],
        ["guests.yml:25: name-clash: 'root' is the principal of who administers all hosts; rename the host"],
    ),
    (
        [
            (
                "fleet.yml",
                "  host: null",
                f"  host: null\n  emergency: {KEY_AUTHORITY}",
            )
        ],
        ["fleet.yml:10: shared-key: this is the key of the user authority as well; give each a key of their own"],
    ),
    (
        [("people.yml", "bob@example.org", "ann@example.org")],
        ["people.yml:12: shared-mail: 'ann@example.org' is the address of ann as well; give each their own"],
    ),
    (
        [("equipment.yml", "site: north", "site: far")],
        ["equipment.yml:4: unknown-site: there is no site 'far'; use one of away, north, south"],
    ),
    (
        [("equipment.yml", "replaced_by: new-switch", "replaced_by: newer-switch")],
        ["equipment.yml:6: unknown-equipment: there is no other equipment 'newer-switch'; use one of new-switch"],
    ),
    (
        [("equipment.yml", "replaced_by: new-switch", "replaced_by: old-switch")],
        ["equipment.yml:6: unknown-equipment: there is no other equipment 'old-switch'; use one of new-switch"],
    ),
    (
        [("services.yml", SSH, "")],
        [
            "services.yml:1: locked-out: nothing lets administrators in to tcp port 22 of 'node-north', 'node-south', 'db-north', 'db-south', 'mail' and 3 more; add that to `common`, for all kinds of hosts and by all networks that they need"
        ],
    ),
    (
        [
            (
                "services.yml",
                "via: [administration, public]\n    protocol: tcp\n    ports: [22]",
                "via: [administration]\n    protocol: tcp\n    ports: [22]",
            )
        ],
        [
            "services.yml:1: locked-out: nothing lets administrators in to tcp port 22 of 'relay'; add that to `common`, for all kinds of hosts and by all networks that they need",
            "services.yml:5: unreachable-service: 'ssh' is reached by administration, where there is no address of 'relay'; extend via, or give each one",
        ],
    ),
    (
        [("services.yml", "clients: [administrators]", "clients: [hosts]")],
        [
            "services.yml:1: locked-out: nothing lets administrators in to tcp port 22 of 'node-north', 'node-south', 'db-north', 'db-south', 'mail' and 3 more; add that to `common`, for all kinds of hosts and by all networks that they need"
        ],
    ),
    (
        [
            (
                "services.yml",
                "via: [administration, public], protocol: tcp, ports: [19532]",
                "via: [administration], protocol: tcp, ports: [19532]",
            )
        ],
        [
            "services.yml:47: no-way-to-logs: no 'log_server' lets in 'relay', which could not send their logs; extend its clients or via, or give it a public address"
        ],
    ),
    (
        [("services.yml", "clients: [hosts]", "clients: [guests, rented]")],
        [
            "services.yml:47: no-way-to-logs: no 'log_server' lets in 'node-north', 'node-south', which could not send their logs; extend its clients or via, or give it a public address"
        ],
    ),
    (
        [("services.yml", "clients: [database, mail_server]", "clients: [database, mail_relay]")],
        [
            "services.yml:23: client-without-way: 'relay', which carries 'mail_relay', has no way to 'database' of 'db-north' by services; give it an address there, extend via, or remove 'mail_relay'"
        ],
    ),
    (
        [("services.yml", "clients: [guests, nodes]", "clients: [mail_relay]")],
        [
            "services.yml:15: client-without-way: 'relay', which carries 'mail_relay', has no way to 'time' of 'node-north' by administration; give it an address there, extend via, or remove 'mail_relay'"
        ],
    ),
    (
        [
            ("services.yml", "name: mail_relay", "name: smtp_relay"),
            ("rented.yml", "mail_relay, ", "smtp_relay, "),
            ("services.yml", "clients: [mail_relay, database]", "clients: [smtp_relay, database]"),
        ],
        [
            "services.yml:1: missing-service: there is no service 'mail_relay', which keeps mail while our own autonomous system is cut off; add it"
        ],
    ),
    (
        [
            ("services.yml", "name: mail_server", "name: mailboxes"),
            ("guests.yml", "mail_server", "mailboxes"),
            ("services.yml", "clients: [database, mail_server]", "clients: [database, mailboxes]"),
        ],
        ["services.yml:1: missing-service: there is no service 'mail_server', where mail ends; add it"],
    ),
    (
        [("fleet.yml", "host: null", f"host: {KEY_AUTHORITY} again")],
        ["fleet.yml:9: shared-key: this is the key of the user authority as well; give each a key of their own"],
    ),
    (
        [("fleet.yml", KEY_AUTHORITY, KEY_WEAK)],
        [
            "fleet.yml:8: wrong-value: 'users' is 'ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQDGv/HIhfbZr+JuPMRn...; write an authority's public key on one line, of type ecdsa-sha2-nistp256 or ecdsa-sha2-nistp384 or ssh-ed25519"
        ],
    ),
    (
        [("networks.yml", "ipv4: 203.0.113.193", "ipv4: 203.0.113.13")],
        ["networks.yml:6: duplicate-address: 203.0.113.13 is the address of 'mail'; write that of a server elsewhere"],
    ),
    (
        [("networks.yml", "ipv4: 203.0.113.197", "ipv4: 203.0.113.13")],
        ["networks.yml:9: duplicate-address: 203.0.113.13 is the address of 'mail'; write that of a server elsewhere"],
    ),
    (
        [("networks.yml", "ipv4: 203.0.113.194", "ipv4: 203.0.113.193")],
        ["networks.yml:7: duplicate-address: 203.0.113.193 is in this list already; keep one, or correct it"],
    ),
    (
        [("networks.yml", '"2001:db8:0:f00::153"', '"2001:db8:0:f00::53"')],
        ["networks.yml:7: duplicate-address: 2001:db8:0:f00::53 is in this list already; keep one, or correct it"],
    ),
    (
        [
            (
                "networks.yml",
                '    time_servers:\n      - {name: ntp.ours.example, ipv4: 203.0.113.197, ipv6: "2001:db8:0:f00::123"}\n',
                '    time_servers:\n      - {name: ntp.ours.example, ipv4: 203.0.113.197, ipv6: "2001:db8:0:f00::123"}\n      - {name: ntp.ours.example, ipv4: 203.0.113.198, ipv6: "2001:db8:0:f00::124"}\n',
            )
        ],
        [
            "networks.yml:10: duplicate-name: 'ntp.ours.example' is already on line 9 of networks.yml; give one of them another name"
        ],
    ),
    (
        [("services.yml", "    protocol: udp\n    ports: [123]", "    protocol: tcp\n    ports: [22]")],
        ["services.yml:14: port-conflict: 'time' and 'ssh' both want tcp port 22; choose another port"],
    ),
    (
        [("guests.yml", "name: log\n", "name: localhost\n")],
        ["guests.yml:32: name-clash: 'localhost' is every machine's name for itself; rename the host"],
    ),
    (
        [
            (
                "networks.yml",
                '    resolvers:\n      - {ipv4: 203.0.113.225, ipv6: "2001:db8:ffff:f00::53"}\n',
                "    resolvers: []\n",
            )
        ],
        ["networks.yml:13: empty-list: 'resolvers' is empty; write one item at least"],
    ),
    (
        [
            (
                "networks.yml",
                '    time_servers:\n      - {name: ntp.theirs.example, ipv4: 203.0.113.229, ipv6: "2001:db8:ffff:f00::123"}\n',
                "    time_servers: []\n",
            )
        ],
        ["networks.yml:15: empty-list: 'time_servers' is empty; write one item at least"],
    ),
    (
        [("networks.yml", "ipv4: 198.51.100.0/26", "ipv4: 224.0.0.0/26")],
        [
            "networks.yml:54: wrong-value: 'ipv4' is '224.0.0.0/26'; write an IPv4 network of hosts such as 192.0.2.0/27, host bits zero"
        ],
    ),
    (
        [
            (
                "fleet.yml",
                "tls: null",
                "tls: |\n    -----BEGIN CERTIFICATE-----\n    aaaa\n    -----END CERTIFICATE-----\n",
            )
        ],
        [
            "fleet.yml:10: wrong-value: 'tls' is '-----BEGIN CERTIFICATE-----'...; write an authority's certificate in PEM, indented below a |"
        ],
    ),
    (
        [("fleet.yml", "tls: null", "tls: |\n" + indent(CERTIFICATE_OF_A_HOST, "    "))],
        [
            "fleet.yml:10: wrong-value: 'tls' is '-----BEGIN CERTIFICATE-----'...; write an authority's certificate in PEM, indented below a |"
        ],
    ),
    (
        [("fleet.yml", "http://mirror.example/debian\n", "http://mirror.example:99999/debian\n")],
        [
            "fleet.yml:5: wrong-value: 'mirror' is 'http://mirror.example:99999/debian'; write a URL such as http://debian-mirror.example/debian"
        ],
    ),
    (
        [
            (
                "services.yml",
                "listens: []",
                'listens: [{description: x, via: [administration], protocol: tcp, ports: ["20-51"], clients: [hosts]}]',
            )
        ],
        [
            "nodes.yml:12: port-conflict: 'hypervisors' and 'ssh' both want tcp port 22; move one to another host or port",
            "nodes.yml:21: port-conflict: 'hypervisors' and 'ssh' both want tcp port 22; move one to another host or port",
        ],
    ),
    (
        [
            ("services.yml", "ports: [5432]", 'ports: ["5400-5432"]'),
            (
                "services.yml",
                "  - name: mail_server\n    title: Mail\n",
                '  - name: more\n    title: More\n    listens: [{description: x, via: [services], protocol: tcp, ports: ["5420-5440"], clients: [database]}]\n  - name: mail_server\n    title: Mail\n',
            ),
            ("guests.yml", "services: [database]", "services: [database, more]"),
        ],
        [
            "guests.yml:8: port-conflict: 'more' and 'database' both want tcp ports 5420-5432; move one to another host or port"
        ],
    ),
    (
        [("guests.yml", "name: log\n", "name: 2026\n")],
        [
            "guests.yml:32: wrong-type: 'name' is 2026; write lower-case letters, digits and hyphens, 63 at most (RFC 1123), in quotes"
        ],
    ),
    (
        [("guests.yml", "memory: 4\n", "memory: 8.0\n")],
        ["guests.yml:20: wrong-type: 'memory' is '8.0'; write a whole number from 1 to 1048576"],
    ),
    (
        [("guests.yml", "memory: 4\n", "memory: .nan\n")],
        ["guests.yml:20: wrong-type: 'memory' is '.nan'; write a whole number from 1 to 1048576"],
    ),
    (
        [("guests.yml", "memory: 4\n", f"memory: {'9' * 10_000}\n")],
        [
            "guests.yml:20: wrong-type: 'memory' is '99999999999999999999999999999999999999999999999999999999...; write a whole number from 1 to 1048576"
        ],
    ),
    (
        [
            (
                "equipment.yml",
                "    site: north\n    state: to_sell\n    replaced_by: new-switch\n    note: À vendre.\n  - name: new-switch\n    kind: switch\n    site: north\n    state: to_install\n",
                "    site: north\n    state: to_sell\n    replaced_by: new-switch\n",
            )
        ],
        [
            "equipment.yml:6: unknown-equipment: there is no other equipment 'new-switch'; add it, since there is none yet"
        ],
    ),
    (
        [
            (
                "zones.yml",
                "zones:\n  - name: example.org\n    contact: hostmaster@example.org\n    name_servers: [dns, relay]\n",
                "zones: []\n",
            )
        ],
        [
            "fleet.yml:2: name-outside-zones: 'example.org' is in none of our zones (none); correct it or add its zone",
            "fleet.yml:3: name-outside-zones: 'adm.example.org' is in none of our zones (none); correct it or add its zone",
            "services.yml:26: name-outside-zones: 'imap.example.org' is in none of our zones (none); correct it or add its zone",
            "services.yml:26: name-outside-zones: 'mail.example.org' is in none of our zones (none); correct it or add its zone",
            "services.yml:36: name-outside-zones: 'ns1.example.org' is in none of our zones (none); correct it or add its zone",
        ],
    ),
    (
        [
            ("guests.yml", "node: node-south\n", "node: any\n"),
            ("guests.yml", "memory: 4\n", "memory: 1\n"),
            (
                "guests.yml",
                "    anti_affinity: db\n    memory: 6\n    vcpus: 4\n    disk: 100\n    services: [database]\n    addresses: {adm-guests: 12",
                "    anti_affinity: db\n    memory: 12\n    vcpus: 4\n    disk: 100\n    services: [database]\n    addresses: {adm-guests: 12",
            ),
            (
                "nodes.yml",
                "memory: 32\n    cores: 8\n    disks:\n      - {device: sda, size: 240, use: system}\n      - {device: sdb, size: 960, use: osd}\n    services: [hypervisors]\n    addresses: {adm-south: 11}",
                "memory: 16\n    cores: 8\n    disks:\n      - {device: sda, size: 240, use: system}\n      - {device: sdb, size: 960, use: osd}\n    services: [hypervisors]\n    addresses: {adm-south: 11}",
            ),
        ],
        [
            "guests.yml:13: guest-memory: no node but 'node-north', which its group 'db' closes to it, has 12 GiB left for 'db-south'; add memory or make guests smaller",
            "nodes.yml:7: node-loss: without 'node-north' the other nodes have no room for all its guests: log (2 GiB), mail (1 GiB) would be left, by 3 GiB; add memory, make guests smaller or remove some",
        ],
    ),
]


def name_of(case: tuple[list[Edit], list[str]]) -> str:
    """The rules that a case breaks, with the new text where they are the same in several cases."""
    edits, expected = case
    rules = ",".join(dict.fromkeys(problem.split(": ")[1] for problem in expected))
    return f"{rules}:{edits[-1][2].strip()[:20]}".encode("ascii", "backslashreplace").decode()


@pytest.mark.parametrize(("edits", "expected"), CASES, ids=map(name_of, CASES))
def test_rule(edits: list[Edit], expected: list[str]) -> None:
    assert problems(edited(*edits)) == expected


def declared_rules() -> set[str]:
    """Identifiers of rules in the source: words with hyphens among the arguments of what notes problems."""
    notes = {"rule", "add", "invalid", "complain", "_complain", "_refuse", "Problem", "_mistyped"}
    calls = (
        node
        for path in Path(str(model.__file__)).parent.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) in notes
    )
    return {
        argument.value
        for call in calls
        for argument in call.args
        if isinstance(argument, ast.Constant) and re.fullmatch(r"[a-z]+(-[a-z]+)+", str(argument.value))
    }


def test_every_rule_has_a_case() -> None:
    broken = {problem.split(": ")[1] for _, expected in CASES for problem in expected}
    assert declared_rules() - broken == {
        "missing-directory", "missing-file", "unknown-file", "unreadable-file",  # see test_load.py
    }  # fmt: skip
    assert broken <= declared_rules()


def test_all_problems_of_all_files_come_at_once() -> None:
    """One thing wrong in one file does not hide what is wrong elsewhere, nor in the same file."""
    files = edited(
        ("sites.yml", "title: Ailleurs", "title: 12"),
        ("networks.yml", "gateway4: 192.0.2.33", "gateway4: 192.0.2.3"),
        ("guests.yml", "node: node-south", "node: node-east"),
        ("guests.yml", "memory: 4", "memory: lots"),
        ("equipment.yml", "replaced_by: new-switch", "replaced_by: newer-switch"),
        ("zones.yml", "zones:", "zones: ["),
    )
    assert problems(files) == [
        "equipment.yml:6: unknown-equipment: there is no other equipment 'newer-switch'; use one of new-switch",
        "guests.yml:11: unknown-node: there is no node 'node-east'; use one of any, node-north, node-south",
        "guests.yml:20: wrong-type: 'memory' is 'lots'; write a whole number from 1 to 1048576",
        "networks.yml:31: gateway-outside-network: 192.0.2.3 is not an address for a host of 192.0.2.32/27; "
        "correct one of them",
        "sites.yml:9: wrong-type: 'title' is 12; write one line of text, in quotes",
        "zones.yml:2: yaml-syntax: this is not YAML (did not find expected node content); correct the line",
    ]


def test_a_private_key_pasted_by_mistake_is_not_shown() -> None:
    secret = "|\n    -----BEGIN PRIVATE KEY-----\n    MC4CAQAwBQYDK2VwBCIEIA\n    -----END PRIVATE KEY-----"
    (problem,) = problems(edited(("fleet.yml", "tls: null", f"tls: {secret}")))
    assert "MC4CAQ" not in problem


def test_the_small_fleet_is_valid() -> None:
    assert problems(edited()) == []
    assert FILES.keys() == model.schema.FILES.keys()
