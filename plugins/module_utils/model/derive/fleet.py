"""Groups, hosts and host variables. `ansible-doc -t inventory aurore.infra.cluster` explains each variable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..index import Index
from .clients import is_client
from .hosts import HostVariables
from .names import views

if TYPE_CHECKING:
    from datetime import date

    from ..schema import Model
    from .names import View

KIND_GROUPS = {"node": "nodes", "guest": "guests", "rented": "rented"}
"""The group of each kind of host."""

SITE_ANY = "site_any"
"""The group of guests that may run on any node."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """What an inventory holds.

    Attributes:
        groups: Names of the hosts of each group. `all` is not among them.
        hosts: Variables of each host, but for those that are as long as the fleet.
        variables: Variables of the group `all`.
        views: The variable `model_hosts`, once for all hosts with the same.
    """

    groups: dict[str, list[str]]
    hosts: dict[str, dict[str, Any]]
    variables: dict[str, Any]
    views: list[View]


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
    return Fleet(groups_of(index), hosts, _fleet_variables(model, hosts, today), views(index, hosts))


def group_of_site(site: str | None) -> str:
    """The group of the hosts of a site; of those without one for None."""
    return SITE_ANY if site is None else f"site_{site}"


def groups_of(index: Index) -> dict[str, list[str]]:
    """The names of the hosts of each group."""
    groups: dict[str, list[str]] = {group: [] for group in KIND_GROUPS.values()}
    for name, host in index.hosts.items():
        groups[KIND_GROUPS[host.kind]].append(name)
        groups.setdefault(group_of_site(index.site_of(host)), []).append(name)
    for service, carriers in index.carriers.items():
        groups[service] = [host.name for host in carriers]
    for listen in index.listens:
        if listen.group:
            groups[listen.group] = [host.name for host in index.hosts.values() if is_client(index, host, listen)]
    return groups


def _fleet_variables(model: Model, hosts: dict[str, dict[str, Any]], today: date) -> dict[str, Any]:
    return {
        "model_domain": model.names.domain,
        "model_apt_mirror": model.packages.mirror,
        "model_apt_security_mirror": model.packages.security_mirror,
        "model_apt_proxy": model.packages.proxy,
        "model_user_authorities": list(model.authorities.users),
        "model_emergency_authority": model.authorities.emergency,
        "model_host_authority": model.authorities.host,
        "model_tls_authority": model.authorities.tls,
        "model_fleet": [_fleet_entry(variables) for variables in hosts.values()],
        "model_rts": [
            {"nick": person.nick, "name": person.name, "mail": person.mail}
            for person in model.people
            if person.mandate.since <= today <= person.mandate.until
        ],
        "model_people": [
            {
                "nick": person.nick,
                "name": person.name,
                "mail": person.mail,
                "role": person.role,
                "since": str(person.mandate.since),
                "until": str(person.mandate.until),
                "keys": list(person.keys),
                "administers": list(person.administers),
            }
            for person in model.people
        ],
        "model_certificates": [
            {
                "serial": certificate.serial,
                "person": certificate.person,
                "principals": list(certificate.principals),
                "since": str(certificate.since),
                "until": str(certificate.until),
                "key": certificate.key,
                "authority": certificate.authority,
                "revoked": None if certificate.revoked is None else str(certificate.revoked),
                "reason": certificate.reason,
            }
            for certificate in model.certificates
        ],
    }


def _fleet_entry(variables: dict[str, Any]) -> dict[str, Any]:
    """What is the same of a host to everybody: its name, and where it is administered."""
    main = next(item for item in variables["model_interfaces"] if item["ipv4"] == variables["ansible_host"])
    return {
        "name": variables["model_name"],
        "fqdn": variables["model_fqdn"],
        "addresses": {"ipv4": main["ipv4"], "ipv6": main["ipv6"]},
    }
