"""A small valid fleet, which tests then break."""

from __future__ import annotations

from datetime import date

from ansible_collections.aurore.infra.plugins.module_utils.model import Files, Model, ModelError, validate
from ansible_collections.aurore.infra.plugins.module_utils.model.keys import fingerprint

TODAY = date(2026, 6, 1)
"""Within the mandates."""

KEY_ANN = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOpnbACStr5SY3ouNvZsOw2g8QwpgXoD2hxNMjBdGK9b"
KEY_BOB = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJrriVq7jm8D+flE2bmzs40cTrB2GFWo0/r498F17N84"
KEY_AUTHORITY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINXHB4ZoilxCt9DNWwXR6lPID7KJ4+AlkpMVBKcG4BO1"
KEY_WEAK = (
    "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQDGv/HIhfbZr+JuPMRntB7BrHP7ciH+m5ibPrMnjZeubZDfAdvhFC+stIbMDEQD"
    "KUe/88PiEoPF0s6wYUtNsceu6Cxy1MhyTHYjMWzeYl8dLthkgiNqdVBBoNIsGU8BA7Schlu9Hg+cTbHlbVsmRRYXqt61YQLlhMo/"
    "5AsVR6ACsPOU9FKfnZVlc5aXUbU6nYLhnZmClVGrORoESGpqckv3Z//Mh1QLQqtXiJMNOMzgzWg5385GePKrzhv+RjWnBV0KJLVG"
    "S+J5sA0lEvs4W1DFdddMLgDsU1qksS7zrAAkJu4THZQ26orrmEmsgaNuYvE7zmXK7a6ReqNaMoFeWGvJ"
)

CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIHfMIGSoAMCAQICAQEwBQYDK2VwMA8xDTALBgNVBAMMBFRlc3QwHhcNMjYwMTAx
MDAwMDAwWhcNNDYwMTAxMDAwMDAwWjAPMQ0wCwYDVQQDDARUZXN0MCowBQYDK2Vw
AyEA9SC0nzqhvymvxt1WNDeMjk/tl+AEQyCuQVtzmR45POCjEzARMA8GA1UdEwEB
/wQFMAMBAf8wBQYDK2VwA0EA7DeWEpp80AAcB/nJIN+Y0nLmGMvxB0v3cszIZhnm
/7gILBObegYvcL8yMVjUOrG/o0XUPAhsW8jh2nY2ywVWAA==
-----END CERTIFICATE-----
"""
CERTIFICATE_OF_A_HOST = """\
-----BEGIN CERTIFICATE-----
MIHcMIGPoAMCAQICAQEwBQYDK2VwMA8xDTALBgNVBAMMBFRlc3QwHhcNMjYwMTAx
MDAwMDAwWhcNNDYwMTAxMDAwMDAwWjAPMQ0wCwYDVQQDDARUZXN0MCowBQYDK2Vw
AyEAEy9qg4RLRMeH4pmk7TnSAbDha2aPOCF32XiKMK/A3YajEDAOMAwGA1UdEwEB
/wQCMAAwBQYDK2VwA0EACmy6wxBmniNaPbVreeUDX6hizo21xr+CB7oE03I0nR8N
3MTbdTBHxAWhs21ZMQs+fTPWoLrhWDTnFET3yR82BA==
-----END CERTIFICATE-----
"""

FILES = {
    "fleet.yml": f"""\
names:
  domain: example.org
  hosts: adm.example.org
packages:
  mirror: http://mirror.example/debian
  security_mirror: http://mirror.example/debian-security
authorities:
  users: [{KEY_AUTHORITY}]
  host: null
  tls: null
""",
    "sites.yml": """\
sites:
  - name: north
    title: Résidence du Nord
    system: ours
  - name: south
    title: Résidence du Sud
    system: ours
  - name: away
    title: Ailleurs
    system: theirs
""",
    "networks.yml": """\
