"""The filter `aurore.infra.patroni_refusals`."""

from __future__ import annotations

DOCUMENTATION = r"""
name: patroni_refusals
author: Collège technique d'Aurore
version_added: 0.1.0
short_description: Say why Patroni must not be started
description:
  - A cluster is made only where there is nothing, neither data on any host, nor a cluster in etcd, nor backups of one.
    A host joins with no data, or with data of that very cluster.
  - Whatever stands against it is a sentence with the way out.
positional: _input
options:
  _input:
    description: What each host has, by its name, as M(aurore.infra.patroni_state) returns it.
    type: dict
    required: true
  backups:
    description: How many backups of the cluster the repository has.
    type: int
    default: 0
  forget_backups:
    description: Whether a new cluster is wanted although there are backups of one.
    type: bool
    default: false
  others:
    description: Members that were not asked, because the run is about some hosts alone.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Refuse to make a cluster where there is one
  ansible.builtin.assert:
    that: refusals | length == 0
    fail_msg: "{{ refusals | join('\n') }}"
  vars:
    refusals: "{{ states | aurore.infra.patroni_refusals(backups=2) }}"
"""

RETURN = r"""
_value:
  description: A sentence for each reason; an empty list where there is none.
  type: list
  elements: str
"""

from typing import TYPE_CHECKING

from ansible_collections.aurore.infra.plugins.module_utils.patroni.origin import refusals

if TYPE_CHECKING:
    from collections.abc import Callable


class FilterModule:
    """Ansible's way to find filters."""

    def filters(self) -> dict[str, Callable[..., object]]:
        """The filters of this file."""
        return {"patroni_refusals": refusals}
