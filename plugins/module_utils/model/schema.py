"""The model's files as records: what there is, and which keys each thing has.

A record says what can be told from one value; what takes two is a rule (rules/). shape.py reads these annotations.
"""

from dataclasses import dataclass
from datetime import date
from typing import Annotated, ClassVar, Literal

from .fields import (
    Address4,
    Address6,
    AsNumber,
    AuthorityKey,
    Certificate,
    Count,
    Day,
    DomainName,
    Fingerprint,
    Gib,
    GroupName,
    HostName,
    HostNumber,
    Kind,
    Line,
    Mail,
    Ports,
    Prefix4,
    Prefix6,
    Principal,
    PublicKey,
    Purpose,
    Reserve,
    Serial,
    Url,
    Vlan,
)
from .shape import NotEmpty, Record, record

ANY = "any"
"""The node of a guest that may run on each of them."""

ROOT = "root"
"""The principal that every host has: whoever may be root on all of them."""

CONTROL = "control"
"""The network from which hosts are administered."""

LOG_SERVER = "log_server"
MAIL_SERVER = "mail_server"
MAIL_RELAY = "mail_relay"
DNS_PRIMARY = "dns_primary"
DNS_SECONDARY = "dns_secondary"
"""Services that rules and derivation know by their names."""


@record
class Names(Record):
    """Domains.

    Attributes:
        domain: The association's.
        hosts: The one in which each host's full name is.
    """

    domain: DomainName
    hosts: DomainName


@record
class Packages(Record):
    """Where apt finds Debian.

    Attributes:
        mirror: Of the release.
        security_mirror: Of its security updates.
        proxy: A cache through which hosts fetch both; None for none.
    """

    mirror: Url
    security_mirror: Url
    proxy: Url | None = None


@record
class Authorities(Record):
    """Public halves of what signs certificates.

    Attributes:
        users: SSH keys whose certificates let people in; two while one takes over from the other.
        emergency: SSH key whose certificates let people in when the token cannot sign; None before it was made.
        host: SSH key that signs hosts' keys; None before it was made.
        tls: Certificate, in PEM, that signs hosts' certificates; None before it was made.
    """

    users: tuple[AuthorityKey, ...]
    host: AuthorityKey | None
    tls: Certificate | None
    emergency: AuthorityKey | None = None

    @property
    def people(self) -> tuple[AuthorityKey, ...]:
        """All whose certificates let people in."""
        return self.users if self.emergency is None else (*self.users, self.emergency)


@record
class Site(Record):
    """A place, with the name of its autonomous system."""

    name: GroupName
    title: Line
    system: GroupName


@record
class Resolver(Record):
    """A recursive resolver that hosts may ask."""

    ipv4: Address4
    ipv6: Address6


@record
class TimeServer(Record):
    """An NTP server that nodes may ask."""

    name: DomainName
    ipv4: Address4
    ipv6: Address6


@record
class AutonomousSystem(Record):
    """Networks under one routing policy: what fails together, seen from the Internet."""

    name: GroupName
    number: AsNumber
    title: Line
    resolvers: Annotated[tuple[Resolver, ...], NotEmpty()]
    time_servers: Annotated[tuple[TimeServer, ...], NotEmpty()]

    @property
    def servers(self) -> tuple[Resolver | TimeServer, ...]:
        """What is asked there; others run it."""
        return *self.resolvers, *self.time_servers


@record
class Network(Record):
    """A broadcast domain.

    Attributes:
        name: Unique.
        purpose: What it is for; a host has at most one address per purpose.
        sites: Where it is present.
        vlan: Its number on our switches; None on a network that is not ours.
        ipv4: Its IPv4 addresses.
        gateway4: Who routes out of it.
        ipv6: Its IPv6 addresses.
        gateway6: Who routes out of it.
    """

    name: HostName
    purpose: Purpose
    sites: Annotated[tuple[GroupName, ...], NotEmpty()]
    vlan: Vlan | None
    ipv4: Prefix4
    gateway4: Address4
    ipv6: Prefix6
    gateway6: Address6

    @property
    def is_ours(self) -> bool:
        """Whether everybody in it is ours; elsewhere, strangers have addresses beside our hosts'."""
        return self.vlan is not None


@record
class Reserves(Record):
    """Memory of a node that guests cannot have, in GiB.

    Attributes:
        node: For the node itself.
        osd: For each disk of the storage cluster.
    """

    node: Reserve
    osd: Reserve


@record
class Disk(Record):
    """A disk of a node; its size in GiB."""

    device: HostName
    size: Gib
    use: Literal["system", "osd"]


@record
class _Host(Record):
    """What all hosts have.

    Attributes:
        name: Unique; the first label of the host's full name.
        memory: In GiB.
        services: Names of services.yml.
        addresses: The host's number in each of its networks.
    """

    kind: ClassVar[Kind]

    name: HostName
    memory: Gib
    services: tuple[GroupName, ...]
    addresses: dict[HostName, HostNumber]


@record
class Node(_Host):
    """A hypervisor, which carries a part of the storage too."""

    kind: ClassVar[Kind] = "node"

    site: GroupName
    cores: Count
    disks: tuple[Disk, ...]

    @property
    def size(self) -> dict[str, int]:
        """What it has; disks of the storage are everybody's."""
        system = sum(disk.size for disk in self.disks if disk.use == "system")
        return {"memory": self.memory, "cores": self.cores, "disk": system}


