"""Inventory plugin: the fleet that the model describes."""

from __future__ import annotations

DOCUMENTATION = r"""
name: cluster
short_description: The fleet, from the model
author:
  - Collège technique d'Aurore (@aurore)
description:
  - Reads the model of the fleet (sites, networks, nodes, guests, services, people), validates it, and gives its hosts
    to Ansible with the variables that follow from it.
  - Hosts are in a group for their kind (C(nodes), C(guests), C(rented)), one for their site (C(site_fleming);
    C(site_any) for guests that run on any node) and one for each service that they carry (C(postgresql), C(mons)).
    Clients of a service are in a group where the model gives them one (C(postgresql_clients)).
  - All problems of the model are listed at once, each with its file and line, and nothing is run.
  - Addresses and names come from the model alone. What differs between production and the lab is in the options of
    the two files that use this plugin, V(inventory/production.yml) and V(inventory/lab.yml).
options:
  plugin:
    description: This plugin's name, by which it knows its files.
    type: str
    required: true
    choices: [aurore.infra.cluster]
  model:
    description: Directory of the model's files. A relative path starts at the inventory file.
    type: str
    default: model
  readdress:
    description:
      - Moves every address of the model into a range for each version of IP. Keys are V(ipv4) and V(ipv6), values are
        networks that are large enough.
      - What is in one network stays in one network, with the same numbers of hosts. The last bits of an address stay
        what they are where no two networks would meet.
      - For a lab, on a machine whose own network may use the model's addresses.
    type: dict
    default: {}
  sizes:
    description:
      - Takes the place of sizes of the model in the variable C(model_size), by kind of host (V(node), V(guest),
        V(rented)), then V(memory) and V(disk) in GiB, V(cores).
      - The model itself is validated with its own sizes.
    type: dict
    default: {}
  overlay:
    description:
      - Directory with files that take the place of the model's files of the same names. A relative path starts at the
        inventory file.
      - For a lab, which has authorities, people and certificates of its own. While the directory does not exist, the
        model's files stand.
    type: str
  variables:
    description: More variables of group C(all), such as how to connect. Values may be templates.
    type: dict
    default: {}
extends_documentation_fragment:
  - constructed
  - inventory_cache
notes:
  - The variables that hosts get are under RETURN VALUES.
  - A file of the model begins with what may be changed there and what follows.
  - A cached inventory is used only as long as the model's files and this code are what they were; there is no need to
    flush the cache after an edit or a C(git pull).
  - C(model_fleet) and C(model_hosts) are as long as the fleet. They are templates that lead to a variable of one host,
    which plays see as lists, and C(ansible-inventory) shows as templates. O(compose), O(groups) and O(keyed_groups)
    know the first one alone.
  - C(model_rts) lists those whose mandate runs today, by the clock of the control machine.
  - An option that does not exist is refused. The options that other inventory plugins have are below, too.
"""

EXAMPLES = r"""
# The whole of inventory/production.yml:
plugin: aurore.infra.cluster
variables:
  ansible_user: root

# See what comes out:
#   ansible-inventory -i inventory/production.yml --graph
#   ansible-inventory -i inventory/production.yml --host git

# The same fleet with addresses that are safe on any machine (RFC 2544, RFC 4193):
# plugin: aurore.infra.cluster
# readdress:
#   ipv4: 198.18.0.0/16
#   ipv6: fd5a:7e57:1ab0::/48

# Groups and variables of your own, from the derived ones:
# plugin: aurore.infra.cluster
# strict: true
# compose:
#   database_hosts: model_peers.postgresql | default([]) | map(attribute='ipv4')
# groups:
#   exposed: model_openings | selectattr('anyone') | list | length > 0
# keyed_groups:
#   - key: model_interfaces | map(attribute='network')
#     prefix: network

# Validate the model once a day at most, unless it is edited:
# plugin: aurore.infra.cluster
# cache: true
# cache_plugin: ansible.builtin.jsonfile
# cache_connection: ~/.cache/aurore
# cache_timeout: 86400
"""

