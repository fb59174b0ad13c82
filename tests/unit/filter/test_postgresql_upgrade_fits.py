"""The filter of that name, as templates find it."""

from __future__ import annotations

from ansible_collections.aurore.infra.plugins.filter.postgresql_upgrade_fits import FilterModule


def test_it_says_whether_a_member_may_have_a_version() -> None:
    fits = FilterModule().filters()["postgresql_upgrade_fits"]
    assert fits(17, [17], None)
    assert not fits(18, [17], None)