autonomous_systems:
  - name: ours
    number: 64496
    title: Ours
    resolvers:
      - {ipv4: 203.0.113.193, ipv6: "2001:db8:0:f00::53"}
      - {ipv4: 203.0.113.194, ipv6: "2001:db8:0:f00::153"}
    time_servers:
      - {name: ntp.ours.example, ipv4: 203.0.113.197, ipv6: "2001:db8:0:f00::123"}
  - name: theirs
    number: 64511
    title: Theirs
    resolvers:
      - {ipv4: 203.0.113.225, ipv6: "2001:db8:ffff:f00::53"}
    time_servers:
      - {name: ntp.theirs.example, ipv4: 203.0.113.229, ipv6: "2001:db8:ffff:f00::123"}
networks:
  - name: control
    purpose: administration
    sites: [north]
    vlan: 10
    ipv4: 192.0.2.0/27
    gateway4: 192.0.2.1
    ipv6: "2001:db8:0:10::/64"
    gateway6: "2001:db8:0:10::1"
  - name: adm-north
    purpose: administration
    sites: [north]
    vlan: 11
    ipv4: 192.0.2.32/27
    gateway4: 192.0.2.33
    ipv6: "2001:db8:0:11::/64"
    gateway6: "2001:db8:0:11::1"
  - name: adm-south
    purpose: administration
    sites: [south]
    vlan: 12
    ipv4: 192.0.2.64/27
    gateway4: 192.0.2.65
    ipv6: "2001:db8:0:12::/64"
    gateway6: "2001:db8:0:12::1"
  - name: adm-guests
    purpose: administration
    sites: [north, south]
    vlan: 13
    ipv4: 192.0.2.96/27
    gateway4: 192.0.2.97
    ipv6: "2001:db8:0:13::/64"
    gateway6: "2001:db8:0:13::1"
  - name: services
    purpose: services
    sites: [north, south]
    vlan: 14
    ipv4: 198.51.100.0/26
    gateway4: 198.51.100.1
    ipv6: "2001:db8:0:14::/64"
    gateway6: "2001:db8:0:14::1"
  - name: public
    purpose: public
    sites: [north, south]
    vlan: 15
    ipv4: 203.0.113.0/26
    gateway4: 203.0.113.1
    ipv6: "2001:db8:0:15::/64"
    gateway6: "2001:db8:0:15::1"
  - name: public-away
    purpose: public
    sites: [away]
    vlan: null
    ipv4: 203.0.113.128/27
    gateway4: 203.0.113.129
    ipv6: "2001:db8:ffff:15::/64"
    gateway6: "2001:db8:ffff:15::1"
""",
    "nodes.yml": """\
reserves:
  node: 4
  osd: 5
nodes:
  - name: node-north
    site: north
    memory: 32
    cores: 8
    disks:
      - {device: sda, size: 240, use: system}
      - {device: sdb, size: 960, use: osd}
    services: [hypervisors]
    addresses: {adm-north: 11}
  - name: node-south
    site: south
    memory: 32
    cores: 8
    disks:
      - {device: sda, size: 240, use: system}
      - {device: sdb, size: 960, use: osd}
    services: [hypervisors]
    addresses: {adm-south: 11}
""",
    "guests.yml": """\
guests:
  - name: db-north
    node: node-north
    anti_affinity: db
    memory: 6
    vcpus: 4
    disk: 100
    services: [database]
    addresses: {adm-guests: 11, services: 11}
  - name: db-south
    node: node-south
    anti_affinity: db
    memory: 6
    vcpus: 4
    disk: 100
    services: [database]
    addresses: {adm-guests: 12, services: 12}
  - name: mail
    node: node-north
    memory: 4
    vcpus: 2
    disk: 50
    services: [mail_server]
    addresses: {adm-guests: 13, services: 13, public: 13}
  - name: dns
    node: any
    memory: 1
    vcpus: 1
    disk: 10
    services: [dns_primary]
    addresses: {adm-guests: 14, public: 14}
  - name: log
    node: any
    memory: 2
    vcpus: 1
    disk: 100
    services: [log_server]
    addresses: {adm-guests: 15, public: 15}
""",
    "rented.yml": """\
