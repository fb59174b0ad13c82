"""The filter `aurore.infra.patroni_obstacles`."""

from __future__ import annotations

DOCUMENTATION = r"""
name: patroni_obstacles
author: Collège technique d'Aurore
version_added: 0.1.0
short_description: Say why a member must not be taken out of a cluster
description:
  - A member may begin anew when it is not the primary, and the others serve without it. Whatever stands against it is a
    sentence with the way out.
positional: name
options:
  _input:
    description: The members as each of the others sees them, C(members) of Patroni's C(/cluster).
    type: list
    elements: list
    required: true
  name:
    description: The member's name.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Refuse to take a member out that is needed
  ansible.builtin.assert:
    that: views | aurore.infra.patroni_obstacles('postgresql-gs') | length == 0
"""

RETURN = r"""
_value:
  description: A sentence for each reason; an empty list where there is none.
  type: list
  elements: str
"""

from typing import TYPE_CHECKING

from ansible_collections.aurore.infra.plugins.module_utils.patroni.removal import obstacles

if TYPE_CHECKING:
    from collections.abc import Callable


class FilterModule:
    """Ansible's way to find filters."""

    def filters(self) -> dict[str, Callable[..., object]]:
        """The filters of this file."""
        return {"patroni_obstacles": obstacles}
