"""The module `aurore.infra.patroni_state`: what a host has of a cluster of PostgreSQL's."""

from __future__ import annotations

DOCUMENTATION = r"""
module: patroni_state
author: Collège technique d'Aurore
version_added: 0.1.0
short_description: Find out what a host has of a cluster of PostgreSQL's
description:
  - Looks at the data directory, asks etcd what it knows of the cluster, and whether Patroni runs. Changes nothing.
  - A host on which nothing is installed has nothing, and so has an etcd that does not answer in check mode.
extends_documentation_fragment: [aurore.infra.etcd_client]
options:
  directory:
    description: PostgreSQL's data directory.
    type: path
    required: true
  programs:
    description: Where C(pg_controldata) is.
    type: path
    required: true
  prefix:
    description: The prefix of Patroni's keys for this cluster, with a slash at its end.
    type: str
    required: true
  user:
    description: The user of etcd.
    type: str
    default: patroni
  password:
    description: Their password.
    type: str
    required: true
attributes:
  check_mode:
    support: full
    description: Changes nothing anyway.
"""

EXAMPLES = r"""
- name: Find out what the host has
  aurore.infra.patroni_state:
    directory: /var/lib/postgresql/17/main
    programs: /usr/lib/postgresql/17/bin
    prefix: /postgresql/aurore/
    endpoints: ["192.0.2.11:2379"]
    password: "{{ patroni_etcd_password }}"
  no_log: true
  register: found
"""

RETURN = r"""
state:
  description: What the host has.
  returned: always
  type: dict
  contains:
    directory:
      description: The data directory.
      type: str
    data:
      description: What is in it, V(none), V(cluster) or V(other).
      type: str
    identifier:
      description: The system identifier of the cluster in it; empty where there is none.
      type: str
    initialized:
      description: The system identifier that etcd has; empty while the cluster is being made, null where there is none.
      type: str
    runs:
      description: Whether Patroni runs.
      type: bool
"""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.aurore.infra.plugins.module_utils.etcd.client import (
    EtcdError,
    EtcdUnavailableError,
    decode,
    encode,
)
from ansible_collections.aurore.infra.plugins.module_utils.etcd.options import CLIENT, client

if TYPE_CHECKING:
    from ansible_collections.aurore.infra.plugins.module_utils.patroni.origin import Data, State

IDENTIFIER = re.compile(r"^Database system identifier: +(\d+)$", re.MULTILINE)


def main() -> None:
    """Runs the module."""
    module = AnsibleModule(
        argument_spec={
            **CLIENT,
            "directory": {"type": "path", "required": True},
            "programs": {"type": "path", "required": True},
            "prefix": {"type": "str", "required": True},
            "user": {"type": "str", "default": "patroni"},
            "password": {"type": "str", "required": True, "no_log": True},
        },
        supports_check_mode=True,
    )
    try:
        state = look(module)
    except (EtcdError, OSError) as problem:
        module.fail_json(msg=f"patroni_state: {problem}")
    module.exit_json(changed=False, state=state)


def look(module: AnsibleModule) -> State:
    """Finds out."""
    directory = Path(module.params["directory"])
    data = contents(directory)
    runs = module.run_command(["systemctl", "is-active", "--quiet", "patroni.service"])[0] == 0
    return {
        "directory": str(directory),
        "data": data,
        # While Patroni copies a database, the file that says which one it is comes last.
        "identifier": identifier(module, directory) if data == "cluster" and not runs else "",
        "initialized": initialized(module),
        "runs": runs,
    }


def contents(directory: Path) -> Data:
    """What is in a data directory."""
    if not directory.is_dir() or not any(directory.iterdir()):
        return "none"
    return "cluster" if (directory / "PG_VERSION").exists() else "other"


def identifier(module: AnsibleModule, directory: Path) -> str:
    """The system identifier of a cluster's files."""
    command = [f"{module.params['programs']}/pg_controldata", str(directory)]
    status, output, errors = module.run_command(command, environ_update={"LC_ALL": "C"})
    found = IDENTIFIER.search(output)
    if status != 0 or not found:
        raise OSError(f"{' '.join(command)}: {errors.strip() or output.strip()}")
    return found.group(1)


def initialized(module: AnsibleModule) -> str | None:
    """What etcd knows of the cluster."""
    options = module.params
    try:
        etcd = client(options, (options["user"], options["password"]))
        found = etcd.call("/v3/kv/range", {"key": encode(f"{options['prefix']}initialize")}).get("kvs", [])
    except (EtcdUnavailableError, FileNotFoundError):
        if not module.check_mode:
            raise
        return None
    return decode(found[0].get("value", "")) if found else None


if __name__ == "__main__":
    main()
