"""Documentation of `aurore.infra.user_revocation`, which runs on the controller: see plugins/action/."""

from __future__ import annotations

DOCUMENTATION = r"""
module: user_revocation
author: Collège technique d'Aurore
version_added: 0.1.0
short_description: Mark certificates of RTs as revoked in the register
description:
  - Edits the register on the control machine. Hosts refuse the certificates from the next run of C(playbooks/site.yml)
    on.
  - Only what still runs is marked. What is revoked already keeps its day and its reason.
options:
  register:
    description: Directory of C(certificates.yml).
    type: path
    required: true
  person:
    description: Nick of the person all of whose certificates are revoked.
    type: str
  serials:
    description: Serial numbers of the certificates to revoke.
    type: list
    elements: int
  authority:
    description: Fingerprint of the authority all of whose certificates are revoked, because its token was stolen.
    type: str
  reason:
    description: Why, for whoever reads the register.
    type: str
    required: true
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details: Shows the lines of the register.
  platform:
    support: full
    platforms: Any
notes:
  - One of O(person), O(serials) and O(authority) is needed.
seealso:
  - module: aurore.infra.user_certificate
"""

EXAMPLES = r"""
- name: Take back what somebody lost with a laptop
  aurore.infra.user_revocation:
    person: erdnaxe
    reason: Laptop stolen on 3 March
    register: "{{ model_files['certificates.yml'] | dirname }}"
"""

RETURN = r"""
revoked:
  description: Serial numbers of the certificates that were marked, or would be in check mode.
  returned: success
  type: list
  elements: int
"""
