"""A year and some weeks, by the calendar."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from ansible_collections.aurore.infra.plugins.module_utils.model.calendar import a_year_later, end, notice


@pytest.mark.parametrize(
    ("signed", "year_later", "lasts", "told_after"),
    [
        ("2026-01-15", "2027-01-15", 393, 379),
        ("2027-03-01", "2028-03-01", 394, 380),  # 29 February 2028 is within
        ("2028-01-15", "2029-01-15", 394, 380),  # so is 29 February 2028
        ("2028-02-28", "2029-02-28", 394, 380),
        ("2028-02-29", "2029-02-28", 393, 379),
        ("2028-03-01", "2029-03-01", 393, 379),
        ("2099-12-31", "2100-12-31", 393, 379),  # 2100 is no leap year
    ],
)
def test_days(signed: str, year_later: str, lasts: int, told_after: int) -> None:
    day = date.fromisoformat(signed)
    assert a_year_later(day) == date.fromisoformat(year_later)
    assert (end(day) - day).days == lasts
    assert (notice(day) - day).days == told_after


def test_every_day_of_eight_years_is_told_two_weeks_before_the_end() -> None:
    first = date(2024, 1, 1)
    for number in range(8 * 366):
        day = first + timedelta(days=number)
        assert end(day) - notice(day) == timedelta(weeks=2)
        assert timedelta(days=393) <= end(day) - day <= timedelta(days=394)
        assert end(day) <= end(day + timedelta(days=1))
