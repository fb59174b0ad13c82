"""Who talks to a service, and how: the words of `clients` in services.yml, and the ways between hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..schema import CONTROL
from .interfaces import INTERFACES, default_purpose, main_purposes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ..fields import Purpose
    from ..index import Index
    from ..schema import Host, Listen, Network

KINDS: dict[str, tuple[str, ...]] = {
    "nodes": ("node",),
    "guests": ("guest",),
    "rented": ("rented",),
    "hosts": ("node", "guest", "rented"),
}
"""Words for clients that are all hosts of some kinds. Their networks are opened, not their addresses: the list stays
short, and a new host does not change the firewall of all others. In a network that is not ours, the addresses."""

ADMINISTRATORS = "administrators"
"""Word for the clients in the network `control`."""

ANYONE = "anyone"
"""Word for clients wherever they are."""


class Client(NamedTuple):
    """Someone who talks to a service.

    Attributes:
        networks: Where it has an address, by purpose; not empty.
        host: Whose addresses are meant; None when the whole networks are.
    """

    networks: Mapping[Purpose, Network]
    host: Host | None


def clients_of(index: Index, word: str) -> Iterator[Client]:
    """The clients that a word means, but for ANYONE."""
    if word == ADMINISTRATORS:
        yield Client({"administration": index.networks[CONTROL]}, None)
    elif word in INTERFACES:
        yield from (Client({n.purpose: n}, None) for n in index.networks.values() if n.purpose == word and n.is_ours)
        for host in index.hosts.values():
            networks = networks_as(word, host, index)
            if any(not network.is_ours for network in networks.values()):
                yield Client(networks, host)
    elif word in KINDS:
        yield from _of_kinds(index, KINDS[word])
    else:
        yield from (Client(index.networks_of(host), host) for host in index.carriers[word])


def _of_kinds(index: Index, kinds: tuple[str, ...]) -> Iterator[Client]:
    distinct: dict[frozenset[str], Client] = {}
    for host in index.hosts.values():
        if host.kind in kinds:
            networks = index.networks_of(host)
            if all(network.is_ours for network in networks.values()):
                # Many hosts have the same networks.
                distinct[frozenset(host.addresses)] = Client(networks, None)
            else:
                yield Client(networks, host)
    yield from distinct.values()


def networks_as(word: str, host: Host, index: Index) -> Mapping[Purpose, Network]:
    """The networks from which a host comes as one of the clients that a word means; none when it is not one."""
    networks = index.networks_of(host)
    if word == ADMINISTRATORS:
        return {purpose: network for purpose, network in networks.items() if network.name == CONTROL}
    if word in INTERFACES:
        return {purpose: network for purpose, network in networks.items() if purpose == word}
    if word == ANYONE or word in host.services or host.kind in KINDS.get(word, ()):
        return networks
    return {}


def is_client(index: Index, host: Host, listen: Listen) -> bool:
    """Whether a host may talk to a service there."""
    return any(networks_as(word, host, index) for word in listen.clients)


def find_path(client: Mapping[Purpose, Network], ways: Iterable[Purpose]) -> tuple[Purpose, Network] | None:
    """How a client gets to a service.

    Networks of one purpose are routed among themselves (`routes` of the interfaces). A client that shares no purpose
    with the service uses its default route, which leads to public addresses only.

    Args:
        client: The client's networks by purpose.
        ways: Purposes by which the service can be reached, the preferred one first.

    Returns:
        The purpose of the network where it arrives and the network from which it comes; None when there is no way.
    """
    for purpose in ways:
        if purpose in client:
            return purpose, client[purpose]
    if client and "public" in ways:
        return "public", client[default_purpose(client)]
    return None


def arrivals(listen: Listen, networks: Mapping[Purpose, Network]) -> list[Purpose]:
    """The purposes by which a host with some networks is reached there, the preferred one first."""
    return [purpose for purpose in listen.via if purpose in networks]


def ways_to(index: Index, service: str, host: Host) -> list[Purpose]:
    """The purposes by which a service of the host is reached; where it listens to nothing, by which the host is."""
    networks = index.networks_of(host)
    ways = (purpose for listen in index.services[service].listens for purpose in arrivals(listen, networks))
    return list(dict.fromkeys(ways)) or main_purposes(networks)


def way_in(index: Index, client: Host, server: Host, listens: Iterable[Listen]) -> Purpose | None:
    """The purpose of the network where a server lets a host in to one of some listens; None when it does not."""
    for listen in listens:
        ways = arrivals(listen, index.networks_of(server))
        paths = (find_path(networks_as(word, client, index), ways) for word in listen.clients)
        purposes = {path[0] for path in paths if path}
        if purposes:
            return min(purposes, key=ways.index)
    return None
