"""Servers, and scripts that they work on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from restore_drill.server import Server, quoted
from restore_drill.settings import RestoreError

if TYPE_CHECKING:
    from .played import Host


def server(host: Host) -> Server:
    return Server(host.run, host.settings.programs, "host=/nowhere")


def test_a_question_and_its_answer(host: Host) -> None:
    assert server(host).one("pg_walfile_name(pg_switch_wal())") == "000000030000000000000003"
    assert host.ran("--dbname=host=/nowhere dbname='postgres'")


def test_names_are_quoted() -> None:
    assert quoted("it's \\ here") == r"'it\'s \\ here'"


def test_answers_come_while_a_script_works(host: Host) -> None:
    talk = server(host).talk("SELECT 1;", "forge", 20)
    assert next(talk.answers()) == {"ready": "0/3000060"}
    talk.close()


def test_why_a_script_fails(host: Host) -> None:
    host.answers("live", {"a": 1}, "!conflict with recovery")
    talk = server(host).talk("SELECT 1;", "forge", 20)
    with pytest.raises(RestoreError, match="conflict"):
        list(talk.answers())
    talk.close()


def test_a_script_that_takes_too_long(host: Host) -> None:
    (host.directory / "bin/psql").write_text("#!/bin/sh\nexec sleep 60\n")
    talk = server(host).talk("SELECT 1;", "forge", 0.2)
    with pytest.raises(RestoreError, match="within 0 seconds"):
        list(talk.answers())
    talk.close()


def test_a_program_that_ends_before_it_has_read(host: Host) -> None:
    (host.directory / "bin/psql").write_text("#!/bin/sh\necho no such database >&2\nexit 2\n")
    talk = server(host).talk("SELECT 1;" * 100_000, "forge", 20)
    with pytest.raises(RestoreError, match="no such database"):
        list(talk.answers())
    talk.close()
