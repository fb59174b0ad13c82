"""A point to restore to, as people write it."""

from __future__ import annotations

import pytest
from restore_drill.settings import RestoreError
from restore_drill.target import Target, parse


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("latest", Target("default")),
        ("2026-11-26 10:00:00+01:00", Target("time", "2026-11-26 09:00:00.000000+00")),
        ("2026-11-26T09:00:00.5Z", Target("time", "2026-11-26 09:00:00.500000+00")),
        ("name:before the upgrade", Target("name", "before the upgrade")),
        ("xid:742", Target("xid", "742")),
        ("before-xid:742", Target("xid", "742", exclusive=True)),
        ("lsn:0/3000060", Target("lsn", "0/3000060")),
        ("before-lsn:0/3000060", Target("lsn", "0/3000060", exclusive=True)),
    ],
)
def test_what_people_write(text: str, target: Target) -> None:
    assert parse(text) == target


@pytest.mark.parametrize(
    "text", ["", "yesterday", "xid:", "xid:abc", "lsn:3000060", "name:", "before-name:x", "before-latest", "oid:3"]
)
def test_what_is_no_point(text: str) -> None:
    with pytest.raises(RestoreError, match="Say latest"):
        parse(text)


def test_a_time_needs_its_zone() -> None:
    with pytest.raises(RestoreError, match="no zone"):
        parse("2026-11-26 10:00:00")


def test_what_pgbackrest_is_told() -> None:
    assert parse("latest").options("promote") == ["--type=default"]
    assert parse("before-xid:742", "3").options("pause") == [
        "--type=xid",
        "--target=742",
        "--target-action=pause",
        "--target-exclusive",
        "--target-timeline=3",
    ]
