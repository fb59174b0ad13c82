"""Groups, hosts and host variables. docs/architecture lists the variables for authors of roles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..index import Index
from .hosts import HostVariables
from .interfaces import main_purpose

if TYPE_CHECKING:
    from datetime import date

    from ..schema import Model

KIND_GROUPS = {"node": "nodes", "guest": "guests", "rented": "rented"}
"""The group of each kind of host."""

SITE_ANY = "site_any"
"""The group of guests that may run on any node."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """What an inventory holds.

    Attributes:
        groups: Names of the hosts of each group. `all` is not among them.
        hosts: Variables of each host.
        variables: Variables of the group `all`.
    """

    groups: dict[str, list[str]]
    hosts: dict[str, dict[str, Any]]
    variables: dict[str, Any]


def derive(model: Model, today: date) -> Fleet:
    """Derives the inventory.

    Lists that several hosts have in common are shared, not copied: do not change them.

    Args:
        model: A valid model.
        today: Decides whose mandate runs.
    """
    index = Index(model)
    variables = HostVariables(index)
    hosts = {name: variables.of(host) for name, host in index.hosts.items()}
    return Fleet(_groups(index), hosts, _fleet_variables(model, hosts, today))


def group_of_site(site: str | None) -> str:
    """The group of the hosts of a site; of those without one for None."""
    return SITE_ANY if site is None else f"site_{site}"


def _groups(index: Index) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {group: [] for group in KIND_GROUPS.values()}
    for name, host in index.hosts.items():
        groups[KIND_GROUPS[host.kind]].append(name)
        groups.setdefault(group_of_site(index.site_of(host)), []).append(name)
    for service, carriers in index.carriers.items():
        groups[service] = [host.name for host in carriers]
    return groups


def _fleet_variables(model: Model, hosts: dict[str, dict[str, Any]], today: date) -> dict[str, Any]:
    return {
        "model_domain": model.names.domain,
        "model_apt_mirror": model.packages.mirror,
        "model_apt_security_mirror": model.packages.security_mirror,
        "model_user_authorities": list(model.authorities.users),
        "model_host_authority": model.authorities.host,
        "model_tls_authority": model.authorities.tls,
        "model_fleet": [_known_host(variables) for variables in hosts.values()],
        "model_rts": [
            {"nick": person.nick, "name": person.name, "mail": person.mail, "principals": [person.nick]}
            for person in model.people
            if person.mandate.since <= today <= person.mandate.until
        ],
    }


def _known_host(variables: dict[str, Any]) -> dict[str, Any]:
    """What every host knows of each host."""
    interfaces = {interface["purpose"]: interface for interface in variables["model_interfaces"]}
    main = interfaces[main_purpose(interfaces)]
    return {
        "name": variables["model_name"],
        "fqdn": variables["model_fqdn"],
        "addresses": {"ipv4": main["ipv4"], "ipv6": main["ipv6"]},
        "names": variables["model_names"],
    }
