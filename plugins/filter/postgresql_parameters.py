"""The filter ``aurore.infra.postgresql_parameters``: PostgreSQL's parameters for what the members have."""

from __future__ import annotations

DOCUMENTATION = r"""
name: postgresql_parameters
author: Collège technique d'Aurore
version_added: 0.1.0
short_description: Derive PostgreSQL's parameters from memory, cores, disk and pools
description:
  - Takes what each member of a cluster has, and the declared databases with their pools of connections. Returns
    parameters for all members, by the smallest of them, since any may become the primary.
  - The reason for each value, with its source, is beside its formula in C(module_utils/postgresql/parameters.py).
  - C(max_connections) is 100, and 100 more for each 8 GiB above the first 8, up to 500. All pools with their reserves,
    what superusers keep for themselves, and all others must fit in it. Replication has C(max_wal_senders) instead.
  - Memory must hold C(shared_buffers), C(work_mem) for each of C(max_connections), maintenance and autovacuum, and an
    eighth for the rest of the host.
  - The log, held back for checkpoints and replicas that are behind, must not take more than a quarter of the disk.
  - What does not fit is an error, which tells all of it at once with numbers and the way out.
positional: databases
options:
  _input:
    description: What each member has, C(memory) and C(disk) in GiB and C(cores), as C(model_size) does.
    type: list
    elements: dict
    required: true
  databases:
    description: The databases, each with C(name), C(pool) and, if it has one, C(pool_reserve). Other keys are not read.
    type: list
    elements: dict
    required: true
  superusers:
    description:
      - How many connections are for superusers, by what they are for. Their sum is C(superuser_reserved_connections),
        which nobody else can take.
      - By default 3 for Patroni, 2 for pgBackRest and 5 for administrators.
    type: dict
  others:
    description:
      - How many connections others need beside the pools, by what they are for.
      - By default 3 for the exporter, and 2 by which PgBouncer looks passwords up.
    type: dict
  max_connections:
    description: The number of connections, rather than what follows from the memory.
    type: int
"""

EXAMPLES = r"""
# In group_vars:
# patroni_parameters: >-
#   {{ groups['postgresql'] | map('extract', hostvars, 'model_size')
#      | aurore.infra.postgresql_parameters(postgresql_databases) }}

- name: Show the parameters for a small host
  ansible.builtin.debug:
    msg: "{{ [{'memory': 8, 'cores': 4, 'disk': 200}] | aurore.infra.postgresql_parameters(databases) }}"
  vars:
    databases:
      - {name: forge, pool: 15, pool_reserve: 3}
"""

RETURN = r"""
_value:
  description: Values by parameter, as C(SHOW) prints them; numbers without a unit are numbers.
  type: dict
  sample:
    max_connections: 100
    superuser_reserved_connections: 10
    shared_buffers: 2GB
    huge_pages: try
    effective_cache_size: 6GB
    work_mem: 21MB
    maintenance_work_mem: 512MB
    autovacuum_work_mem: 128MB
    autovacuum_max_workers: 3
    max_wal_size: 8GB
    min_wal_size: 2GB
    wal_keep_size: 4GB
    max_slot_wal_keep_size: 20GB
    max_wal_senders: 12
    max_replication_slots: 12
    max_worker_processes: 8
    max_parallel_workers: 4
    max_parallel_workers_per_gather: 2
    max_parallel_maintenance_workers: 2
"""

from typing import TYPE_CHECKING, Any

from ansible.errors import AnsibleFilterError
from ansible_collections.aurore.infra.plugins.module_utils.postgresql.parameters import Problems, derive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


def postgresql_parameters(
    sizes: Iterable[Mapping[str, Any]],
    databases: Iterable[Mapping[str, Any]],
    superusers: Mapping[str, int] | None = None,
    others: Mapping[str, int] | None = None,
    max_connections: int | None = None,
) -> dict[str, str | int]:
    """See DOCUMENTATION."""
    try:
        return derive(sizes, databases, superusers, others, max_connections)
    except Problems as problems:
        raise AnsibleFilterError(f"postgresql_parameters: {problems}") from problems


class FilterModule:
    """Gives the filter to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter, by name."""
        return {"postgresql_parameters": postgresql_parameters}
