"""What modules that speak to etcd say of the options that they share."""

from __future__ import annotations


class ModuleDocFragment:
    """How to reach etcd, and what both sides prove themselves with."""

    DOCUMENTATION = r"""
options:
  endpoints:
    description: Addresses and ports of etcd's members, the preferred one first, such as V(192.0.2.11:2379).
    type: list
    elements: str
    required: true
  authority:
    description: The file with the authority's certificate, by which members of etcd are known.
    type: path
    default: /etc/aurore/tls/ca.crt
  certificate:
    description:
      - The file with the certificate that they ask for. It must have no common name, which etcd would take for a
        user's.
    type: path
    default: /etc/aurore/tls/nameless.crt
  key:
    description: The file with its key.
    type: path
    default: /etc/aurore/tls/host.key
"""
