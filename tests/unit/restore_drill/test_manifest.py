"""What is in a server, and how two of them differ."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from restore_drill.manifest import Manifest, Reading, Table, agree, differences
from restore_drill.server import Server
from restore_drill.settings import RestoreError

if TYPE_CHECKING:
    from .played import Host

HERE: Manifest = {
    "forge: public.issue": Table(2, "7", sampled=False),
    "forge: public.user": Table(3, "8", sampled=True),
}


def reading(host: Host) -> Reading:
    return Reading(Server(host.run, host.settings.programs, "host=/nowhere"), 1024, 5, 20)


def test_all_databases_are_read(host: Host) -> None:
    sequence = {"name": "public.issue_id_seq", "rows": 1, "sum": None, "sampled": False}
    table = {"name": "public.issue", "rows": 2, "sum": "7", "sampled": False}
    host.answers("live", sequence, {"ready": "0/1"}, table)
    with closing(reading(host)) as one:
        assert one.places() == {"0/1"}
        assert one.manifest() == {
            "forge: public.issue_id_seq": Table(1, None, sampled=False),
            "forge: public.issue": Table(2, "7", sampled=False),
        }


def test_a_script_that_ends_too_early(host: Host) -> None:
    host.answers("live")
    with closing(reading(host)) as one, pytest.raises(RestoreError, match="too early"):
        one.places()


def test_a_server_that_does_not_answer(host: Host) -> None:
    host.fails["datname"] = "could not connect"
    with pytest.raises(RestoreError, match="connect"):
        reading(host)


def test_who_has_the_same_agrees() -> None:
    agree(HERE, dict(HERE))


def test_each_difference_is_told() -> None:
    found = {
        "forge: public.user": Table(4, "9", sampled=False),
        "forge: public.extra": Table(0, "0", sampled=False),
    }
    assert differences(HERE, found) == [
        "forge: public.issue is missing",
        "forge: public.extra is not in the original",
        "forge: public.user has rows 4 rather than 3",
        "forge: public.user has checksum '9' rather than '8'",
        "forge: public.user has sampled False rather than True",
    ]


def test_many_differences_are_counted() -> None:
    many = {f"forge: public.t{number}": Table(1, "1", sampled=False) for number in range(12)}
    with pytest.raises(RestoreError, match="and 2 more"):
        agree(many, {})
