"""Services: who carries them, who talks to them, and in which autonomous system."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..derive.firewall import ADMINISTRATORS, ANYONE, KINDS
from ..derive.interfaces import INTERFACES
from ..derive.peers import LOG_SERVICE
from ..problems import Location
from .registry import listed, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..index import Index
    from ..schema import Listen
    from .registry import Finding

_WORDS = frozenset({*KINDS, *INTERFACES, ADMINISTRATORS, ANYONE})


def _listens(index: Index) -> Iterator[Listen]:
    yield from index.model.common
    for service in index.model.services:
        yield from service.listens


@rule("unknown-client", "services")
def unknown_clients(index: Index) -> Iterator[Finding]:
    """Clients are services or the words that services.yml explains."""
    for listen in _listens(index):
        for word in listen.clients:
            if word not in _WORDS and word not in index.services:
                known = listed({*_WORDS, *index.services})
                yield listen.at("clients", word), f"there are no clients '{word}'; use one of {known}"


@rule("anyone-and-more")
def anyone_and_more(index: Index) -> Iterator[Finding]:
    """Who lets anyone in has no need to name others: one of the two is a mistake."""
    for listen in _listens(index):
        if ANYONE in listen.clients and len(listen.clients) > 1:
            yield listen.at("clients"), f"'{ANYONE}' includes the others; keep it alone or remove it"


@rule("service-without-host", "nodes", "guests", "rented")
def services_without_hosts(index: Index) -> Iterator[Finding]:
    """Each service has a host."""
    for name, service in index.services.items():
        if not index.carriers[name]:
            yield service.at("name"), f"no host carries '{name}'; add it to a host's services or remove it"


@rule("no-log-server", "services")
def log_server(index: Index) -> Iterator[Finding]:
    """There is a service to which hosts send their logs."""
    if LOG_SERVICE not in index.services:
        sentence = f"there is no service '{LOG_SERVICE}', to which all hosts send their logs; add it"
        yield Location("services.yml", 1), sentence


@rule("mail-relay-system", "sites", "nodes")
def mail_relay_system(index: Index) -> Iterator[Finding]:
    """A mail relay is in another autonomous system than the mail server: it keeps mail while ours is cut off."""
    for relay in index.carriers.get("mail_relay", ()):
        for server in index.carriers.get("mail_server", ()):
            shared = index.systems_of(relay) & index.systems_of(server)
            if shared:
                sentence = (
                    f"the mail relay '{relay.name}' is in autonomous system {listed(shared)} like the mail server "
                    f"'{server.name}'; put it elsewhere"
                )
                yield relay.at("services"), sentence
