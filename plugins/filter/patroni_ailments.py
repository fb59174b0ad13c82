"""The filter `aurore.infra.patroni_ailments`."""

from __future__ import annotations

DOCUMENTATION = r"""
name: patroni_ailments
author: Collège technique d'Aurore
version_added: 0.1.0
short_description: Say why no server of a cluster must be stopped now
description:
  - Servers are stopped only while the cluster is whole. All members run and follow the same primary, no replica is
    behind, each is synchronous, etcd is well, and nobody is at work on it. On those that are to be stopped, no
    transaction has run for long, and no backup is being made.
  - Whatever stands against it is a sentence with the way out.
positional: _input
options:
  _input:
    description: What members know, by their names, as RV(aurore.infra.patroni_view#module:view).
    type: dict
    required: true
  lag:
    description: Bytes that a replica may be behind.
    type: int
    required: true
  transaction:
    description: Seconds that a transaction may have run.
    type: int
    required: true
  stops:
    description: The members whose server is to be stopped; the primary, where it is not given.
    type: list
    elements: str
  members:
    description: Who must be in the cluster, by name. Patroni itself forgets a member that is away.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Refuse to stop a server now
  ansible.builtin.assert:
    that: reasons | length == 0
    fail_msg: "{{ reasons }}"
  vars:
    reasons: "{{ views | aurore.infra.patroni_ailments(lag=16777216, transaction=60, stops=['postgresql-gs']) }}"
"""

RETURN = r"""
_value:
  description: A sentence for each reason; an empty list where there is none.
  type: list
  elements: str
"""

from typing import TYPE_CHECKING

from ansible_collections.aurore.infra.plugins.module_utils.patroni.whole import Limits, ailments

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ansible_collections.aurore.infra.plugins.module_utils.patroni.whole import View


def patroni_ailments(
    views: Mapping[str, View],
    lag: int,
    transaction: int,
    stops: Sequence[str] | None = None,
    members: Sequence[str] = (),
) -> list[str]:
    """Say why; see DOCUMENTATION."""
    return ailments(views, Limits(int(lag), int(transaction)), stops, members)


class FilterModule:
    """Ansible's way to find filters."""

    def filters(self) -> dict[str, Callable[..., object]]:
        """The filters of this file."""
        return {"patroni_ailments": patroni_ailments}
