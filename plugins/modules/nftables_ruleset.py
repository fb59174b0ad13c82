"""Documentation of the action plugin of the same name; nothing here runs."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: nftables_ruleset
short_description: Bring the rules that the kernel has loaded to what a ruleset says, and keep them if they let us in
version_added: 0.1.0
author: Collège technique d'Aurore
description:
  - A firewall can differ from its file, when somebody added a rule by hand or deleted one. This module compares what is
    loaded with what the ruleset would load, and loads it if they differ.
  - Both are compared as nft prints them, so spelling, order within sets and counters do not matter.
  - Only tables that the ruleset defines are compared and replaced.
  - Rules that would lock out whoever administers the host undo themselves. After loading them the module comes in once
    more, by a new connection; when it cannot, the task fails and the host goes back to the rules that it had.
options:
  ruleset:
    description:
      - The ruleset, as C(nft -f) reads it. It must delete the tables that it defines first, so that loading replaces
        them in one step.
    type: str
    required: true
  interfaces:
    description: Names of interfaces that the host must have, or nothing is loaded. A rule for an interface that is
      called otherwise would never match.
    type: list
    elements: str
    default: []
  confirm_seconds:
    description: How long the host waits for the new connection before it undoes the change. More than the connection's
      timeout.
    type: int
    default: 30
attributes:
  check_mode:
    description: Can run in check_mode and return changed status prediction without modifying target
    support: full
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in check_mode), when in diff mode
    support: full
  platform:
    description: Target OS/families that can be operated against
    platforms: debian
    support: full
notes:
  - The connection's user must be root, and pipelining must be on.
  - Write the file that the next boot loads in a later task, so that it never holds rules that were not confirmed.
  - The ruleset is first loaded into an empty network namespace, so interfaces are best matched by name (C(iifname)).
  - Where nft is not installed it cannot be asked; in check mode everything then counts as new.
seealso:
  - module: aurore.infra.steady_state
  - name: nft(8)
    description: The language of rulesets.
    link: https://manpages.debian.org/trixie/nftables/nft.8.en.html
"""

EXAMPLES = r"""
- name: Bring the loaded rules to what the model says, and keep them if they let us in
  aurore.infra.nftables_ruleset:
    ruleset: "{{ lookup('ansible.builtin.template', 'nftables.conf.j2') }}"
    interfaces: "{{ model_interfaces | map(attribute='name') }}"
"""

RETURN = r"""
changed:
  description: Whether what was loaded differed.
  returned: success
  type: bool
  sample: true
"""
