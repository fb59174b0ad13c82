"""Filter: the list of revoked certificates, as sshd reads it."""

from __future__ import annotations

DOCUMENTATION = r"""
name: revocation_list
short_description: Write a key revocation list for sshd
author: Collège technique d'Aurore
version_added: 0.1.0
description:
  - Makes the key revocation list (KRL) that sshd's option C(RevokedKeys) names, from the register.
  - The same revocations give the same bytes, so a host changes when somebody is revoked and at no other time.
    C(ssh-keygen -k) would write the time of day into the list.
  - The list's version is the number of revocations, its date the day of the last one.
positional: _input, authorities
options:
  _input:
    description: The inventory's variable C(model_certificates).
    type: list
    elements: dict
    required: true
  authorities:
    description:
      - Public keys of the authorities that hosts trust, as lines of a C(.pub) file.
      - What another authority signed opens nothing, so it is not listed.
    type: list
    elements: str
    required: true
seealso:
  - name: The format of key revocation lists
    description: OpenSSH's PROTOCOL.krl.
    link: https://github.com/openssh/openssh-portable/blob/master/PROTOCOL.krl
"""

EXAMPLES = r"""
- name: Install the list
  aurore.infra.steady_state:
    files:
      - path: /etc/ssh/revoked_keys
        content_base64: "{{ model_certificates | aurore.infra.revocation_list(model_user_authorities) }}"
        validate: /usr/bin/ssh-keygen -Q -l -f %s
"""

RETURN = r"""
_value:
  description: The list, in base 64 because it is binary.
  type: str
"""

import base64
from typing import TYPE_CHECKING, Any

from ansible.errors import AnsibleFilterError
from ansible_collections.aurore.infra.plugins.module_utils.register import krl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


def revocation_list(certificates: Iterable[Mapping[str, Any]], authorities: Iterable[str]) -> str:
    """Write the list; see DOCUMENTATION.

    Raises:
        AnsibleFilterError: The register or the authorities are not what the inventory gives.
    """
    try:
        return base64.b64encode(krl.of_register(certificates, authorities)).decode()
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise AnsibleFilterError(f"the revocation list cannot be written: {type(error).__name__}: {error}") from error


class FilterModule:
    """The filter, for Ansible."""

    def filters(self) -> dict[str, Callable[..., str]]:
        """Return the filter by its name."""
        return {"revocation_list": revocation_list}
