"""Documentation of `aurore.infra.host_identity`, which runs on the controller: see plugins/action/host_identity.py."""

from __future__ import annotations

DOCUMENTATION = r"""
module: host_identity
author: Collège technique d'Aurore
version_added: 0.1.0
short_description: Give a host the keys and certificates that prove who it is
description:
  - A host has an Ed25519 key by which sshd is known, and a P-256 key by which its daemons speak TLS, as servers and as
    clients. The host makes both by itself, and they never leave it.
  - Their certificates are signed on the control machine, by authorities whose private keys are in the C(pass) store.
    A key of an authority is decrypted only when a certificate has to be signed, used in memory, and never sent or
    written.
  - A certificate is replaced when there is none, when it cannot be read, is for another key than the host's, was
    signed by another authority, has another identity or other names than the model's, is about to end, is not valid
    yet, or lasts longer than asked. The reason is shown.
  - A host on which all is well costs one round trip, and no secret. Private keys or certificates with the wrong
    owner or mode are corrected.
  - Files are replaced in one go. The units that read them are noted on the host before the first file changes,
    and crossed out once they have noticed, so that a run that was interrupted is completed by the next.
options:
  identity:
    description: The host's fully qualified name. The SSH certificate's key ID and the TLS certificate's common name.
    type: str
    required: true
  names:
    description: All names by which others reach the host; O(identity) need not be repeated.
    type: list
    elements: str
    default: []
  addresses:
    description: All addresses by which others reach the host, IPv4 and IPv6.
    type: list
    elements: str
    default: []
  valid_days:
    description: How long a certificate lasts. A TLS certificate does not outlive its authority.
    type: int
    default: 365
  renew_before_days:
    description: A certificate is replaced when less than this is left. Must be less than O(valid_days).
    type: int
    default: 90
  ssh:
    description: The SSH host key and its certificate.
    type: dict
    required: true
    suboptions:
      authority:
        description: The host authority's public key, as one line.
        type: str
        required: true
      entry:
        description: The entry of the store with the authority's private key, in C(ssh-keygen)'s format or PEM.
        type: str
        default: ssh/host-authority
      key:
        description: The private key. The public key is beside it with C(.pub), the certificate with C(-cert.pub).
        type: path
        default: /etc/ssh/ssh_host_ed25519_key
      reloads:
        description: Units to reload when the key or the certificate changed, if they run.
        type: list
        elements: str
        default: [ssh.service]
      restarts:
        description: Units to restart then, if they run.
        type: list
        elements: str
        default: []
  tls:
    description: The TLS key, its certificate and the authorities that the host trusts.
    type: dict
    required: true
    suboptions:
      authority:
        description:
          - The authority's certificate, in PEM. Hosts get it as C(ca.crt).
          - Of several, the first signs and all are trusted, so that an authority can be replaced in two steps.
        type: str
        required: true
      entry:
        description: The entry of the store with the first authority's private key, in the same formats.
        type: str
        default: tls/authority
      directory:
        description: Where C(host.key), C(host.crt) and C(ca.crt) are.
        type: path
        default: /etc/aurore/tls
      group:
        description: The group that may read C(host.key), for daemons that do not start as root; V(root) for none.
        type: str
        default: root
      nameless:
        description:
          - Also issue C(nameless.crt), for the same key and with the same names, but without a common name.
          - For clients of servers that take the common name for a user's, such as etcd, whose gateway then refuses it.
        type: bool
        default: false
      reloads:
        description: Units to reload when one of these files changed, if they run.
        type: list
        elements: str
        default: []
      restarts:
        description: Units to restart then, if they run.
        type: list
        elements: str
        default: []
attributes:
  check_mode:
    support: full
    details: Nothing is made or signed, and no secret is read.
  diff_mode:
    support: full
    details: Shows what certificates say, before and after, with the reasons. Never a private key.
  platform:
    support: full
    platforms: Debian
notes:
  - The login must be root's, directly or by C(become), and the connection must support pipelining.
  - The authorities' keys have no passphrase of their own, since the store encrypts them.
  - Where the TLS authority itself ends sooner than O(renew_before_days), a warning says so at each run, and
    certificates that already last as long as the authority are left alone.
seealso:
  - plugin: aurore.infra.secret
    plugin_type: lookup
  - module: aurore.infra.steady_state
"""

EXAMPLES = r"""
- name: Give the host the certificates that the model wants
  aurore.infra.host_identity:
    identity: "{{ model_fqdn }}"
    names: "{{ model_names }}"
    addresses: "{{ model_addresses }}"
    ssh:
      authority: "{{ model_host_authority }}"
    tls:
      authority: "{{ model_tls_authority }}"
      restarts: [nginx.service]

- name: Replace all certificates that end within the next half year
  aurore.infra.host_identity:
    identity: "{{ model_fqdn }}"
    names: "{{ model_names }}"
    addresses: "{{ model_addresses }}"
    renew_before_days: 182
    ssh:
      authority: "{{ model_host_authority }}"
    tls:
      authority: "{{ model_tls_authority }}"
"""

RETURN = r"""
items:
  description: What was done, or would be in check mode; nothing where all is well.
  returned: always
  type: list
  elements: dict
  contains:
    kind:
      description: One of C(key), C(public key), C(certificate), C(authorities), C(directory), C(unit).
      type: str
    name:
      description: The path or the unit.
      type: str
    change:
      description: What happened to it, such as C(created), C(replaced), C(permissions), C(reloaded).
      type: str
    reasons:
      description: Why.
      type: list
      elements: str
  sample:
    - kind: certificate
      name: /etc/ssh/ssh_host_ed25519_key-cert.pub
      change: replaced
      reasons: ["it lacks git.auro.re"]
    - kind: unit
      name: ssh.service
      change: reloaded
      reasons: ["files of it changed"]
certificates:
  description: What the host's certificates say after the run, by C(ssh) and C(tls).
  returned: always
  type: dict
  sample:
    ssh:
      identity: git.adm.auro.re
      names: [git, git.adm.auro.re]
      key: SHA256:n1tHmJE2lp0Pn8Q0wMTV8t4CTQm+Iu3WxUo0JTNHxmE
      authority: SHA256:rb9wH4Qfqkz2Y6yTJ3b8u0dQ1iV7l5sE4m6Zg8cXa2o
      not_before: "2030-01-05T11:00:00+00:00"
      not_after: "2031-01-05T12:00:00+00:00"
"""
