"""Services: who carries them, who talks to them, and in which autonomous system."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

from ..derive.clients import ADMINISTRATORS, ANYONE, KINDS, arrivals, find_path
from ..derive.interfaces import INTERFACES
from ..problems import Location
from ..schema import LOG_SERVER, MAIL_RELAY, MAIL_SERVER
from .registry import choice, listed, rule

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..index import Index
    from ..schema import Host, Listen
    from .registry import Finding

_WORDS = frozenset({*KINDS, *INTERFACES, ADMINISTRATORS, ANYONE})

_WANTED = {
    LOG_SERVER: "to which all hosts send their logs",
    MAIL_SERVER: "where mail ends",
    MAIL_RELAY: "which keeps mail while our own autonomous system is cut off",
}
"""Services that there must be, and what for. Rules know them by name: a new name would silence these."""


@rule("unknown-client", "services")
def unknown_clients(index: Index) -> Iterator[Finding]:
    """Clients are services or the words that services.yml explains."""
    for listen in index.listens:
        for word in listen.clients:
            if word not in _WORDS and word not in index.services:
                yield listen.at("clients", word), f"there are no clients '{word}'; {choice({*_WORDS, *index.services})}"


@rule("client-without-way", "networks", "nodes", "guests", "rented")
def clients_without_way(index: Index) -> Iterator[Finding]:
    """Each host that carries a service gets to the services that name it as a client."""
    for service in index.model.services:
        for listen in service.listens:
            yield from _cut_off(index, service.name, listen, index.carriers[service.name])
    for item in index.model.common:
        hosts = [host for host in index.hosts.values() if host.kind in item.kinds]
        yield from _cut_off(index, item.name, item, hosts)


def _cut_off(index: Index, name: str, listen: Listen, servers: Sequence[Host]) -> Iterator[Finding]:
    """Words for clients of which a host gets to none of the ways into a server."""
    # Hosts with the same networks get to the same places: the first of them stands for all.
    distinct = {frozenset(arrivals(listen, index.networks_of(server))): server for server in reversed(servers)}
    for word in listen.clients:
        if word in _WORDS or word not in index.services:
            continue
        clients = {frozenset(client.addresses): client for client in reversed(index.carriers[word])}
        for client, (ways, server) in product(clients.values(), distinct.items()):
            networks = index.networks_of(client)
            if networks and ways and find_path(networks, ways) is None:
                sentence = (
                    f"'{client.name}', which carries '{word}', has no way to '{name}' of '{server.name}' by "
                    f"{' or '.join(sorted(ways))}; give it an address there, extend via, or remove '{word}'"
                )
                yield listen.at("clients", word), sentence
                break


@rule("anyone-and-more")
def anyone_and_more(index: Index) -> Iterator[Finding]:
    """Who lets anyone in has no need to name others: one of the two is a mistake."""
    for listen in index.listens:
        if ANYONE in listen.clients and len(listen.clients) > 1:
            yield listen.at("clients"), f"'{ANYONE}' includes the others; keep it alone or remove it"


@rule("service-without-host", "nodes", "guests", "rented")
def services_without_hosts(index: Index) -> Iterator[Finding]:
    """Each service has a host."""
    for name, service in index.services.items():
        if not index.carriers[name]:
            yield service.at("name"), f"no host carries '{name}'; add it to a host's services or remove it"


@rule("missing-service", "services")
def missing_services(index: Index) -> Iterator[Finding]:
    """The services exist that the fleet is not without."""
    for name, purpose in _WANTED.items():
        if name not in index.services:
            yield Location("services.yml", 1), f"there is no service '{name}', {purpose}; add it"


@rule("mail-relay-system", "sites", "nodes")
def mail_relay_system(index: Index) -> Iterator[Finding]:
    """A mail relay is in another autonomous system than the mail server: it keeps mail while ours is cut off."""
    for relay in index.carriers.get(MAIL_RELAY, ()):
        for server in index.carriers.get(MAIL_SERVER, ()):
            shared = index.systems_of(relay) & index.systems_of(server)
            if shared:
                sentence = (
                    f"the mail relay '{relay.name}' is in the autonomous system {listed(shared)} like the mail server "
                    f"'{server.name}'; put it elsewhere"
                )
                yield relay.at("services"), sentence
