"""The calendar of a certificate's life. Days are UTC's."""

from __future__ import annotations

from datetime import date, timedelta

VALID_WEEKS = 4
"""A certificate lasts a year and this long: whoever renews in January is never locked out in between."""

NOTICE_WEEKS = 2
"""A year and this long after it was signed, its owner is told that it ends."""


def a_year_later(day: date) -> date:
    """The same day of the next year; for 29 February, 28 February."""
    try:
        return day.replace(year=day.year + 1)
    except ValueError:
        return day.replace(year=day.year + 1, day=28)


def end(signed: date) -> date:
    """The day at whose beginning a certificate that was signed on a day ends."""
    return a_year_later(signed) + timedelta(weeks=VALID_WEEKS)


def notice(signed: date) -> date:
    """The day on which its owner is told."""
    return a_year_later(signed) + timedelta(weeks=NOTICE_WEEKS)
