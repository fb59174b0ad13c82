"""Documentation of `aurore.infra.user_token`, which runs on the controller: see plugins/action/user_token.py."""

from __future__ import annotations

DOCUMENTATION = r"""
module: user_token
author: Collège technique d'Aurore
version_added: 0.1.0
short_description: See which user authority the token holds
description:
  - Looks at the tokens that are plugged into the control machine, and tells which of the model's user authorities they
    hold. No PIN is needed, and nothing is changed.
options:
  provider:
    description:
      - Path of the token's PKCS#11 library on the control machine, such as C(libykcs11.so) of YubiKeys or
        C(opensc-pkcs11.so) of what OpenSC knows.
    type: path
    default: /usr/lib/x86_64-linux-gnu/opensc-pkcs11.so
  authorities:
    description: Public keys of the user authorities, as lines of a C(.pub) file, the preferred one first.
    type: list
    elements: str
    required: true
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  platform:
    support: full
    platforms: Where OpenSSH's ssh-keygen is
seealso:
  - module: aurore.infra.user_certificate
"""

EXAMPLES = r"""
- name: See which authority the token holds
  aurore.infra.user_token:
    provider: /usr/lib/x86_64-linux-gnu/libykcs11.so
    authorities: "{{ model_user_authorities }}"
  register: token
"""

RETURN = r"""
authority:
  description: The public key of the first authority that a token holds.
  returned: success
  type: str
fingerprint:
  description: The same, as logs and the register name it.
  returned: success
  type: str
"""
