"""The fleet as the lab needs it: hosts with cables, networks, and the control machine's place among them."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
    ip_address,
    ip_interface,
    ip_network,
)
from pathlib import Path
from typing import Any

import yaml

from .errors import LabError

type Address = IPv4Interface | IPv6Interface
type Prefix = IPv4Network | IPv6Network

CONTROL = "control"
"""The network of the machines that administer."""

DEFAULT_ROUTES: tuple[Prefix, Prefix] = (IPv4Network("0.0.0.0/0"), IPv6Network("::/0"))


@dataclass(frozen=True)
class Route:
    """Where a host sends packets for a prefix."""

    to: Prefix
    via: IPv4Address | IPv6Address


@dataclass(frozen=True)
class Interface:
    """A host's end of a cable."""

    name: str
    network: str
    addresses: tuple[Address, ...]
    routes: tuple[Route, ...]


@dataclass(frozen=True)
class Host:
    """A host of the model.

    Attributes:
        name: Short name; the container's too.
        fqdn: Full name.
        address: Where it is administered.
        names: All names, the full one first.
        addresses: All addresses.
        site: For people.
        services: What it carries.
        interfaces: Its cables.
    """

    name: str
    fqdn: str
    address: str
    names: tuple[str, ...]
    addresses: tuple[str, ...]
    site: str
    services: tuple[str, ...]
    interfaces: tuple[Interface, ...]


@dataclass(frozen=True)
class Network:
    """A broadcast domain.

    Attributes:
        name: As in the model.
        gateways: The router's addresses in it, with their prefixes' lengths.
    """

    name: str
    gateways: tuple[Address, ...]

    @property
    def prefixes(self) -> tuple[Prefix, ...]:
        """The addresses that it has."""
        return tuple(gateway.network for gateway in self.gateways)


@dataclass(frozen=True)
class Fleet:
    """All hosts, networks and groups."""

    hosts: tuple[Host, ...]
    networks: tuple[Network, ...]
    groups: Mapping[str, Sequence[str]]

    @property
    def control_network(self) -> Network:
        """The network of the machines that administer."""
        return next(network for network in self.networks if network.name == CONTROL)

    @property
    def control_addresses(self) -> tuple[Address, ...]:
        """The control machine's: those that follow the gateways'. The model places no host in this network."""
        return tuple(
            ip_interface(f"{gateway.ip + 1}/{gateway.network.prefixlen}") for gateway in self.control_network.gateways
        )

    @property
    def control_ipv4(self) -> str:
        """The control machine's IPv4 address."""
        return next(str(address.ip) for address in self.control_addresses if address.version == 4)

    def select(self, limit: str) -> tuple[Host, ...]:
        """Find the hosts that a person means.

        Args:
            limit: Names of hosts and groups, separated by commas; nothing means all.

        Raises:
            LabError: When a name is neither, or none is given but commas.
        """
        words = {word.strip() for word in limit.split(",")} - {""}
        if not limit.strip():
            return self.hosts
        names = [host.name for host in self.hosts]
        known = {"all": names} | {name: [name] for name in names} | dict(self.groups)
        if unknown := sorted(words - known.keys()) or (["nothing"] if not words else []):
            raise LabError(
                "limit",
                f"no host or group is named {', '.join(unknown)}",
                f"use hosts ({', '.join(names)}) or groups ({', '.join(sorted(self.groups))})",
            )
        wanted = {name for word in words for name in known[word]}
        return tuple(host for host in self.hosts if host.name in wanted)


def host_of(variables: Mapping[str, Any]) -> Host:
    """Read a host out of the variables that the model derives."""
    return Host(
        name=variables["model_name"],
        fqdn=variables["model_fqdn"],
        address=variables["ansible_host"],
        names=tuple(variables["model_names"]),
        addresses=tuple(variables["model_addresses"]),
        site=variables["model_site_title"] or "any node",
        services=tuple(variables["model_services"]),
        interfaces=tuple(map(interface_of, variables["model_interfaces"])),
    )


def interface_of(variables: Mapping[str, Any]) -> Interface:
    """Read an interface out of the variables that the model derives."""
    routes = [Route(ip_network(route["to"]), ip_address(route["via"])) for route in variables["routes"]]
    if variables["default_route"]:
        gateways = (ip_address(variables["gateway4"]), ip_address(variables["gateway6"]))
        routes += [Route(to, via) for to, via in zip(DEFAULT_ROUTES, gateways, strict=True)]
    return Interface(
        name=variables["name"],
        network=variables["network"],
        addresses=tuple(ip_interface(f"{variables[f'ipv{v}']}/{variables[f'prefix{v}']}") for v in (4, 6)),
        routes=tuple(routes),
    )


def load(root: Path) -> Fleet:
    """Read the model as inventory/lab.yml does: the same hosts, with the lab's addresses.

    Args:
        root: The repository.

    Raises:
        LabError: When the model has problems; with all of them.
    """
    # The repository is a collection: this is the link that set-up makes and that Ansible finds it by.
    sys.path.append(str(root / ".ansible/collections"))
    from ansible_collections.aurore.infra.plugins.module_utils import model as models

    options = yaml.safe_load((root / "inventory/lab.yml").read_text())
    try:
        model = models.readdress(models.load(root / "inventory" / options.get("model", "model")), options["readdress"])
    except (models.ModelError, ValueError) as error:
        raise LabError("model", f"it has problems:\n{error}", "mend them; `make check-model` lists them too") from error
    derived = models.derive(model, datetime.now(UTC).date())
    networks = [
        Network(
            network.name,
            (
                ip_interface(f"{network.gateway4}/{network.ipv4.length}"),
                ip_interface(f"{network.gateway6}/{network.ipv6.length}"),
            ),
        )
        for network in model.networks
    ]
    return Fleet(tuple(map(host_of, derived.hosts.values())), tuple(networks), derived.groups)
