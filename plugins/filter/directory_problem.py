"""The filter ``aurore.infra.directory_problem``: what a failed look into the directory means."""

from __future__ import annotations

DOCUMENTATION = r"""
name: directory_problem
author: Collège technique d'Aurore
version_added: 0.1.0
short_description: Explain why the directory (LDAP) could not be read or changed
description:
  - Takes the result of a module of C(community.general.ldap_*) that failed, and returns one sentence that says what is
    wrong and what to do, with what the directory said in brackets.
options:
  _input:
    description: The result.
    type: dict
    required: true
  uri:
    description: The directory's URI.
    type: str
    required: true
  group:
    description: The group's distinguished name.
    type: str
    required: true
  bind_dn:
    description: Who asked.
    type: str
    required: true
  entry:
    description: The store's entry with that one's password.
    type: str
    required: true
  ca:
    description: The file with the authorities that may vouch for the directory.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Stop with a sentence that people understand
  ansible.builtin.fail:
    msg: >-
      {{ group | aurore.infra.directory_problem(uri=my_uri, group=my_group, bind_dn=my_dn, entry=my_entry, ca=my_ca) }}
  when: group is failed
"""

RETURN = r"""
_value:
  description: The sentence.
  type: str
  sample: >-
    ldap://ldap.example.org does not answer; see whether it runs, and what is between it and this host (Cannot start
    TLS. {'desc': "Can't contact LDAP server"})
"""

from typing import TYPE_CHECKING, Any

from ansible_collections.aurore.infra.plugins.module_utils.campaign.directory import explain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def directory_problem(failure: Mapping[str, Any], *, uri: str, group: str, bind_dn: str, entry: str, ca: str) -> str:
    """See DOCUMENTATION."""
    return explain(failure, uri=uri, group=group, bind_dn=bind_dn, entry=entry, ca=ca)


class FilterModule:
    """Gives the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter, by name."""
        return {"directory_problem": directory_problem}
