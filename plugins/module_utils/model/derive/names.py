"""What hosts call each other: names and addresses for /etc/hosts, for when no name server answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

from .clients import find_path, ways_to
from .interfaces import main_purposes

if TYPE_CHECKING:
    from ..fields import Purpose
    from ..index import Index
    from ..schema import Host

type Ways = tuple[Purpose, ...]
"""Purposes by which something is reached, the preferred one first."""


class View(TypedDict):
    """What hosts know of all hosts.

    Attributes:
        hosts: Names of the hosts that know this. There are few views: what a host knows follows from the purposes of
            its networks alone, and most purposes make no difference.
        entries: The value of their variable `model_hosts`.
    """

    hosts: list[str]
    entries: list[dict[str, Any]]


def views(index: Index, hosts: dict[str, dict[str, Any]]) -> list[View]:
    """Each host's names with addresses that others reach.

    A host has its own names at the address of a network that both have, administration first, or else at its public
    address; and the names of each service at the address at which the service answers. What a host cannot reach, it
    does not know.

    Args:
        index: A valid model.
        hosts: The variables of each host.
    """
    called = {name: _called(index, index.hosts[name], variables) for name, variables in hosts.items()}
    distinct = list(dict.fromkeys(ways for names in called.values() for ways in names))
    found: dict[tuple[Purpose | None, ...], list[str]] = {}
    for name in hosts:
        networks = index.networks_of(index.hosts[name])
        paths = (find_path(networks, ways) for ways in distinct)
        found.setdefault(tuple(path[0] if path else None for path in paths), []).append(name)
    return [
        View(hosts=names, entries=_entries(called, hosts, dict(zip(distinct, purposes, strict=True))))
        for purposes, names in found.items()
    ]


def _called(index: Index, host: Host, variables: dict[str, Any]) -> dict[Ways, list[str]]:
    """The names of a host, by the ways to what they stand for."""
    names = {tuple(main_purposes(index.networks_of(host))): [variables["model_fqdn"], host.name]}
    for service in host.services:
        if index.services[service].aliases:
            names.setdefault(tuple(ways_to(index, service, host)), []).extend(index.services[service].aliases)
    return names


def _entries(
    called: dict[str, dict[Ways, list[str]]], hosts: dict[str, dict[str, Any]], arrivals: dict[Ways, Purpose | None]
) -> list[dict[str, Any]]:
    """The lines of /etc/hosts for those who arrive by these purposes."""
    entries = []
    for host, names in called.items():
        interfaces = {interface["purpose"]: interface for interface in hosts[host]["model_interfaces"]}
        at: dict[Purpose, list[str]] = {}
        for ways, some in names.items():
            purpose = arrivals[ways]
            if purpose is not None:
                at.setdefault(purpose, []).extend(some)
        entries += [
            {"ipv4": interfaces[purpose]["ipv4"], "ipv6": interfaces[purpose]["ipv6"], "names": some}
            for purpose, some in at.items()
        ]
    return entries