@record
class Guest(_Host):
    """A virtual machine of the cluster.

    Attributes:
        node: Where it runs while all is well, or ANY.
        anti_affinity: Guests with the same word never share a node.
        vcpus: Cores that it sees.
        disk: In GiB.
    """

    kind: ClassVar[Kind] = "guest"

    node: HostName
    vcpus: Count
    disk: Gib
    anti_affinity: HostName | None = None

    @property
    def size(self) -> dict[str, int]:
        """What it has."""
        return {"memory": self.memory, "cores": self.vcpus, "disk": self.disk}


@record
class Rented(_Host):
    """A host that others run for us; its disk in GiB."""

    kind: ClassVar[Kind] = "rented"

    site: GroupName
    cores: Count
    disk: Gib

    @property
    def size(self) -> dict[str, int]:
        """What it has."""
        return {"memory": self.memory, "cores": self.cores, "disk": self.disk}


type Host = Node | Guest | Rented


@record
class Listen(Record):
    """Ports on which a service answers.

    Attributes:
        description: For people who read a firewall.
        via: Purposes of networks by which it is reached, the preferred one first.
        protocol: Of the transport.
        ports: Numbers and ranges.
        clients: Who may talk to it: services, or the words of derive/clients.py.
        group: Of these clients, for a play that shows them the way.
    """

    description: Line
    via: Annotated[tuple[Purpose, ...], NotEmpty()]
    protocol: Literal["tcp", "udp"]
    ports: Annotated[tuple[Ports, ...], NotEmpty()]
    clients: Annotated[tuple[GroupName, ...], NotEmpty()]
    group: GroupName | None = None


@record
class Common(Listen):
    """Ports of all hosts of some kinds."""

    name: GroupName
    kinds: Annotated[tuple[Kind, ...], NotEmpty()]


@record
class Service(Record):
    """Something that hosts carry; its name is a group.

    Attributes:
        name: Unique.
        title: For people.
        listens: The ports; none while its role is not written.
        aliases: Names by which people and hosts call its hosts.
        placement: Whether no two of its hosts may be on one node: what a majority or a replica is for.
    """

    name: GroupName
    title: Line
    listens: tuple[Listen, ...]
    aliases: tuple[DomainName, ...] = ()
    placement: Literal["anywhere", "apart"] = "anywhere"


@record
class Zone(Record):
    """A DNS zone that we are authoritative for.

    Attributes:
        name: The domain.
        contact: Whom to write to (RFC 1035, section 3.3.13, RNAME).
        name_servers: Hosts, the primary first.
    """

    name: DomainName
    contact: Mail
    name_servers: tuple[HostName, ...]


@record
class Mandate(Record):
    """Days on which a person holds an office; both are included."""

    since: Day
    until: Day


@record
class Person(Record):
    """One of the technical staff (RT), or its lead (RTC).

    Attributes:
        nick: Unique; what logs call the person.
        name: For people.
        role: Who keeps the user authority's token is the RTC.
        mail: Where notices go.
        keys: Public keys that the user authority may sign; the first unless another is asked for.
        mandate: When the person holds the office.
        administers: What the person's certificates open: ROOT for all hosts, or names of hosts and groups.
    """

    nick: HostName
    name: Line
    role: Literal["rt", "rtc"]
    mail: Mail
    keys: Annotated[tuple[PublicKey, ...], NotEmpty()]
    mandate: Mandate
    administers: Annotated[tuple[Principal, ...], NotEmpty()] = (ROOT,)


@record
class UserCertificate(Record):
    """An SSH certificate that let, lets or will let a person in.

    Attributes:
        serial: Unique; each is greater than the one before.
        person: The nick, which is the certificate's key ID.
        principals: What it opens.
        since: The day, in UTC, at whose beginning it becomes valid.
        until: The day, in UTC, at whose beginning it ends.
        key: Fingerprint of the person's key.
        authority: Fingerprint of the key that signed it.
        revoked: The day on which it was taken back; None while it was not.
        reason: Why it was taken back.
    """

    serial: Serial
    person: HostName
    principals: Annotated[tuple[Principal, ...], NotEmpty()]
    since: Day
    until: Day
    key: Fingerprint
    authority: Fingerprint
    revoked: Day | None = None
    reason: Line | None = None

    def is_current(self, today: date) -> bool:
        """Whether it opens something on a day."""
        return self.revoked is None and self.since <= today < self.until


@record
class Equipment(Record):
    """What has no SSH."""

    name: HostName
    kind: Literal["switch", "air_conditioner", "fan", "ups"]
    site: GroupName
    state: Literal["in_service", "to_install", "stopped", "faulty", "to_sell"]
    replaced_by: HostName | None = None
    note: Line | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """All of it. Each field is a top-level key of one file."""

    names: Names
    packages: Packages
    authorities: Authorities
    sites: tuple[Site, ...]
    autonomous_systems: tuple[AutonomousSystem, ...]
    networks: tuple[Network, ...]
    reserves: Reserves
    nodes: tuple[Node, ...]
    guests: tuple[Guest, ...]
    rented: tuple[Rented, ...]
    common: tuple[Common, ...]
    services: tuple[Service, ...]
    zones: tuple[Zone, ...]
    people: tuple[Person, ...]
    certificates: tuple[UserCertificate, ...]
    equipment: tuple[Equipment, ...]


FILES: dict[str, tuple[str, ...]] = {
    "fleet.yml": ("names", "packages", "authorities"),
    "sites.yml": ("sites",),
    "networks.yml": ("autonomous_systems", "networks"),
    "nodes.yml": ("reserves", "nodes"),
    "guests.yml": ("guests",),
    "rented.yml": ("rented",),
    "services.yml": ("common", "services"),
    "zones.yml": ("zones",),
    "people.yml": ("people",),
    "certificates.yml": ("certificates",),
    "equipment.yml": ("equipment",),
}
"""The top-level keys of each file; together the fields of Model."""
