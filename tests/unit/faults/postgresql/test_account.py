"""What follows from the words of those who write and those who watch."""

from __future__ import annotations

import pytest

from tests.faults.postgresql.account import Reign, interruptions, lines_of, outage, overlaps, reigns


def test_a_row_that_was_late_is_not_one_that_was_refused() -> None:
    found = interruptions(
        list(
            lines_of(
                """\
0.0 connected fd00::1
0.9 sent 1
1.0 acknowledged 1
1.1 sent 2
1.4 acknowledged 2
1.5 sent 3
3.4 acknowledged 3
3.5 sent 4
3.6 error server closed the connection
3.7 error could not connect
4.7 connected fd00::2
4.8 sent 5
4.9 acknowledged 5
5.0 sent 6
"""
            )
        )
    )
    assert found.late == pytest.approx([2.0])
    assert found.refused == pytest.approx([1.5])
    assert str(found) == "refused 1.50 s in 1 interruption(s), late 2.00 s in 1"


def test_who_writes_without_a_pause_has_noticed_nothing() -> None:
    found = interruptions(list(lines_of("1.0 acknowledged 1\n1.2 error again\n1.3 sent 2\n1.4 acknowledged 2\n")))
    assert (found.refused, found.late) == ([], [])


def test_the_outage_is_the_longest_time_without_a_row() -> None:
    assert outage({1: 1.0, 2: 4.0, 3: 2.0}) == 2.0


def test_a_reign_lasts_to_the_last_write_that_was_acknowledged() -> None:
    said = "1 start\n1 replica\n2.1 primary 2.0\n2.3 primary 2.2\n3 down\n5.1 primary 5.0\n"
    assert list(reigns("a", list(lines_of(said)))) == [Reign("a", 2.1, 2.2), Reign("a", 5.1, 5.0)]


def test_two_that_reign_at_a_time_are_seen() -> None:
    one, other, late = Reign("a", 1, 3), Reign("b", 2, 4), Reign("b", 3.5, 5)
    assert overlaps([one, other, late]) == [(one, other)]
    assert overlaps([one, Reign("a", 2, 4)]) == []
