"""Documentation of `aurore.infra.emergency_authority`, which runs on the controller: see plugins/action/."""

from __future__ import annotations

DOCUMENTATION = r"""
module: emergency_authority
author: Collège technique d'Aurore
version_added: 0.1.0
short_description: Make an authority that two people open together
description:
  - Makes an Ed25519 key, encrypted with a passphrase that nobody gets to know, and puts it into the C(pass) store. The
    passphrase is divided into shares of twenty words (SLIP-0039), any two of which open the key.
  - Each share is shown once, to its holder alone, who writes it on paper. Nothing of them is kept.
options:
  holders:
    description: How many people get a share.
    type: int
    default: 3
  entry:
    description: The entry of the store. One that exists is not replaced.
    type: str
    default: ssh/emergency-authority
  directory:
    description: Directory of the store. The variable C(secrets_directory), or C(~/.password-store).
    type: path
    default: ~/.password-store
  gnupg_home:
    description: GnuPG's directory for that store, where it is not the default.
    type: path
attributes:
  check_mode:
    support: none
    details: Refused.
  diff_mode:
    support: none
  platform:
    support: full
    platforms: Where C(pass) is
seealso:
  - module: aurore.infra.emergency_certificate
"""

EXAMPLES = r"""
- name: Make the emergency authority, for four holders
  aurore.infra.emergency_authority:
    holders: 4
"""

RETURN = r"""
public:
  description: The public key, for C(inventory/model/fleet.yml).
  returned: success
  type: str
"""
