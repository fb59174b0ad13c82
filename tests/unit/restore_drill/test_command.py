"""The command, and tables that are taken out."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest
from restore_drill import __main__ as command
from restore_drill.__main__ import main

if TYPE_CHECKING:
    from .played import Host

NOON = "2026-11-26 12:00:00Z"


@pytest.fixture(autouse=True)
def _played(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "run", host.run)


def say(host: Host, *words: str) -> int:
    return main(["--settings", str(host.directory / "settings.json"), *words])


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    found: dict[str, str] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return found


def test_a_table_is_taken_out(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--to", NOON, "--database", "forge", "--table", "public.issue", "--set", "20261126-020000F")
    assert say(host, "extract", *words) == 0
    assert told(capsys)["dump"].startswith(f"{host.settings.extracts}/forge-")
    assert host.ran("--db-include=forge")
    assert host.ran("--set=20261126-020000F")
    assert host.ran("--table=public.issue")
    assert not host.settings.scratch.exists()


def test_the_archive_reaches_up_to_now_where_the_primary_is(host: Host) -> None:
    assert say(host, "archive") == 0
    assert not host.ran("pg_switch_wal")
    host.value("pg_is_in_recovery", False)
    assert say(host, "archive") == 0
    assert host.ran("pg_current_xact_id")
    assert host.ran("pg_switch_wal")


def test_all_of_a_database_is_taken_out(host: Host) -> None:
    assert say(host, "extract", "--to", "latest", "--database", "postgres") == 0
    assert not host.ran("--db-include")


def test_nothing_stays_of_what_failed(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    host.fails["pg_dump"] = "no matching tables were found"
    assert say(host, "extract", "--to", NOON, "--database", "forge", "--table", "none") == 1
    assert "no matching tables" in capsys.readouterr().err
    assert not host.settings.scratch.exists()


def test_the_whole_cluster(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    assert say(host, "status", "--to", NOON) == 0
    assert say(host, "recover", "--to", NOON) == 0
    assert ".before-" in told(capsys)["aside"]
    assert say(host, "abandon") == 0
    assert ".before-" in told(capsys)["restored"]
    assert say(host, "recover", "--to", NOON) == 0
    assert say(host, "hand-over") == 0
    assert say(host, "followed") == 0
    capsys.readouterr()
    assert say(host, "done") == 0
    assert ".before-" in told(capsys)["aside"]
    assert say(host, "abandon") == 1
    assert "No restore is half done" in capsys.readouterr().err


def test_without_data_there_is_nothing_to_keep(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(host.data)
    host.data.mkdir()
    assert say(host, "recover", "--to", "latest") == 0
    assert told(capsys)["aside"] is None
    assert say(host, "abandon") == 0
    assert told(capsys)["restored"] is None


def test_what_is_no_point_in_time(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    assert say(host, "status", "--to", "yesterday") == 1
    assert "is not a point to restore to" in capsys.readouterr().err


def test_a_rehearsal(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody can say who is the primary."""
    assert say(host, "drill", "--here") == 1
    assert "who is who" in capsys.readouterr().err
    assert host.metrics()["success"] == 0
    assert say(host, "drill") == 1
    assert say(host, "cleanup") == 0
