"""The filter, as the role uses it."""

from __future__ import annotations

from ansible_collections.aurore.infra.plugins.filter.patroni_refusals import FilterModule

NOTHING = {"directory": "/data", "data": "none", "identifier": "", "initialized": None, "runs": False}


def test_reasons_come_with_the_way_out() -> None:
    refusals = FilterModule().filters()["patroni_refusals"]
    assert refusals({"a": NOTHING}) == []
    [said] = refusals({"a": NOTHING}, backups=2)  # type: ignore[misc]
    assert "docs/runbooks/restore-postgresql.md" in said
    assert refusals({"a": NOTHING}, backups=2, forget_backups=True) == []
    [said] = refusals({"a": NOTHING | {"data": "cluster", "identifier": "7"}})  # type: ignore[misc]
    assert said.startswith("etcd knows no cluster, but a has a database in /data")