RETURN = r"""
ansible_host:
  description: The IPv4 address by which the host is administered.
  returned: of each host
  type: str
model_name:
  description: The host's name in the model, which is its name in the inventory.
  returned: of each host
  type: str
model_fqdn:
  description: Its full name.
  returned: of each host
  type: str
model_names:
  description: All its names, the full one first, then C(model_name) and the aliases of its services.
  returned: of each host
  type: list
  elements: str
model_kind:
  description: V(node), V(guest) or V(rented).
  returned: of each host
  type: str
model_site:
  description: The name of its site; null for a guest that may run on any node.
  returned: of each host
  type: str
model_site_title:
  description: The same for people.
  returned: of each host
  type: str
model_size:
  description: What it has. A node's disk is that of the system; those of the storage are everybody's.
  returned: of each host
  type: dict
  contains:
    memory:
      description: In GiB.
      type: int
    cores:
      description: Processors; a guest's are virtual.
      type: int
    disk:
      description: In GiB.
      type: int
model_interfaces:
  description: Its interfaces, one at most for each purpose.
  returned: of each host
  type: list
  elements: dict
  contains:
    name:
      description: Of the interface. It follows from the purpose (V(adm0), V(srv0), V(pub0), V(cpub0), V(cclu0)).
      type: str
    network:
      description: The network's name in the model.
      type: str
    purpose:
      description: V(administration), V(services), V(public), V(ceph_public) or V(ceph_cluster).
      type: str
    vlan:
      description: The network's number on our switches; null where it is not ours.
      type: int
    ipv4:
      description: The host's address.
      type: str
    prefix4:
      description: The length of the network's prefix.
      type: int
    gateway4:
      description: Who routes out of the network.
      type: str
    ipv6:
      description: The host's address.
      type: str
    prefix6:
      description: The length of the network's prefix.
      type: int
    gateway6:
      description: Who routes out of the network.
      type: str
    default_route:
      description: Whether the host sends here what it has no other route for. One of its interfaces has it.
      type: bool
    routes:
      description: Routes beside the default one, to the other networks of the same purpose.
      type: list
      elements: dict
      contains:
        to:
          description: The network.
          type: str
        via:
          description: The gateway.
          type: str
model_addresses:
  description: The addresses of all its interfaces, IPv4 first.
  returned: of each host
  type: list
  elements: str
model_services:
  description: Names of the services that it carries. They are groups, too.
  returned: of each host
  type: list
  elements: str
model_peers:
  description: The hosts of each service that it carries, itself included.
  returned: of each host
  type: dict
  contains:
    SERVICE:
      description: The key is the name of a service.
      type: list
      elements: dict
      contains: &peer
        name:
          description: The host's name.
          type: str
        fqdn:
          description: Its full name.
          type: str
        ipv4:
          description: The address by which it is reached for this.
          type: str
        ipv6:
          description: The same in IPv6.
          type: str
model_openings:
  description: What its firewall lets in, one entry for each service, protocol and interface.
  returned: of each host
  type: list
  elements: dict
  contains:
    service:
      description: The name of the service, or of the entry of C(common).
      type: str
    description:
      description: What it is for, for people.
      type: str
    protocol:
      description: V(tcp) or V(udp).
      type: str
    ports:
      description: Numbers, in order.
      type: list
      elements: int
    interface:
      description: The name of the interface at which clients arrive.
      type: str
    anyone:
      description: Whether clients may be anywhere; the lists of addresses are empty then.
      type: bool
    ipv4:
      description: Networks and addresses from which clients come. None covers another.
      type: list
      elements: str
    ipv6:
      description: The same in IPv6.
      type: list
      elements: str
model_name_servers:
  description: Addresses of the resolvers that it asks, three at most.
  returned: of each host
  type: list
  elements: str
model_time_servers:
  description:
    - Whom it asks for time. For hosts that have a way to the fleet's clocks, these, with C(name), C(fqdn), C(ipv4) and
      C(ipv6); for the clocks themselves and the other hosts, the servers of their autonomous system, without C(fqdn).
    - The clocks are the first four hosts that answer NTP, which are nodes.
  returned: of each host
  type: list
  elements: dict
  contains:
    name:
      description: The server's name.
      type: str
    fqdn:
      description: Its full name, where it is one of the fleet.
      type: str
    ipv4:
      description: Its address.
      type: str
    ipv6:
      description: Its address.
      type: str
model_time_peers:
  description: The other clocks, for a clock to stay together with when no server outside answers; empty for others.
  returned: of each host
  type: list
  elements: dict
  contains: *peer
model_time_clients:
  description: Networks and addresses that may ask it for time; empty unless it is a clock.
  returned: of each host
  type: list
  elements: str
model_log_servers:
  description: Where it sends its logs, by the addresses at which it is let in.
  returned: of each host
  type: list
  elements: dict
  contains: *peer
model_hosts:
  description:
    - The hosts that it can reach, with the addresses by which it does, for C(/etc/hosts). A host has two entries where
      a service of it is reached at another address than the host.
  returned: of each host
  type: list
  elements: dict
  contains:
    ipv4:
      description: The address.
      type: str
    ipv6:
      description: The address.
      type: str
    names:
      description: What is there, the full name of the host first.
      type: list
      elements: str
model_inventory_dir:
  description: The directory of the inventory file; unlike C(inventory_dir), plays on the implicit localhost know it.
  returned: of group all
  type: str
model_files:
  description: The path of each of the model's files on the control machine, by its name, for what edits them.
  returned: of group all
  type: dict
model_domain:
  description: The association's domain.
  returned: of group all
  type: str
model_apt_mirror:
  description: URL of Debian's mirror.
  returned: of group all
  type: str
model_apt_security_mirror:
  description: URL of the mirror of its security updates.
  returned: of group all
  type: str
model_apt_proxy:
  description: URL of a proxy for apt; null for none.
  returned: of group all
  type: str
model_user_authorities:
  description: SSH keys that sign the certificates of people.
  returned: of group all
  type: list
  elements: str
model_emergency_authority:
  description: SSH key that signs the certificates of people when the user authorities cannot; null while there is none.
  returned: of group all
  type: str
model_host_authority:
  description: SSH key that signs those of hosts; null as long as there is none.
  returned: of group all
  type: str
model_tls_authority:
  description: Certificate, in PEM, of the authority for TLS; null as long as there is none.
  returned: of group all
  type: str
model_fleet:
  description: All hosts.
  returned: of group all
  type: list
  elements: dict
  contains:
    name:
      description: The host's name.
      type: str
    fqdn:
      description: Its full name.
      type: str
    addresses:
      description: By which it is administered.
      type: dict
      contains:
        ipv4:
          description: The address.
          type: str
        ipv6:
          description: The address.
          type: str
model_rts:
  description: The technical staff whose mandate runs today.
  returned: of group all
  type: list
  elements: dict
  contains: &person
    nick:
      description: The nickname, which is unique.
      type: str
    name:
      description: The name for people.
      type: str
    mail:
      description: The mail address.
      type: str
model_people:
  description: Everybody in the model, whether the mandate runs or not.
  returned: of group all
  type: list
  elements: dict
  contains:
    <<: *person
    role:
      description: V(rt), or V(rtc) for their lead.
      type: str
    since:
      description: The mandate's first day, as year-month-day.
      type: str
    until:
      description: Its last day.
      type: str
    keys:
      description: The person's public SSH keys.
      type: list
      elements: str
    administers:
      description: What the person's certificates open, V(root) for all hosts, or names of hosts and groups.
      type: list
      elements: str
model_certificates:
  description: All SSH certificates of people, by their serial numbers.
  returned: of group all
  type: list
  elements: dict
  contains:
    serial:
      description: The serial number.
      type: int
    person:
      description: The nickname of who holds it.
      type: str
    principals:
      description: What it opens.
      type: list
      elements: str
    since:
      description: The day, in UTC, at whose beginning it becomes valid.
      type: str
    until:
      description: The day, in UTC, at whose beginning it ends.
      type: str
    key:
      description: Fingerprint of the person's key.
      type: str
    authority:
      description: Fingerprint of the key that signed it.
      type: str
    revoked:
      description: The day on which it was revoked; null if it was not.
      type: str
    reason:
      description: Why; null if it was not.
      type: str
"""

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import date
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible.errors import AnsibleError, AnsibleParserError
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable
from ansible.template import trust_as_template
from ansible_collections.aurore.infra.plugins.module_utils import model as package
from ansible_collections.aurore.infra.plugins.module_utils.model import (
    Fleet,
    Location,
    ModelError,
    Problem,
    ReaddressError,
    derive,
    read,
    readdress,
    validate,
)
from ansible_collections.aurore.infra.plugins.module_utils.model.schema import FILES

