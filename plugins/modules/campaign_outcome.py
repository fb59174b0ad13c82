"""Documentation of `aurore.infra.campaign_outcome`, which runs on the controller: see plugins/action/."""

from __future__ import annotations

DOCUMENTATION = r"""
module: campaign_outcome
author: Collège technique d'Aurore
version_added: 0.1.0
short_description: Prepare the change that the outcome of a January campaign asks for
description:
  - In the working tree of the control machine, ends the mandates of those who do not keep the title of RT, revokes
    their certificates in the register, renews the mandates of those who do, and writes the campaign's outcome into
    C(campaigns/<year>.yml) beside it.
  - That is a proposal. Nothing is committed, and nobody loses anything until the college has read and merged it; git
    is for people to run, and the result says how.
  - In V(people.yml) and V(certificates.yml), only the days that change differ, so that reviewers see what happens.
    Mandates that end earlier and certificates that are revoked or over already are left alone.
  - The campaign's file is written first and holds the last day. A run that was interrupted is completed by the next
    one, also on another day.
  - Refused when the RTC is among those who leave (the role has to be given to an RT who stays before), when nobody
    would stay, when a nick is not in V(people.yml), when O(last_day) is before the deadline, and when an earlier run's
    proposal was that somebody leaves who does not any more.
options:
  outcome:
    description: What the campaign's program says of the answers.
    type: dict
    required: true
    suboptions:
      year:
        description: The year of the January.
        type: int
        required: true
      opened:
        description: The day of the first mail, such as V(2027-01-04).
        type: str
        required: true
      deadline:
        description: The day until which answers count.
        type: str
        required: true
      stays:
        description: Nicks of those who keep the title.
        type: list
        elements: str
        required: true
      leaves:
        description: Those who do not.
        type: list
        elements: dict
        required: true
        suboptions:
          nick:
            description: Who.
            type: str
            required: true
          reason:
            description: Why, in a few words. The register has it beside each certificate that is revoked.
            type: str
            required: true
      late:
        description: Nicks of those who answered after the deadline, for the college to know.
        type: list
        elements: str
        default: []
      unclear:
        description: Nicks of those whose answer a person has to read.
        type: list
        elements: str
        default: []
  people:
    description: The model's file C(people.yml).
    type: path
    required: true
  register:
    description: The directory with the register's C(certificates.yml) and the directory C(campaigns).
    type: path
    required: true
  last_day:
    description:
      - The last day of the mandates that end, such as V(2027-01-31).
      - By default the one in the campaign's file, where an earlier run has written it, or else today, but not before
        the deadline.
    type: str
attributes:
  check_mode:
    support: full
    details: Nothing is written.
  diff_mode:
    support: full
    details: Shows each file.
  platform:
    support: full
    platforms: posix
notes:
  - Works on the control machine, whatever the host; run it once.
  - A certificate is revoked on the day on which this is run, even if O(last_day) is later.
seealso:
  - plugin: aurore.infra.campaign_leavers
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Prepare the change for the college
  aurore.infra.campaign_outcome:
    outcome:
      year: 2027
      opened: "2027-01-04"
      deadline: "2027-01-18"
      stays: [ann, bob]
      leaves:
        - {nick: cid, reason: no answer}
      late: [cid]
    people: "{{ inventory_dir }}/model/people.yml"
    register: "{{ inventory_dir }}/model"
  register: prepared
  run_once: true

- name: Say what comes next
  ansible.builtin.debug:
    var: prepared.next
"""

RETURN = r"""
files:
  description: The paths of the files that changed, or would in check mode.
  returned: always
  type: list
  elements: str
last_day:
  description: Of the mandates that end.
  returned: always
  type: str
  sample: "2027-01-18"
ended:
  description: Nicks of those whose mandates this run has shortened.
  returned: always
  type: list
  elements: str
  sample: [cid]
revoked:
  description: Serials of the certificates that this run has revoked.
  returned: always
  type: list
  elements: int
  sample: [12]
renewed:
  description: New last days of the mandates of those who stay, a year and four weeks after the deadline.
  returned: always
  type: dict
  sample: {ann: "2028-02-14"}
next:
  description: What a person does now, step by step.
  returned: always
  type: list
  elements: str
"""
