"""The module `aurore.infra.patroni_config`: what all members of a cluster have in common."""

from __future__ import annotations

DOCUMENTATION = r"""
module: patroni_config
author: Collège technique d'Aurore
version_added: 0.1.0
short_description: Set what all members of a Patroni cluster have in common
description:
  - Patroni keeps timings, the way of replication and PostgreSQL's parameters in etcd, where C(bootstrap.dcs) only puts
    them once. This module compares them with what is wanted, and replaces them.
  - Members notice at their next look. Parameters that need a restart are marked as pending, and wait for
    C(playbooks/operations/restart_postgresql.yml).
  - In check mode, a cluster that does not answer is one that will be made with what is wanted.
options:
  address:
    description: Address and port of a member's API.
    type: str
    required: true
  config:
    description:
      - All of it, such as C(patronictl show-config) shows it. What is not in here goes, but for C(pause), which is no
        setting - who has paused the cluster is at work on it, and resumes it.
    type: dict
    required: true
  user:
    description: The user of the API.
    type: str
    default: patroni
  password:
    description: Their password.
    type: str
    required: true
  authority:
    description: The file with the authority's certificate, by which members are known.
    type: path
    default: /etc/aurore/tls/ca.crt
  certificate:
    description: The file with the certificate that they ask for.
    type: path
    default: /etc/aurore/tls/host.crt
  key:
    description: The file with its key.
    type: path
    default: /etc/aurore/tls/host.key
attributes:
  check_mode:
    support: full
    description: Compares, and changes nothing.
  diff_mode:
    support: full
    description: Shows both as JSON.
"""

EXAMPLES = r"""
- name: Give up a primary that is silent for 20 seconds
  aurore.infra.patroni_config:
    address: "192.0.2.11:8008"
    password: "{{ patroni_rest_password }}"
    config: {ttl: 20, loop_wait: 1, retry_timeout: 4, postgresql: {parameters: {max_connections: 200}}}
"""

RETURN = r"""
config:
  description: What all members have in common, or would have.
  returned: always
  type: dict
"""

import json
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.aurore.infra.plugins.module_utils.etcd.client import tls
from ansible_collections.aurore.infra.plugins.module_utils.patroni.rest import (
    Patroni,
    PatroniError,
    PatroniUnavailableError,
)

PAUSE = "pause"


def main() -> None:
    """Runs the module."""
    module = AnsibleModule(
        argument_spec={
            "address": {"type": "str", "required": True},
            "config": {"type": "dict", "required": True},
            "user": {"type": "str", "default": "patroni"},
            "password": {"type": "str", "required": True, "no_log": True},
            "authority": {"type": "path", "default": "/etc/aurore/tls/ca.crt"},
            "certificate": {"type": "path", "default": "/etc/aurore/tls/host.crt"},
            "key": {"type": "path", "default": "/etc/aurore/tls/host.key", "no_log": False},
        },
        supports_check_mode=True,
    )
    try:
        before, after = apply(module)
    except (PatroniError, OSError) as problem:
        module.fail_json(msg=f"patroni_config: {problem}")
    module.exit_json(changed=before != after, config=after, diff={"before": shown(before), "after": shown(after)})


def apply(module: AnsibleModule) -> tuple[dict[str, Any], dict[str, Any]]:
    """Sets what is wanted where it differs; returns what there was and what is wanted."""
    options = module.params
    wanted: dict[str, Any] = options["config"]
    try:
        context = tls(options["authority"], options["certificate"], options["key"])
        patroni = Patroni(options["address"], context, (options["user"], options["password"]))
        current: dict[str, Any] = patroni.get("/config")
    except (PatroniUnavailableError, FileNotFoundError):
        if not module.check_mode:
            raise
        return {}, wanted
    if PAUSE in current:
        wanted = {**wanted, PAUSE: current[PAUSE]}
    if current != wanted and not module.check_mode:
        patroni.put("/config", wanted)
    return current, wanted


def shown(config: dict[str, Any]) -> str:
    """As people read it."""
    return f"{json.dumps(config, indent=2, sort_keys=True)}\n" if config else ""


if __name__ == "__main__":
    main()
