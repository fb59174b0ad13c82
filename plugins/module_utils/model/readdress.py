"""The same model with other addresses, for a lab on a machine whose own networks might be those of the model.

All addresses move into one range for each version of IP, so that whoever changes the model's has nothing to do here.
What is in one network stays in one network, with the same numbers of hosts.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from .addresses import Address, Prefix, parse_network
from .problems import shorten

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from .schema import AutonomousSystem, Model, Network, Resolver, TimeServer

KEYS = {
    "ipv4": (4, "an IPv4 network such as 198.18.0.0/16"),
    "ipv6": (6, "an IPv6 network such as fd00:1:2::/48"),
}
"""The keys of the ranges: each one's version of IP, and what it holds."""


class ReaddressError(ValueError):
    """The ranges cannot take the model's addresses; one sentence per line."""


def readdress(model: Model, ranges: Mapping[str, object]) -> Model:
    """Moves every address of a model.

    Args:
        model: A valid model.
        ranges: A network for each of KEYS, as text.

    Raises:
        ReaddressError: The ranges are not that, or too small; one sentence per line.
    """
    wholes = _parse(ranges)
    places: dict[Prefix, Prefix] = {}
    crowded: list[str] = []
    for whole in wholes:
        for prefix, place in _places(_prefixes(model, whole.version), whole).items():
            if place is None:
                crowded.append(f"{prefix} finds no room in {whole}; choose a larger range")
            else:
                places[prefix] = place
    if crowded:
        raise ReaddressError("\n".join(crowded))

    def move(address: Address) -> Address:
        (source,) = (prefix for prefix in places if prefix.holds(address))
        return Address(address.version, address.number - source.number + places[source].number)

    def move_server[S: (Resolver, TimeServer)](server: S) -> S:
        return replace(server, ipv4=move(server.ipv4), ipv6=move(server.ipv6))

    def move_network(network: Network) -> Network:
        return replace(
            network,
            ipv4=places[network.ipv4],
            ipv6=places[network.ipv6],
            gateway4=move(network.gateway4),
            gateway6=move(network.gateway6),
        )

    def move_system(system: AutonomousSystem) -> AutonomousSystem:
        return replace(
            system,
            resolvers=tuple(map(move_server, system.resolvers)),
            time_servers=tuple(map(move_server, system.time_servers)),
        )

    return replace(
        model,
        networks=tuple(map(move_network, model.networks)),
        autonomous_systems=tuple(map(move_system, model.autonomous_systems)),
    )


def _parse(ranges: Mapping[str, object]) -> list[Prefix]:
    """Reads and checks the ranges.

    Raises:
        ReaddressError: See `readdress`.
    """
    wholes: list[Prefix] = []
    wrong = [f"key {shorten(key)} is unknown here; use {' and '.join(KEYS)}" for key in ranges if key not in KEYS]
    for key, (version, expects) in KEYS.items():
        try:
            wholes.append(parse_network(str(ranges.get(key, "")), version))
        except ValueError:
            found = f"is {shorten(ranges[key])}" if key in ranges else "is missing"
            wrong.append(f"'{key}' {found}; write {expects}")
    if wrong:
        raise ReaddressError("\n".join(wrong))
    return wholes


def _prefixes(model: Model, version: int) -> list[Prefix]:
    """What has to move: the networks, and the addresses that are in none of them."""
    key = f"ipv{version}"
    networks = [getattr(network, key) for network in model.networks]
    servers = [Prefix.of(getattr(server, key)) for system in model.autonomous_systems for server in system.servers]
    return networks + [server for server in servers if not any(network.covers(server) for network in networks)]


def _places(prefixes: Iterable[Prefix], whole: Prefix) -> dict[Prefix, Prefix | None]:
    """Where in the whole each prefix goes; None for one that finds no room.

    Its last bits stay what they are, so that people recognise it, and so that a change of one network leaves the others
    where they are. Of two that would meet then, the smaller one goes to the next free place.
    """
    placed: dict[Prefix, Prefix] = {}
    crowded: list[Prefix] = []
    for prefix in sorted(dict.fromkeys(prefixes), key=lambda prefix: prefix.length):
        place = prefix._replace(number=whole.number + prefix.number % whole.size)
        if _is_free(place, whole, placed.values()):
            placed[prefix] = place
        else:
            crowded.append(prefix)
    found: dict[Prefix, Prefix | None] = dict(placed)
    for prefix in crowded:
        found[prefix] = free = _next_free(prefix, whole, placed.values())
        if free is not None:
            placed[prefix] = free
    return found


def _is_free(place: Prefix, whole: Prefix, taken: Iterable[Prefix]) -> bool:
    return whole.covers(place) and not any(place.overlaps(other) for other in taken)


def _next_free(prefix: Prefix, whole: Prefix, taken: Collection[Prefix]) -> Prefix | None:
    """The first free place after where the prefix would have gone, or else the first of all."""
    starts = {whole.number, *(-(-(other.last + 1) // prefix.size) * prefix.size for other in taken)}
    places = [prefix._replace(number=start) for start in sorted(starts)]
    free = [place for place in places if _is_free(place, whole, taken)]
    after = [place for place in free if place.number > whole.number + prefix.number % whole.size]
    return next(iter(after + free), None)
