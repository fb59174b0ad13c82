"""The filter, as a role uses it."""

from __future__ import annotations

from ansible_collections.aurore.infra.plugins.filter.patroni_ailments import FilterModule

from tests.unit.played_cluster import whole


def test_it_says_why_not() -> None:
    ailments = FilterModule().filters()["patroni_ailments"]
    session = {"pid": 1, "user": "a", "database": "b", "application": "c", "seconds": 9.0, "is_backup": False}
    views = {"gs": {"cluster": whole(), "problems": [], "sessions": [session], "pending": {}}}
    assert ailments(views, lag=0, transaction=9) == []
    assert ailments(views, lag="0", transaction="8", stops=[]) == []
    assert ailments(views, lag=0, transaction=9, members=["xxl"])[0].startswith("xxl is away")
    assert ailments(views, lag="0", transaction="8") == ailments(views, lag=0, transaction=8, stops=["gs"]) != []
