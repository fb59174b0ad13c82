"""Documentation of `aurore.infra.user_certificate`, which runs on the controller: see plugins/action/."""

from __future__ import annotations

DOCUMENTATION = r"""
module: user_certificate
author: Collège technique d'Aurore
version_added: 0.1.0
short_description: Sign the SSH key of an RT, and enter the certificate into the register
description:
  - Has the authority in the token sign the public key that the model has of a person, publishes the certificate and
    adds its line to the register. Runs on the control machine, which is the one with the token.
  - The certificate's key ID is the person's nick, its serial number is one more than any that was ever used, its
    principals are what the person administers, and it is valid for a year and four weeks from the beginning of the day
    (UTC).
  - Nothing is signed for somebody whose mandate does not run, for a key that is weak or somebody else's, or while a
    certificate of the person runs for more than eight weeks, unless O(again).
  - The PIN is asked for on the terminal or by pinentry, handed to C(ssh-keygen) on a terminal of its own, and
    forgotten.
  - A run that was interrupted after the token had signed is completed by the next, which signs nothing.
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
    description: The one that signs, which M(aurore.infra.user_token) found in the token.
    type: str
    required: true
  register:
    description: Directory of C(certificates.yml) and of C(certificates/).
    type: path
    required: true
  provider:
    description: Path of the token's PKCS#11 library on the control machine.
    type: path
    default: /usr/lib/x86_64-linux-gnu/opensc-pkcs11.so
  key:
    description: Fingerprint of the key to sign, for a person who has several; their first key by default.
    type: str
  again:
    description: Whether to sign although a certificate of the person runs for long.
    type: bool
    default: false
  forwarding:
    description:
      - What the certificate allows to forward. Hosts refuse it all the same, unless C(ssh_server_forwarding) has it.
    type: list
    elements: str
    choices: [agent, tcp, x11]
    default: []
  pin_from:
    description: Where a person is asked for the PIN; V(terminal) is the one of C(ansible-playbook).
    type: str
    choices: [terminal, pinentry]
    default: terminal
attributes:
  check_mode:
    support: none
    details: Refused, since a signature cannot be foretold. M(aurore.infra.user_token) works in check mode.
  diff_mode:
    support: full
    details: Shows the line of the register.
  platform:
    support: full
    platforms: Where OpenSSH's ssh-keygen is
seealso:
  - module: aurore.infra.user_token
  - module: aurore.infra.user_revocation
"""

EXAMPLES = r"""
- name: Sign the key of an RT
  aurore.infra.user_certificate:
    person: erdnaxe
    people: "{{ model_people }}"
    authorities: "{{ model_user_authorities }}"
    authority: "{{ token.authority }}"
    register: "{{ model_files['certificates.yml'] | dirname }}"
    provider: /usr/lib/x86_64-linux-gnu/libykcs11.so
"""

RETURN = r"""
certificate:
  description: What the register says of the certificate.
  returned: success
  type: dict
  sample: {serial: 7, person: erdnaxe, principals: [root], since: "2027-01-16", until: "2028-02-13"}
path:
  description: Where the certificate is, for its owner.
  returned: success
  type: str
"""
