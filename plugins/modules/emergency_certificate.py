"""Documentation of `aurore.infra.emergency_certificate`, which runs on the controller: see plugins/action/."""

from __future__ import annotations

DOCUMENTATION = r"""
module: emergency_certificate
author: Collège technique d'Aurore
version_added: 0.1.0
short_description: Let an RT in without the token, by two people
description:
  - Signs the public key that the model has of a person with the emergency authority, whose key in the C(pass) store
    opens to any two of its shares. Each holder types a share; nothing of it is shown or kept.
  - The certificate is valid until the end of the next day (UTC), and is entered into the register like any other.
options:
  person:
    description: The person's nick.
    type: str
    required: true
  people:
    description: The inventory's variable C(model_people).
    type: list
    elements: dict
    required: true
  authorities:
    description: Public keys of all whose certificates are in the register, as lines of a C(.pub) file.
    type: list
    elements: str
    required: true
  authority:
    description: Public key of the emergency authority.
    type: str
    required: true
  entry:
    description: The entry of the store with its encrypted private key.
    type: str
    default: ssh/emergency-authority
  register:
    description: Directory of C(certificates.yml) and of C(certificates/).
    type: path
    required: true
  key:
    description: Fingerprint of the key to sign, for a person who has several; their first key by default.
    type: str
attributes:
  check_mode:
    support: none
    details: Refused, since a signature cannot be foretold.
  diff_mode:
    support: full
    details: Shows the line of the register.
  platform:
    support: full
    platforms: Any
seealso:
  - module: aurore.infra.emergency_authority
  - module: aurore.infra.user_certificate
"""

EXAMPLES = r"""
- name: Let an RT in while the token is lost
  aurore.infra.emergency_certificate:
    person: erdnaxe
    people: "{{ model_people }}"
    authorities: "{{ model_user_authorities + [model_emergency_authority] }}"
    authority: "{{ model_emergency_authority }}"
    register: "{{ model_files['certificates.yml'] | dirname }}"
"""

RETURN = r"""
certificate:
  description: What the register says of the certificate.
  returned: success
  type: dict
path:
  description: Where the certificate is.
  returned: success
  type: str
"""
