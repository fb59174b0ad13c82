"""The filter ``aurore.infra.campaign_leavers``: who leaves, once the college has decided so."""

from __future__ import annotations

DOCUMENTATION = r"""
name: campaign_leavers
author: Collège technique d'Aurore
version_added: 0.1.0
short_description: Say who leaves after a January campaign
description:
  - Takes the content of C(campaigns/<year>.yml), which M(aurore.infra.campaign_outcome) has written and the college has
    merged, and returns the nicks of those who leave.
  - An error, with everything that is wrong, where the file cannot be used, where the model does not say the same yet
    (C(people.yml) has to have ended the mandates by the file's last day), and before the last day.
positional: people
options:
  _input:
    description: The file's content.
    type: str
    required: true
  people:
    description: Everybody in the model, as the inventory's variable C(model_people) has them.
    type: list
    elements: dict
    required: true
  file:
    description: The file's path. Its name is the campaign's year.
    type: str
    required: true
  today:
    description: The day, such as V(2027-01-31). By default today, on the control machine.
    type: str
seealso:
  - module: aurore.infra.campaign_outcome
"""

EXAMPLES = r"""
- name: Find out who leaves
  ansible.builtin.set_fact:
    leavers: "{{ lookup('ansible.builtin.file', path) | aurore.infra.campaign_leavers(model_people, file=path) }}"
"""

RETURN = r"""
_value:
  description: Nicks, sorted.
  type: list
  elements: str
  sample: [cid]
"""

from datetime import date
from typing import TYPE_CHECKING, Any

from ansible.errors import AnsibleFilterError
from ansible_collections.aurore.infra.plugins.module_utils.campaign.outcome import disagreements, read
from ansible_collections.aurore.infra.plugins.module_utils.model import ModelError
from ansible_collections.aurore.infra.plugins.module_utils.model.fields import parse_day

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


def campaign_leavers(text: str, people: Sequence[Mapping[str, Any]], file: str, today: str | None = None) -> list[str]:
    """See DOCUMENTATION."""
    try:
        day = parse_day(today) if today else date.today()  # noqa: DTZ011 - mandates end by this calendar
        outcome = read(text, file)
    except (ModelError, ValueError) as error:
        raise AnsibleFilterError(f"nothing was changed:\n{error}") from error
    why = disagreements(outcome, {person["nick"]: parse_day(person["until"]) for person in people})
    if why:
        why.append("the college has not merged the outcome, or this working tree is older: git switch main && git pull")
    elif outcome.last_day > day:
        why.append(f"the mandates of those who leave run until {outcome.last_day}; run this again then")
    if why:
        raise AnsibleFilterError(f"nothing was changed: {file} and people.yml do not agree:\n" + "\n".join(why))
    return sorted(one.nick for one in outcome.leaves)


class FilterModule:
    """Gives the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter, by name."""
        return {"campaign_leavers": campaign_leavers}
