"""The same model with other addresses, for a lab on a machine whose own networks might be those of the model.

Addresses keep their structure: what is in one network stays in one network, with the same numbers of hosts.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from .addresses import Address, Prefix, overlapping, parse_prefix

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .schema import AutonomousSystem, Model, Network

type Moves = list[tuple[Prefix, Prefix]]
"""From where to where."""


class ReaddressError(Exception):
    """The mapping does not move every address to a place of its own; one sentence per line."""


def readdress(model: Model, mapping: Mapping[str, str]) -> Model:
    """Moves every address of a model.

    Args:
        model: A valid model.
        mapping: Prefixes and where each goes: to a prefix of the same length. Together they hold all addresses of the
            model, so that none is left where it was.

    Raises:
        ReaddressError: The mapping is not that; one sentence per line.
    """
    moves = _moves(mapping)
    missing: list[str] = []

    def move(address: Address) -> Address:
        for source, target in moves:
            if source.holds(address):
                return Address(address.version, address.number - source.number + target.number)
        missing.append(f"{address} is in none of the prefixes; add one that holds it")
        return address

    def move_prefix(prefix: Prefix) -> Prefix:
        whole = any(source.covers(prefix) for source, _ in moves)
        if not whole:
            missing.append(f"{prefix} is in none of the prefixes; add one that covers it")
            return prefix
        return prefix._replace(number=move(Address(prefix.version, prefix.number)).number)

    def move_network(network: Network) -> Network:
        return replace(
            network,
            ipv4=move_prefix(network.ipv4),
            ipv6=move_prefix(network.ipv6),
            gateway4=move(network.gateway4),
            gateway6=move(network.gateway6),
        )

    def move_system(system: AutonomousSystem) -> AutonomousSystem:
        return replace(
            system,
            resolvers=tuple(replace(item, ipv4=move(item.ipv4), ipv6=move(item.ipv6)) for item in system.resolvers),
            time_servers=tuple(
                replace(item, ipv4=move(item.ipv4), ipv6=move(item.ipv6)) for item in system.time_servers
            ),
        )

    moved = replace(
        model,
        networks=tuple(map(move_network, model.networks)),
        autonomous_systems=tuple(map(move_system, model.autonomous_systems)),
    )
    if missing:
        raise ReaddressError("\n".join(sorted(set(missing))))
    return moved


def _moves(mapping: Mapping[str, str]) -> Moves:
    """Reads and checks the mapping.

    Raises:
        ReaddressError: See `readdress`.
    """
    moves = [(_prefix(source), _prefix(target)) for source, target in mapping.items()]
    wrong = [
        f"{source} cannot become {target}; write two prefixes of the same version and length"
        for source, target in moves
        if (source.version, source.length) != (target.version, target.length)
    ]
    for prefixes in ([source for source, _ in moves], [target for _, target in moves]):
        wrong += [f"{one} and {other} overlap; choose distinct prefixes" for one, other in overlapping(prefixes)]
    if wrong:
        raise ReaddressError("\n".join(wrong))
    return moves


def _prefix(text: object) -> Prefix:
    try:
        return parse_prefix(str(text), 6 if ":" in str(text) else 4)
    except ValueError as error:
        raise ReaddressError(f"{text} is not a network; write one such as 198.18.2.0/24") from error
