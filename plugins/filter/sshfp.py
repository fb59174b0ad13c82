"""Filter: SSH host keys as DNS records."""

from __future__ import annotations

DOCUMENTATION = r"""
name: sshfp
short_description: Write SSHFP records for host keys
author: Collège technique d'Aurore
version_added: 0.1.0
description:
  - Makes a record for each name of each host, with the SHA-256 fingerprint of its key (RFC 4255, RFC 6594, RFC 7479),
    as lines of a zone file.
  - Records are the alternative to certificates for clients that do not know the host authority. They prove something
    only in a zone that is signed, to a client that validates (C(VerifyHostKeyDNS) in ssh_config(5)).
options:
  _input:
    description: Hosts, each with its C(names) and its public C(key), a line of a C(.pub) file.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Show the records of two hosts
  ansible.builtin.debug:
    msg: "{{ [{'names': ['git.adm.auro.re', 'git.auro.re'], 'key': key}] | aurore.infra.sshfp }}"
"""

RETURN = r"""
_value:
  description: A line for each record, in the order of the names, with a line break after each.
  type: str
  sample: "git.adm.auro.re. IN SSHFP 4 2 c1b6…\n"
"""

import base64
import hashlib
from typing import TYPE_CHECKING, Any

from ansible.errors import AnsibleFilterError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

ALGORITHMS = {
    "ssh-rsa": 1,
    "ecdsa-sha2-nistp256": 3,
    "ecdsa-sha2-nistp384": 3,
    "ecdsa-sha2-nistp521": 3,
    "ssh-ed25519": 4,
}
"""IANA's numbers of the types of keys."""
SHA256 = 2


def sshfp(hosts: Iterable[Mapping[str, Any]]) -> str:
    """Write the records; see DOCUMENTATION.

    Raises:
        AnsibleFilterError: A host has no names, or no key of a type that records know.
    """
    records = []
    for host in hosts:
        try:
            kind, blob = host["key"].split()[:2]
            digest = hashlib.sha256(base64.b64decode(blob, validate=True)).hexdigest()
            rest = f"IN SSHFP {ALGORITHMS[kind]} {SHA256} {digest}\n"
            records += [f"{name.rstrip('.')}. {rest}" for name in host["names"]]
        except (KeyError, ValueError, AttributeError, TypeError) as error:
            raise AnsibleFilterError(f"no record can be made of {host!r}: {type(error).__name__}: {error}") from None
    return "".join(sorted(records))


class FilterModule:
    """The filter, for Ansible."""

    def filters(self) -> dict[str, Callable[..., str]]:
        """Return the filter by its name."""
        return {"sshfp": sshfp}
