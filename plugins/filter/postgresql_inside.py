"""The filter ``aurore.infra.postgresql_inside``: what is declared against what databases hold."""

from __future__ import annotations

DOCUMENTATION = r"""
name: postgresql_inside
author: Collège technique d'Aurore
version_added: 0.1.0
short_description: Compare declared extensions and privileges with databases
description:
  - Takes what the role C(postgresql_databases) has read in each database, and says what has to be done, so that a
    module is only called where something differs.
  - What is there without being declared is a warning, with the statement that takes it away.
options:
  _input:
    description: By database, its C(extensions), and its C(objects) with their C(privileges).
    type: dict
    required: true
  databases:
    description: The declared databases among them, each with C(name) and C(owner), and maybe C(extensions).
    type: list
    elements: dict
    required: true
  grants:
    description:
      - Privileges beyond those of owners, each with C(database), C(roles) and C(privileges), and maybe C(type),
        C(schema) and C(objects). Without C(objects), those of all tables (or sequences) of the schema, also of what the
        database's owner will make.
    type: list
    elements: dict
    default: []
"""

EXAMPLES = r"""
- name: Say what lacks in a database
  ansible.builtin.debug:
    msg: "{{ {'forge': read} | aurore.infra.postgresql_inside([{'name': 'forge', 'owner': 'forge'}]) }}"
"""

RETURN = r"""
_value:
  description:
    - C(public), databases in whose schema C(public) everybody may make tables; C(extensions) that lack.
    - C(grants) that lack on what is there, and C(later) on what is not there yet.
    - C(warnings), a sentence for whatever is there and not declared, or declared on what is not there.
  type: dict
  sample: {public: [], extensions: [{database: forge, name: pg_trgm}], grants: [], later: [], warnings: []}
"""

from typing import TYPE_CHECKING

from ansible_collections.aurore.infra.plugins.module_utils.postgresql.inside import inside

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any


def postgresql_inside(
    found: Mapping[str, Any], databases: Sequence[Mapping[str, Any]], grants: Sequence[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    """See DOCUMENTATION."""
    return inside(found, databases, grants)


class FilterModule:
    """Gives the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter, by name."""
        return {"postgresql_inside": postgresql_inside}