if TYPE_CHECKING:
    from ansible.inventory.data import InventoryData
    from ansible.parsing.dataloader import DataLoader

_KINDS = ("node", "guest", "rented")
_SIZES = ("memory", "cores", "disk")


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):  # type: ignore[misc]
    """Gives the fleet to Ansible."""

    NAME = "aurore.infra.cluster"

    def verify_file(self, path: str) -> bool:
        """Whether the file is one of this plugin's, which a line of it says."""
        if not super().verify_file(path) or not path.endswith((".yml", ".yaml")):
            return False
        text = Path(path).read_text(encoding="utf-8", errors="replace")
        name = re.escape(self.NAME)
        return re.search(rf"""^\s*(["']?)plugin\1\s*:\s+(["']?){name}\2\s*(#.*)?$""", text, re.MULTILINE) is not None

    def parse(self, inventory: InventoryData, loader: DataLoader, path: str, cache: bool = True) -> None:
        """Fills the inventory.

        Raises:
            AnsibleParserError: The model, or an option, is wrong; with all problems.
        """
        super().parse(inventory, loader, path, cache)
        config = self._read_config_data(path)
        wrong = [_at_option(path, *problem) for problem in (*self._unknown(config), *self._mistyped())]
        if wrong:
            raise _refusal("the options have problems", ModelError(wrong))
        fleet = self._fleet(path, cache=cache)
        fleet.variables["model_inventory_dir"] = os.path.normpath(Path(path).parent.absolute())
        fleet.variables["model_files"] = self._paths(path)
        for variables in fleet.hosts.values():
            variables["model_size"] |= self.get_option("sizes").get(variables["model_kind"], {})
        fleet.variables.update(self.get_option("variables"))
        self._fill(fleet)
        self._construct(fleet)

    def _unknown(self, config: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
        """Options that there are not: a slip in the name of one that moves addresses must not go unnoticed."""
        definitions = self.option_definitions
        known = {*definitions, *(alias["name"] for one in definitions.values() for alias in one.get("aliases", ()))}
        for name in config:
            if name not in known:
                yield str(name), "unknown-option", f"there is no option '{name}'; use one of {', '.join(sorted(known))}"

    def _mistyped(self) -> Iterator[tuple[str, str, str]]:
        """Options whose values nobody could use, as far as Ansible does not look into them."""
        expected = f"write some of {', '.join(_KINDS)}, each with some of {', '.join(_SIZES)} as whole numbers"
        for kind, size in self.get_option("sizes").items():
            if kind not in _KINDS or not _is_size(size):
                yield "sizes", "wrong-option", f"'{kind}' of 'sizes' is {size!r}; {expected}"
        for name in self.get_option("variables"):
            if not isinstance(name, str) or not name.isidentifier():
                yield "variables", "wrong-option", f"{name!r} is no name for a variable; use letters, digits and _"

    def _fleet(self, path: str, *, cache: bool) -> Fleet:
        """What the model gives, from the cache where it has the same model."""
        directory = _shown(Path(path).parent / self.get_option("model"))
        today = date.today()  # noqa: DTZ011 - mandates end by the calendar of those who hold them
        ranges = self.get_option("readdress")
        keeps = self.get_option("cache")
        try:
            files = read(directory, self._overlay(path))
            key = f"{self.get_cache_key(path)}_{_digest(files, ranges, today)}" if keeps else ""
            fleet = self._cached(key) if keeps and cache else None
            if fleet is not None:
                return fleet
            model = validate(files, today)
            fleet = derive(readdress(model, ranges) if ranges else model, today)
        except ModelError as error:
            raise _refusal("the model has problems", error) from None
        except ReaddressError as error:
            wrong = [_at_option(path, "readdress", "wrong-option", line) for line in str(error).splitlines()]
            raise _refusal("the options have problems", ModelError(wrong)) from None
        if keeps:
            self._cache[key] = asdict(fleet)
        return fleet

    def _cached(self, key: str) -> Fleet | None:
        """What the cache holds, as far as it is a fleet: a file of it may be damaged, or written by others."""
        try:
            return _restored(self._cache.get(key))
        except (AnsibleError, LookupError, TypeError, ValueError):  # what Ansible answers then
            return None

    def _paths(self, path: str) -> dict[str, str]:
        """The paths of the model's files."""
        directory, overlay = Path(path).parent / self.get_option("model"), self._overlay(path)
        places = {name: overlay / name if overlay and (overlay / name).exists() else directory / name for name in FILES}
        return {name: os.path.normpath(place.absolute()) for name, place in places.items()}

    def _overlay(self, path: str) -> Path | None:
        """The directory of the files that take the place of the model's."""
        option = self.get_option("overlay")
        return None if option is None else _shown(Path(path).parent / option)

    def _fill(self, fleet: Fleet) -> None:
        """Adds groups, hosts and variables."""
        for group in fleet.groups:
            self.inventory.add_group(group)
        for host, variables in fleet.hosts.items():
            self.inventory.add_host(host)
            for name, value in variables.items():
                self.inventory.set_variable(host, name, value)
        for group, hosts in fleet.groups.items():
            for host in hosts:
                self.inventory.add_child(group, host)
        lists = {"model_fleet": self._kept(next(iter(fleet.hosts)), "model_fleet", fleet.variables["model_fleet"])}
        for name, value in (fleet.variables | lists).items():
            self.inventory.set_variable("all", name, value)
        for view in fleet.views:
            template = self._kept(view["hosts"][0], "model_hosts", view["entries"])
            for host in view["hosts"]:
                self.inventory.set_variable(host, "model_hosts", template)

    def _kept(self, host: str, name: str, value: list[Any]) -> str:
        """Has one host keep a list that is as long as the fleet; returns a template that leads there.

        Ansible merges the variables of groups into each host's: `ansible-inventory --list` would write as many copies
        as there are hosts.
        """
        self.inventory.set_variable(host, f"{name}_list", value)
        template: str = trust_as_template(f"{{{{ hostvars['{host}'].{name}_list }}}}")
        return template

    def _construct(self, fleet: Fleet) -> None:
        """Applies compose, groups and keyed_groups."""
        compose, groups, keyed = (self.get_option(option) for option in ("compose", "groups", "keyed_groups"))
        if not (compose or groups or keyed):
            return
        strict = self.get_option("strict")
        for host, variables in fleet.hosts.items():
            known = fleet.variables | variables
            self._set_composite_vars(compose, known, host, strict=strict)
            # These two add what compose has just set.
            self._add_host_to_composed_groups(groups, known, host, strict=strict)
            self._add_host_to_keyed_groups(keyed, known, host, strict=strict)


def _is_size(size: object) -> bool:
    return isinstance(size, Mapping) and all(
        name in _SIZES and isinstance(number, int) and not isinstance(number, bool) and number > 0
        for name, number in size.items()
    )


def _at_option(path: str, option: str, rule: str, sentence: str) -> Problem:
    """A problem at the line of the inventory file where an option is written."""
    written = re.compile(rf"""(["']?){re.escape(option)}\1\s*:""")
    lines = Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    line = next((number for number, line in enumerate(lines, 1) if written.match(line)), 1)
    return Problem(Location(str(_shown(Path(path))), line), rule, sentence)


def _refusal(message: str, problems: ModelError) -> AnsibleParserError:
    """An error that lists problems. Not in its message, which Ansible prints twice."""
    return AnsibleParserError(message, help_text=str(problems))


def _shown(path: Path) -> Path:
    """A path as a person would type it: from the working directory where it is below that."""
    absolute = Path(os.path.normpath(path.absolute()))
    return absolute.relative_to(Path.cwd()) if absolute.is_relative_to(Path.cwd()) else absolute


def _digest(*parts: object) -> str:
    """Tells one input of the derivation from another, and this code from what it was before a `git pull`."""
    return hashlib.sha256(repr((parts, _code())).encode()).hexdigest()


@cache
def _code() -> list[bytes]:
    """The source of all that makes a cached inventory."""
    files = [Path(__file__), *sorted(Path(str(package.__file__)).parent.rglob("*.py"))]
    return [file.read_bytes() for file in files]


def _restored(cached: object) -> Fleet | None:
    """A fleet as `asdict` has taken it apart; None for anything else."""
    match cached:
        case {"groups": dict(groups), "hosts": dict(hosts), "variables": dict(variables), "views": list(views)} if (
            hosts
            and all(isinstance(names, list) for names in groups.values())
            and all(isinstance(values, dict) for values in hosts.values())
            and all(isinstance(view, dict) and view.keys() == {"hosts", "entries"} for view in views)
        ):
            return Fleet(groups, hosts, variables, views)
    return None
