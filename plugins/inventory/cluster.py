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
      - Moves every address of the model. Keys are prefixes that together hold all addresses of the model, values are
        prefixes of the same lengths.
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
  facts_file:
    description:
      - YAML file with values that take the place of the model's, because they are known only once a lab was made. A
        relative path starts at the inventory file.
      - Keys are V(apt_mirror), V(apt_security_mirror), V(apt_proxy), V(user_authorities), V(host_authority) and
        V(tls_authority). Each becomes the variable of group C(all) with the prefix C(model_).
      - While the file does not exist, the model's values stand, unless O(facts_required).
    type: str
  facts_required:
    description: Whether to refuse to work without O(facts_file).
    type: bool
    default: false
  variables:
    description: More variables of group C(all), such as how to connect. Values may be templates.
    type: dict
    default: {}
extends_documentation_fragment:
  - constructed
  - inventory_cache
notes:
  - A cached inventory is used only as long as the model's files are what they were; there is no need to flush the cache
    after an edit.
  - C(model_fleet), the list of all hosts, is a template that leads to a variable of the first host. Plays see the list,
    C(ansible-inventory) shows the template.
  - C(model_rts) lists those whose mandate runs today, by the clock of the control machine.
seealso:
  - name: The model
    description: Each file of inventory/model begins with what may be changed there and what follows.
    link: https://docs.ansible.com/ansible/latest/inventory_guide/intro_dynamic_inventory.html
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
#   192.0.2.0/24: 198.18.2.0/24
#   2001:db8::/48: fd5a:7e57:1ab0::/48

# Groups and variables of your own, from the derived ones:
# plugin: aurore.infra.cluster
# strict: true
# compose:
#   database_hosts: model_peers.postgresql | map(attribute='ipv4')
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

import hashlib
import os
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible.errors import AnsibleParserError
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable
from ansible.template import trust_as_template
from ansible_collections.aurore.infra.plugins.module_utils.model import (
    Fleet,
    ModelError,
    ReaddressError,
    derive,
    read_files,
    readdress,
    validate,
)

if TYPE_CHECKING:
    from ansible.inventory.data import InventoryData
    from ansible.parsing.dataloader import DataLoader

FACTS = frozenset({
    "apt_mirror", "apt_security_mirror", "apt_proxy", "user_authorities", "host_authority", "tls_authority",
})  # fmt: skip
"""Keys of the facts file; each is a variable with the prefix model_."""

_KINDS = ("node", "guest", "rented")
_SIZES = frozenset({"memory", "cores", "disk"})


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):  # type: ignore[misc]
    """Gives the fleet to Ansible."""

    NAME = "aurore.infra.cluster"

    def verify_file(self, path: str) -> bool:
        """Whether the file is one of this plugin's, which its first key says."""
        if not super().verify_file(path) or not path.endswith((".yml", ".yaml")):
            return False
        with Path(path).open(encoding="utf-8", errors="replace") as file:
            return any(line.partition("#")[0].split() == ["plugin:", self.NAME] for line in file)

    def parse(self, inventory: InventoryData, loader: DataLoader, path: str, cache: bool = True) -> None:
        """Fills the inventory.

        Raises:
            AnsibleParserError: The model, or an option, is wrong; with all problems.
        """
        super().parse(inventory, loader, path, cache)
        self._read_config_data(path)
        fleet = self._fleet(path, cache=cache)
        self._resize(fleet, path)
        fleet.variables.update(self._facts(path))
        fleet.variables.update(self.get_option("variables"))
        self._fill(fleet)
        self._construct(fleet)

    def _fleet(self, path: str, *, cache: bool) -> Fleet:
        """What the model gives, from the cache where it has the same model."""
        directory = Path(path).parent / self.get_option("model")
        today = date.today()  # noqa: DTZ011 - mandates end by the calendar of those who hold them
        moves = self.get_option("readdress")
        try:
            files = read_files(directory)
            key = f"{self.get_cache_key(path)}_{_digest(files, moves, today)}"
            cached = self._cache.get(key) if cache and self.get_option("cache") else None
            if cached is not None:
                return Fleet(**cached)
            model = validate(files, _shown(directory))
        except ModelError as error:
            raise AnsibleParserError(f"the model has problems:\n{error}") from None
        try:
            fleet = derive(readdress(model, moves) if moves else model, today)
        except ReaddressError as error:
            raise AnsibleParserError(f"{_shown(Path(path))}: readdress: {error}") from None
        if self.get_option("cache"):
            self._cache[key] = asdict(fleet)
        return fleet

    def _resize(self, fleet: Fleet, path: str) -> None:
        """Puts the sizes of the option in place of the model's."""
        for kind, size in self.get_option("sizes").items():
            if kind not in _KINDS or not isinstance(size, dict) or not size.keys() <= _SIZES:
                expected = f"write some of {', '.join(_KINDS)}, each with some of {', '.join(sorted(_SIZES))}"
                raise AnsibleParserError(f"{_shown(Path(path))}: sizes: {expected}")
        for variables in fleet.hosts.values():
            variables["model_size"] |= self.get_option("sizes").get(variables["model_kind"], {})

    def _facts(self, path: str) -> dict[str, Any]:
        """Variables from the facts file."""
        name = self.get_option("facts_file")
        if name is None:
            return {}
        file = Path(path).parent / name
        if not file.exists():
            if self.get_option("facts_required"):
                raise AnsibleParserError(f"{_shown(file)} does not exist; `make lab` writes it")
            return {}
        facts = self.loader.load_from_file(str(file), cache="none")
        if not isinstance(facts, dict) or not facts.keys() <= FACTS:
            keys = ", ".join(sorted(FACTS))
            raise AnsibleParserError(f"{_shown(file)} is not a mapping of {keys}; `make lab` writes it anew")
        return {f"model_{key}": value for key, value in facts.items()}

    def _fill(self, fleet: Fleet) -> None:
        """Adds groups, hosts and variables."""
        for group in fleet.groups:
            self.inventory.add_group(group)
        for name, value in _shared_variables(fleet).items():
            self.inventory.set_variable("all", name, value)
        for host, variables in fleet.hosts.items():
            self.inventory.add_host(host)
            for name, value in variables.items():
                self.inventory.set_variable(host, name, value)
        for group, hosts in fleet.groups.items():
            for host in hosts:
                self.inventory.add_child(group, host)

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


def _shared_variables(fleet: Fleet) -> dict[str, Any]:
    """Variables of group all, without what grows with the fleet.

    Ansible merges them into each host's: of a list with all hosts, `ansible-inventory --list` would write a copy for
    each host. The list is the first host's variable, and the group's is a template that leads there.
    """
    keeper, variables = next(iter(fleet.hosts.items()))
    variables["model_fleet_list"] = fleet.variables["model_fleet"]
    template = trust_as_template(f"{{{{ hostvars['{keeper}'].model_fleet_list }}}}")
    return fleet.variables | {"model_fleet": template}


def _shown(path: Path) -> str:
    """A path as a person would type it: from the working directory where it is below that."""
    absolute = Path(os.path.normpath(path.absolute()))
    return str(absolute.relative_to(Path.cwd()) if absolute.is_relative_to(Path.cwd()) else absolute)


def _digest(files: dict[str, bytes], moves: dict[str, str], today: date) -> str:
    """Tells one input of the derivation from another."""
    digest = hashlib.sha256(repr((sorted(moves.items()), today)).encode())
    for name, content in sorted(files.items()):
        digest.update(f"{name} {len(content)} ".encode() + content)
    return digest.hexdigest()
