"""When a certificate ends, and when its owner is told: the college counts a year, then weeks."""

from __future__ import annotations

from datetime import date, timedelta

NOTICE_AFTER = timedelta(weeks=2)
END_AFTER = timedelta(weeks=4)
"""Both after the same day of the next year."""

MONTHS = (
    *("janvier", "février", "mars", "avril", "mai", "juin"),
    *("juillet", "août", "septembre", "octobre", "novembre", "décembre"),
)


def a_year_later(day: date) -> date:
    """The same day of the next year; the 28th of February for the 29th."""
    try:
        return day.replace(year=day.year + 1)
    except ValueError:
        return date(day.year + 1, 2, 28)


def notice_day(since: date) -> date:
    """The first day on which the owner of a certificate that was signed then is told that it will end."""
    return a_year_later(since) + NOTICE_AFTER


def end_day(since: date) -> date:
    """The day at whose beginning, by UTC, a certificate ends that was signed then."""
    return a_year_later(since) + END_AFTER


def in_french(day: date) -> str:
    """A day as people write it."""
    number = "1er" if day.day == 1 else str(day.day)
    return f"{number} {MONTHS[day.month - 1]} {day.year}"
