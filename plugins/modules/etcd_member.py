"""The module `aurore.infra.etcd_member`: a place for a member of etcd that has lost its data."""

from __future__ import annotations

DOCUMENTATION = r"""
module: etcd_member
author: Collège technique d'Aurore
version_added: 0.1.0
short_description: Give a member of etcd that has lost its data its place again
description:
  - Runs on another member. Has the cluster forget what it knew of the member, and announces it anew, by etcd's API.
  - A member that is announced and has not started yet keeps that place, so that an interrupted run can be run again.
  - The member then starts with an empty directory, RV(initial_cluster), and C(ETCD_INITIAL_CLUSTER_STATE=existing).
extends_documentation_fragment: [aurore.infra.etcd_client]
options:
  name:
    description: The member's name.
    type: str
    required: true
  peer:
    description: The URL by which the others reach it, such as V(https://192.0.2.11:2380).
    type: str
    required: true
  root_password:
    description: The password of etcd's C(root).
    type: str
    required: true
attributes:
  check_mode:
    support: full
    description: Asks, and changes nothing. While no member answers, it supposes that there is none yet.
"""

EXAMPLES = r"""
- name: Give the member its place again
  aurore.infra.etcd_member:
    name: postgresql-gs
    peer: https://192.0.2.13:2380
    endpoints: ["192.0.2.11:2379"]
    root_password: "{{ etcd_root_password }}"
  no_log: true
"""

RETURN = r"""
initial_cluster:
  description: All members, as C(ETCD_INITIAL_CLUSTER) has them.
  returned: always
  type: str
  sample: postgresql-edc=https://192.0.2.12:2380,postgresql-gs=https://192.0.2.13:2380
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.aurore.infra.plugins.module_utils.etcd.access import ROOT
from ansible_collections.aurore.infra.plugins.module_utils.etcd.client import EtcdError, EtcdUnavailableError
from ansible_collections.aurore.infra.plugins.module_utils.etcd.membership import Renewal, members, renewal
from ansible_collections.aurore.infra.plugins.module_utils.etcd.options import CLIENT, client


def main() -> None:
    """Runs the module."""
    module = AnsibleModule(
        argument_spec={
            **CLIENT,
            "name": {"type": "str", "required": True},
            "peer": {"type": "str", "required": True},
            "root_password": {"type": "str", "required": True, "no_log": True},
        },
        supports_check_mode=True,
    )
    try:
        planned = apply(module)
    except (EtcdError, OSError) as problem:
        module.fail_json(msg=f"etcd_member: {problem}")
    module.exit_json(changed=bool(planned.removes) or planned.adds, initial_cluster=planned.cluster)


def apply(module: AnsibleModule) -> Renewal:
    """Gives the member its place; in check mode, only says how."""
    options = module.params
    etcd = client(options, (ROOT, options["root_password"]))
    try:
        current = members(etcd.call("/v3/cluster/member/list").get("members", []))
    except EtcdUnavailableError:
        if not module.check_mode:
            raise
        current = []
    planned = renewal(current, options["name"], options["peer"])
    if not module.check_mode:
        for identifier in planned.removes:
            etcd.call("/v3/cluster/member/remove", {"ID": identifier})
        if planned.adds:
            etcd.call("/v3/cluster/member/add", {"peerURLs": [options["peer"]]})
    return planned


if __name__ == "__main__":
    main()
