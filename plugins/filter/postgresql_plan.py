"""The filter ``aurore.infra.postgresql_plan``: what is declared against what a cluster holds."""

from __future__ import annotations

DOCUMENTATION = r"""
name: postgresql_plan
author: Collège technique d'Aurore
version_added: 0.1.0
short_description: Compare declared databases and roles with a server
description:
  - Takes what the role C(postgresql_databases) has read from the primary, and says what has to be done, so that a
    module is only called where something differs.
  - Never removes anything that O(drop) does not name. What is there without being declared is a warning.
  - A declaration that contradicts itself is an error, which tells all of it at once.
options:
  _input:
    description: What the server holds, C(roles) and C(databases). Empty for one that is not there yet.
    type: dict
    required: true
  databases:
    description: The declared databases, each with C(name) and C(owner), and maybe C(connect), C(collate), C(ctype).
    type: list
    elements: dict
    required: true
  roles:
    description: The declared roles, each with C(name), and maybe C(password), C(login), C(member_of).
    type: list
    elements: dict
    required: true
  grants:
    description: Privileges beyond those of owners, each with C(database), C(roles) and C(privileges).
    type: list
    elements: dict
    default: []
  system:
    description: Roles of the cluster itself, in the same way. They may connect to the database C(postgres).
    type: list
    elements: dict
    default: []
  kept:
    description: Names of roles that others make. They may connect to the database C(postgres) as well.
    type: list
    elements: str
    default: []
  drop:
    description: What shall be removed, C(databases) and C(roles).
    type: dict
    default: {}
  check:
    description: Leave out the steps that need what earlier ones would make, for check mode.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Say what a new cluster would get
  ansible.builtin.debug:
    msg: "{{ ({} | aurore.infra.postgresql_plan(databases, roles)).new }}"
  vars:
    databases: [{name: forge, owner: forge}]
    roles: [{name: forge}]
"""

RETURN = r"""
_value:
  description:
    - C(roles) to make or correct, with their C(verifier) and C(attributes); C(memberships) to grant.
    - C(databases) to make or correct; C(public), those into which everybody may go; C(connect), the right to connect
      that roles lack.
    - C(enter), the declared databases, and C(grants) in them, both to be compared from inside
      (P(aurore.infra.postgresql_inside#filter)).
    - C(drop), what is to be removed and is there; C(new), the C(databases) and C(roles) that are not there.
    - C(warnings), a sentence for whatever is there and not declared.
  type: dict
  sample:
    roles:
      - name: forge
        verifier: ""
        attributes: LOGIN,NOSUPERUSER,NOCREATEDB,NOCREATEROLE,NOREPLICATION,NOBYPASSRLS
    memberships: []
    databases: [{name: forge, collate: "", ctype: "", owner: forge, encoding: UTF8}]
    public: [postgres, template1, forge]
    connect: []
    enter: [{name: forge, owner: forge}]
    grants: []
    drop: {databases: [], roles: []}
    new: {databases: [forge], roles: [forge]}
    warnings: []
"""

from typing import TYPE_CHECKING, Any

from ansible.errors import AnsibleFilterError
from ansible_collections.aurore.infra.plugins.module_utils.postgresql.declaration import Declared, plan
from ansible_collections.aurore.infra.plugins.module_utils.postgresql.parameters import Problems

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


def postgresql_plan(
    found: Mapping[str, Any],
    databases: Sequence[Mapping[str, Any]],
    roles: Sequence[Mapping[str, Any]],
    grants: Sequence[Mapping[str, Any]] = (),
    system: Sequence[Mapping[str, Any]] = (),
    kept: Sequence[str] = (),
    drop: Mapping[str, Sequence[str]] | None = None,
    *,
    check: bool = False,
) -> dict[str, Any]:
    """See DOCUMENTATION."""
    try:
        return plan(found, Declared(databases, roles, grants, system, kept, drop or {}), check=check)
    except Problems as problems:
        raise AnsibleFilterError(f"postgresql_plan: {problems}") from problems


class FilterModule:
    """Gives the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter, by name."""
        return {"postgresql_plan": postgresql_plan}
