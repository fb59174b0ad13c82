"""The filter ``aurore.infra.directory_difference``: a group of the directory against the model."""

from __future__ import annotations

DOCUMENTATION = r"""
name: directory_difference
author: Collège technique d'Aurore
version_added: 0.1.0
short_description: Compare a group of the directory (LDAP) with the RTs of the model
description:
  - Takes a group's entry, as M(community.general.ldap_search) returns it, and says who is missing from the group, and
    who is in it without being an RT.
  - Neither names nor attributes tell case. Members can be names (C(memberUid)), or distinguished names whose first part
    has a C(uid) (C(member), C(uniqueMember)). What is neither is reported, and belongs to nobody.
positional: people, attribute
options:
  _input:
    description: The entry of the group. One without the attribute has no members.
    type: dict
    required: true
  people:
    description: Everybody in the model, as the inventory's variable C(model_people) has them.
    type: list
    elements: dict
    required: true
  attribute:
    description: The attribute in which the group has its members, V(memberUid), V(member) or V(uniqueMember).
    type: str
    default: memberUid
  today:
    description: The day for which mandates count, such as V(2027-01-31). By default today, on the control machine.
    type: str
seealso:
  - module: community.general.ldap_search
"""

EXAMPLES = r"""
- name: Read the group
  community.general.ldap_search:
    server_uri: ldap://ldap.example.org
    start_tls: true
    dn: cn=rt,ou=groups,dc=example,dc=org
    attrs: [memberUid]
  register: group

- name: Say what differs
  ansible.builtin.debug:
    msg: "{{ (group.results[0] | aurore.infra.directory_difference(model_people)).sentences }}"
"""

RETURN = r"""
_value:
  description:
    - C(missing), nicks of RTs who are not in the group; C(extra), values of the group that are of no RT, by value, with
      the reason; C(malformed), values that name nobody, in the same way.
    - C(values), the group's own values by nick, and C(sentences), one for each difference.
  type: dict
  sample:
    missing: [ann]
    extra: {cid: the mandate ended on 2027-01-18}
    malformed: {}
    values: {bob: [bob], cid: [cid]}
    sentences:
      - ann is an RT, but not in the group
      - cid is in the group, but the mandate ended on 2027-01-18
"""

from datetime import date
from typing import TYPE_CHECKING, Any

from ansible.errors import AnsibleFilterError
from ansible_collections.aurore.infra.plugins.module_utils.campaign.directory import compare
from ansible_collections.aurore.infra.plugins.module_utils.model.fields import parse_day

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


def directory_difference(
    entry: Mapping[str, Any],
    people: Sequence[Mapping[str, Any]],
    attribute: str = "memberUid",
    today: str | None = None,
) -> dict[str, Any]:
    """See DOCUMENTATION."""
    found: str | Sequence[str] = next((value for name, value in entry.items() if name.lower() == attribute.lower()), [])
    members = [found] if isinstance(found, str) else found
    try:
        day = parse_day(today) if today else date.today()  # noqa: DTZ011 - as the inventory's model_rts
        difference = compare(members, attribute, people, day)
    except ValueError as error:
        raise AnsibleFilterError(f"directory_difference: {error}") from error
    return difference._asdict() | {"sentences": difference.sentences}


class FilterModule:
    """Gives the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter, by name."""
        return {"directory_difference": directory_difference}
