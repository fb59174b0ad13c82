"""The filter about members that are to begin anew."""

from __future__ import annotations

from ansible_collections.aurore.infra.plugins.filter.patroni_obstacles import FilterModule
from ansible_collections.aurore.infra.plugins.module_utils.patroni.removal import obstacles


def test_ansible_finds_it() -> None:
    assert FilterModule().filters() == {"patroni_obstacles": obstacles}
