"""The module `aurore.infra.patroni_view`: what a member of a cluster knows."""

from __future__ import annotations

DOCUMENTATION = r"""
module: patroni_view
author: Collège technique d'Aurore
version_added: 0.1.0
short_description: Ask a member what it knows of its cluster
description:
  - Runs on a member. Asks its Patroni about the cluster, its PostgreSQL what it is doing, and its etcd whether it is
    well. What proves that one may ask is taken from Patroni's own configuration. Changes nothing.
  - A member that does not answer is no failure of this module, but something that it says.
options:
  config:
    description: The file with Patroni's configuration.
    type: path
    default: /etc/patroni/config.yml
  max_lag:
    description: Bytes that a replica may be behind and still be well.
    type: int
    default: 16777216
  members:
    description: Who must be in the cluster, by name. Patroni itself forgets a member that is away.
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    support: full
    description: Changes nothing anyway.
"""

EXAMPLES = r"""
- name: Wait until the cluster is whole
  aurore.infra.patroni_view:
    members: [postgresql-edc, postgresql-fleming, postgresql-gs]
  register: seen
  until: seen.ailments | length == 0
  retries: 60
  delay: 2
"""

RETURN = r"""
view:
  description: What the member knows. The filter P(aurore.infra.patroni_ailments#filter) compares those of several.
  returned: always
  type: dict
  contains:
    cluster:
      description: What its Patroni says at C(/cluster); null where it does not answer.
      type: dict
    problems:
      description: What did not answer, or is not well, as sentences.
      type: list
      elements: str
    sessions:
      description: Clients of its server that are in a transaction or make a backup.
      type: list
      elements: dict
    pending:
      description: Parameters that wait for a restart of its server, with C(old_value) and C(new_value).
      type: dict
ailments:
  description: Why the cluster is not whole, as far as this member knows; an empty list when all is well.
  returned: always
  type: list
  elements: str
primary:
  description: Who is the primary; empty where nobody is, or the member does not know.
  returned: always
  type: str
  sample: postgresql-gs
lowered:
  description: Parameters of RV(view.pending) that a restart as a replica does not bring, with both values.
  returned: always
  type: list
  elements: str
  sample: ["max_connections (200, wanted 100)"]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.aurore.infra.plugins.module_utils.patroni.local import read
from ansible_collections.aurore.infra.plugins.module_utils.patroni.whole import Limits, ailments, lowered, primary


def main() -> None:
    """Runs the module."""
    module = AnsibleModule(
        argument_spec={
            "config": {"type": "path", "default": "/etc/patroni/config.yml"},
            "max_lag": {"type": "int", "default": 16777216},
            "members": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    try:
        local = read(module.params["config"])
        view = local.view(lambda argv: module.run_command(argv, cwd="/"))
    except OSError as problem:
        module.fail_json(msg=f"patroni_view: {problem}")
    limits = Limits(lag=module.params["max_lag"], transaction=0)
    found = ailments({local.config["name"]: view}, limits, stops=(), members=module.params["members"])
    module.exit_json(
        changed=False,
        view=view,
        ailments=found,
        msg="; ".join(found),
        primary=primary(view["cluster"]) if view["cluster"] else "",
        lowered=lowered(view["pending"]),
    )


if __name__ == "__main__":
    main()