rented:
  - name: relay
    site: away
    memory: 2
    cores: 1
    disk: 20
    services: [mail_relay, dns_secondary]
    addresses: {public-away: 11}
""",
    "services.yml": """\
common:
  - name: ssh
    description: Administration
    kinds: [node, guest, rented]
    via: [administration, public]
    protocol: tcp
    ports: [22]
    clients: [administrators]
  - name: time
    description: NTP
    kinds: [node]
    via: [administration]
    protocol: udp
    ports: [123]
    clients: [guests, nodes]
services:
  - name: hypervisors
    title: Hypervisors
    listens: []
  - name: database
    title: Databases
    listens:
      - {description: SQL, via: [services], protocol: tcp, ports: [5432], clients: [database, mail_server], group: apps}
  - name: mail_server
    title: Mail
    aliases: [mail.example.org, imap.example.org]
    listens:
      - {description: SMTP, via: [public], protocol: tcp, ports: [25], clients: [anyone]}
      - {description: Submission, via: [services, public], protocol: tcp, ports: [587], clients: [mail_relay, database]}
  - name: mail_relay
    title: Mail relay
    listens:
      - {description: SMTP, via: [public], protocol: tcp, ports: [25, "2500-2502"], clients: [anyone]}
  - name: dns_primary
    title: DNS, primary
    aliases: [ns1.example.org]
    listens:
      - {description: DNS, via: [public], protocol: udp, ports: [53], clients: [anyone]}
      - {description: DNS, via: [public], protocol: tcp, ports: [53], clients: [anyone]}
  - name: dns_secondary
    title: DNS, secondary
    listens:
      - {description: DNS, via: [public], protocol: udp, ports: [53], clients: [anyone]}
      - {description: DNS, via: [public], protocol: tcp, ports: [53], clients: [anyone]}
  - name: log_server
    title: Logs
    listens:
      - {description: Logs, via: [administration, public], protocol: tcp, ports: [19532], clients: [hosts]}
""",
    "zones.yml": """\
zones:
  - name: example.org
    contact: hostmaster@example.org
    name_servers: [dns, relay]
""",
    "certificates.yml": "certificates: []\n",
    "people.yml": f"""\
people:
  - nick: ann
    name: Anne Élise
    role: rtc
    mail: ann@example.org
    keys:
      - {KEY_ANN} ann
    mandate: {{since: 2026-01-15, until: 2027-02-11}}
  - nick: bob
    name: Bob
    role: rt
    mail: bob@example.org
    keys:
      - {KEY_BOB}
    mandate: {{since: 2026-01-15, until: 2027-02-11}}
""",
    "equipment.yml": """\
equipment:
  - name: old-switch
    kind: switch
    site: north
    state: to_sell
    replaced_by: new-switch
    note: À vendre.
  - name: new-switch
    kind: switch
    site: north
    state: to_install
""",
}
"""Content by file name."""

type Edit = tuple[str, str, str]
"""File, what is there, and what takes its place."""


def edited(*edits: Edit) -> dict[str, bytes]:
    """The fleet's files after some edits, each in the first place where it applies."""
    files = dict(FILES)
    for file, old, new in edits:
        assert old in files[file], f"{old!r} is not in {file}"
        files[file] = files[file].replace(old, new, 1)
    return {file: text.encode() for file, text in files.items()}


def certificate(serial: int, **values: str) -> str:
    """The line of a certificate of bob's."""
    values = {
        "person": "bob",
        "principals": "[root]",
        "since": "2026-01-15",
        "until": "2027-02-12",
        "key": fingerprint(KEY_BOB),
        "authority": fingerprint(KEY_AUTHORITY),
    } | values
    return f"  - {{serial: {serial}, {', '.join(f'{name}: {value}' for name, value in values.items())}}}"


def fleet(*edits: Edit) -> Model:
    """The fleet after some edits, which leave it valid."""
    return validate(Files(edited(*edits)), TODAY)


def problems(files: dict[str, bytes]) -> list[str]:
    """What is wrong with some files."""
    try:
        validate(Files(files), TODAY)
    except ModelError as error:
        return [str(problem) for problem in error.problems]
    return []
