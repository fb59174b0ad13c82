"""The filter of that name, as templates find it."""

from __future__ import annotations

from ansible_collections.aurore.infra.plugins.filter.postgresql_upgrade_plan import FilterModule


def test_it_says_where_an_upgrade_stands() -> None:
    plan = FilterModule().filters()["postgresql_upgrade_plan"]
    state = {"name": "a", "clusters": {"17": {"identifier": 7}}, "runs": 17, "leads": True, "note": None}
    found = plan([state], 18)
    assert isinstance(found, dict)
    assert (found["phase"], found["identifiers"]) == ("none", {"17": "7"})
