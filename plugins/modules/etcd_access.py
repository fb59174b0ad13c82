"""The module `aurore.infra.etcd_access`: who may do what in etcd."""

from __future__ import annotations

DOCUMENTATION = r"""
module: etcd_access
author: Collège technique d'Aurore
version_added: 0.1.0
short_description: Say who may do what in etcd
description:
  - Brings users, roles and authentication of an etcd cluster to what is wanted, by its API. One member is enough, since
    the cluster agrees on it.
  - A role may read the keys below some prefixes, and write those below others as well. The user and the role C(root)
    exist always, and may do everything. Users and roles that are not named are removed.
  - Check mode asks, and changes nothing. While no member answers, it supposes that there is nothing yet.
extends_documentation_fragment: [aurore.infra.etcd_client]
options:
  root_password:
    description: The password of C(root). It cannot be changed by this module, which needs it.
    type: str
    required: true
  users:
    description: All users but C(root).
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The user's name.
        type: str
        required: true
      password:
        description: The user's password. It is compared by logging in.
        type: str
        required: true
      roles:
        description: The user's roles.
        type: list
        elements: str
        required: true
  roles:
    description: All roles but C(root).
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The role's name.
        type: str
        required: true
      prefixes:
        description: The role may read and write the keys that begin so.
        type: list
        elements: str
        required: true
      reads:
        description: The role may read the keys that begin so, beside those.
        type: list
        elements: str
        default: []
seealso:
  - name: Role-based access control
    description: What users, roles and permissions are in etcd.
    link: https://etcd.io/docs/v3.5/op-guide/authentication/rbac/
attributes:
  check_mode:
    support: full
    description: Asks, and changes nothing.
  diff_mode:
    support: full
    description: Shows each step, without passwords.
"""

EXAMPLES = r"""
- name: Let Patroni use its keys, and nobody else any
  aurore.infra.etcd_access:
    endpoints: ["192.0.2.11:2379"]
    root_password: "{{ etcd_root_password }}"
    roles: [{name: patroni, prefixes: [/postgresql/aurore/]}]
    users: [{name: patroni, password: "{{ etcd_patroni_password }}", roles: [patroni]}]
  no_log: true
"""

RETURN = r"""
steps:
  description: What was done, or would be.
  returned: always
  type: list
  elements: str
  sample: [add role patroni, let patroni use /postgresql/aurore/, add user patroni]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.aurore.infra.plugins.module_utils.etcd import access
from ansible_collections.aurore.infra.plugins.module_utils.etcd.client import EtcdError, EtcdUnavailableError
from ansible_collections.aurore.infra.plugins.module_utils.etcd.options import CLIENT, client

NOTHING = access.Access({}, {}, is_enabled=False)


def main() -> None:
    """Runs the module."""
    module = AnsibleModule(
        argument_spec={
            **CLIENT,
            "root_password": {"type": "str", "required": True, "no_log": True},
            "users": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "name": {"type": "str", "required": True},
                    "password": {"type": "str", "required": True, "no_log": True},
                    "roles": {"type": "list", "elements": "str", "required": True},
                },
            },
            "roles": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "name": {"type": "str", "required": True},
                    "prefixes": {"type": "list", "elements": "str", "required": True},
                    "reads": {"type": "list", "elements": "str", "default": []},
                },
            },
        },
        supports_check_mode=True,
    )
    try:
        steps = apply(module)
    except (EtcdError, OSError) as problem:
        module.fail_json(msg=f"etcd_access: {problem}")
    says = [step.says for step in steps]
    diff = {"before": "", "after": "".join(f"{line}\n" for line in says)}
    module.exit_json(changed=bool(steps), steps=says, diff=diff)


def apply(module: AnsibleModule) -> list[access.Step]:
    """Leads etcd to what the module's options want; in check mode, only says how."""
    options = module.params
    passwords = {user["name"]: user["password"] for user in options["users"]} | {access.ROOT: options["root_password"]}
    desired = access.Access(
        users={user["name"]: frozenset(user["roles"]) for user in options["users"]},
        roles={role["name"]: access.granted(role["reads"], role["prefixes"]) for role in options["roles"]},
        is_enabled=True,
    )
    try:
        open_etcd = client(options)
        etcd = client(options, (access.ROOT, options["root_password"]))
        current = access.read(etcd, open_etcd)
    except (EtcdUnavailableError, FileNotFoundError):
        if not module.check_mode:
            raise
        return access.plan(NOTHING, desired, passwords, lambda _: False)

    def has_password(name: str) -> bool:
        return current.is_enabled and open_etcd.accepts(name, passwords[name])

    steps = access.plan(current, desired, passwords, has_password)
    if not module.check_mode:
        caller = etcd if current.is_enabled else open_etcd
        for step in steps:
            caller.call(step.path, step.request)
    return steps


if __name__ == "__main__":
    main()
