"""Documentation of `aurore.infra.user_register`, which runs on the controller: see plugins/action/user_register.py."""

from __future__ import annotations

DOCUMENTATION = r"""
module: user_register
author: Collège technique d'Aurore
version_added: 0.1.0
short_description: Check the register of the RTs' certificates
description:
  - Compares the register's lines with the certificates that are published, with the authorities, with the people of the
    model, and with the lists of revoked certificates that hosts have.
  - Lists all problems at once, each with its file and line or its host.
options:
  register:
    description: Directory of C(certificates.yml) and of C(certificates/).
    type: path
    required: true
  people:
    description: The inventory's variable C(model_people).
    type: list
    elements: dict
    required: true
  authorities:
    description: Public keys of all whose certificates let people in, as lines of a C(.pub) file.
    type: list
    elements: str
    required: true
  certificates:
    description: The inventory's variable C(model_certificates).
    type: list
    elements: dict
    required: true
  revocation_lists:
    description: The content of C(/etc/ssh/revoked_keys) in base 64, by host; null for a host that did not answer.
    type: dict
    default: {}
  max_age_days:
    description:
      - A host's list may be as many days old. It is old from the day of the first revocation that it lacks; V(0) tells
        every host that lacks one.
    type: int
    default: 1
  logins:
    description: Logins that the register does not explain, as C(rt-office logins --check) prints them.
    type: list
    elements: dict
    default: []
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  platform:
    support: full
    platforms: Any
seealso:
  - module: aurore.infra.user_certificate
  - module: aurore.infra.user_revocation
"""

EXAMPLES = r"""
- name: Check the register against itself and the model
  aurore.infra.user_register:
    register: "{{ model_files['certificates.yml'] | dirname }}"
    people: "{{ model_people }}"
    authorities: "{{ model_user_authorities }}"
    certificates: "{{ model_certificates }}"
"""

RETURN = r"""
problems:
  description: What is wrong, one sentence each. The task fails when there is any.
  returned: always
  type: list
  elements: str
"""
