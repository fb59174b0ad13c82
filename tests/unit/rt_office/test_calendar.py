"""A year, then weeks, by the calendar."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from ansible_collections.aurore.infra.plugins.module_utils.model import calendar
from rt_office.calendar import a_year_later, end_day, in_french, notice_day


def days(first: date, last: date) -> list[date]:
    return [first + timedelta(number) for number in range((last - first).days + 1)]


@pytest.mark.parametrize(
    ("since", "notice", "end"),
    [
        (date(2026, 11, 25), date(2027, 12, 9), date(2027, 12, 23)),
        (date(2027, 3, 1), date(2028, 3, 15), date(2028, 3, 29)),
        (date(2028, 2, 29), date(2029, 3, 14), date(2029, 3, 28)),
        (date(2027, 2, 28), date(2028, 3, 13), date(2028, 3, 27)),
        (date(2027, 12, 31), date(2029, 1, 14), date(2029, 1, 28)),
    ],
)
def test_days_that_were_counted_by_hand(since: date, notice: date, end: date) -> None:
    assert (notice_day(since), end_day(since)) == (notice, end)


def test_a_year_is_as_long_as_the_calendar_says() -> None:
    for since in days(date(2026, 1, 1), date(2034, 12, 31)):
        leap = a_year_later(since) - since == timedelta(366)
        # The 29th of February lies between the two, or is the end.
        between = [day for day in days(since + timedelta(1), a_year_later(since)) if (day.month, day.day) == (2, 29)]
        assert leap == bool(between), since
        assert notice_day(since) - since == timedelta(380 if leap else 379)
        assert end_day(since) - notice_day(since) == timedelta(14)


def test_days_in_french() -> None:
    assert in_french(date(2027, 8, 1)) == "1er août 2027"
    assert in_french(date(2027, 2, 11)) == "11 février 2027"


def test_the_office_counts_as_signing_does() -> None:
    """The office has no code of the control machine: the two calendars are one by this test."""
    for since in days(date(2026, 1, 1), date(2034, 12, 31)):
        assert (notice_day(since), end_day(since)) == (calendar.notice(since), calendar.end(since))
