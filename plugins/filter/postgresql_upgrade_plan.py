"""The filter `aurore.infra.postgresql_upgrade_plan`."""

from __future__ import annotations

DOCUMENTATION = r"""
name: postgresql_upgrade_plan
author: Collège technique d'Aurore
version_added: 0.1.0
short_description: Say where an upgrade of PostgreSQL to a new major version stands
description:
  - An upgrade has steps on several hosts, and may have been interrupted after any of them. What each member has, and
    what it has noted, tells where to go on.
positional: to
options:
  _input:
    description: What each member says of itself, the answers of C(postgresql_upgrade state).
    type: list
    elements: dict
    required: true
  to:
    description: The new major version.
    type: int
    required: true
"""

EXAMPLES = r"""
- name: See where it stands
  ansible.builtin.debug:
    msg: "{{ (states | aurore.infra.postgresql_upgrade_plan(18)).phase }}"
"""

RETURN = r"""
_value:
  description: Where it stands.
  type: dict
  contains:
    phase:
      description:
        - V(none), V(begun), V(made) when the first member has the new data, V(runs) when the new version runs,
          V(same) when it was found to have what the old one had, or V(over).
      type: str
    old:
      description: The old version; 0 where nobody knows.
      type: int
    primary:
      description:
        - The member that is upgraded, or has the data to go back to, and that the others copy. Whoever leads with the
          old version, or else who is noted.
      type: str
    ahead:
      description: Who has more of the old version's log than the primary; mostly nobody.
      type: str
    way:
      description: V(there) or V(back).
      type: str
    is_back:
      description:
        - Whether the old version works as if no upgrade had been, or as it did before one had come far. A member leads
          with it, and none has data of the new one.
      type: bool
    place:
      description: Where the log stood when no client was let in any more.
      type: str
    may_lose:
      description: Whether clients may have written into the new version, which is lost on the way back.
      type: bool
    identifiers:
      description: The cluster's identifier, by the version.
      type: dict
    problems:
      description: Why it cannot go on; a sentence each.
      type: list
      elements: str
"""

from typing import TYPE_CHECKING

from ansible_collections.aurore.infra.plugins.module_utils.postgresql.major_upgrade import plan

if TYPE_CHECKING:
    from collections.abc import Callable


class FilterModule:
    """Ansible's way to find filters."""

    def filters(self) -> dict[str, Callable[..., object]]:
        """The filters of this file."""
        return {"postgresql_upgrade_plan": plan}
