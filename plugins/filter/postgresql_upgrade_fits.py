"""The filter `aurore.infra.postgresql_upgrade_fits`."""

from __future__ import annotations

DOCUMENTATION = r"""
name: postgresql_upgrade_fits
author: Collège technique d'Aurore
version_added: 0.1.0
short_description: Say whether a member may have the configuration of a version of PostgreSQL
description:
  - A member with data of one version must not be given another one by anything but an upgrade. Of an upgrade, the old
    version's data stays for a while, so what the member has noted comes before what is there.
positional: versions, note
options:
  _input:
    description: The version.
    type: int
    required: true
  versions:
    description: Of which versions the member has data.
    type: list
    elements: int
    required: true
  note:
    description: What it has noted of the last upgrade, if it has.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Refuse another version than the member has
  ansible.builtin.assert:
    that: 17 | aurore.infra.postgresql_upgrade_fits([17], none)
"""

RETURN = r"""
_value:
  description: Whether it may.
  type: bool
"""

from typing import TYPE_CHECKING

from ansible_collections.aurore.infra.plugins.module_utils.postgresql.major_upgrade import fits

if TYPE_CHECKING:
    from collections.abc import Callable


class FilterModule:
    """Ansible's way to find filters."""

    def filters(self) -> dict[str, Callable[..., object]]:
        """The filters of this file."""
        return {"postgresql_upgrade_fits": fits}
