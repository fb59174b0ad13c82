"""The program, as Ansible runs it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from postgresql_adoption import __main__ as command
from postgresql_adoption import adoption, job, preview
from restore_drill.settings import RestoreError

if TYPE_CHECKING:
    from .played import Servers

VARIABLES = Path(__file__).parents[3] / "roles/postgresql_adoption/vars/main.yml"
GIVEN: dict[str, Any] = {
    "database": "forge",
    "source": "old_forge",
    "origin": "git",
    "port": 5433,
    "replace": False,
    "one_owner": False,
}


def given(servers: Servers, **changes: Any) -> str:
    """What Ansible says."""
    return json.dumps(GIVEN | {"there": str(servers.job.there)} | changes)


@pytest.fixture
def play(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> Servers:
    """Servers, and what the member knows of itself."""
    servers.play()
    monkeypatch.setattr(command, "read_settings", servers.settings)
    return servers


@pytest.mark.parametrize(
    ("word", "last"),
    [
        (
            "rehearse",
            "Next: stop the service, and run the same with -e real=true. Its old database then takes no writes.",
        ),
        ("adopt", "until"),
        ("way_back", "old_forge on git takes writes again. Next: connect the service to it, and start it."),
        ("check_rehearse", "Nothing stands in the way of forge. Next: rehearse it, the same without --check."),
        ("check_adopt", "So far this has only been looked at: the same without --check does it."),
        ("check_way_back", "So far this has only been looked at: the same without --check does it."),
    ],
)
def test_what_is_told(play: Servers, capsys: pytest.CaptureFixture[str], word: str, last: str) -> None:
    assert command.main(word, given(play)) == 0
    answer = json.loads(capsys.readouterr().out)
    told = answer["said"]
    assert answer["changed"] is (word in {"adopt", "way_back"})
    assert last in told[-1] or "service=primary dbname=forge" in told[-1]
    sentences = {"rehearse": 4, "adopt": 4, "way_back": 1, "check_rehearse": 1, "check_adopt": 3, "check_way_back": 3}
    assert len(told) == sentences[word]


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize(
    ("real", "way_back", "way"),
    [
        (False, False, "rehearse"),
        (True, False, "adopt"),
        (False, True, "way_back"),
        (True, True, "way_back"),
    ],
)
def test_in_check_mode_every_way_only_looks(*, check: bool, real: bool, way_back: bool, way: str) -> None:
    loader = DataLoader()
    said = {
        "ansible_check_mode": check,
        "postgresql_adoption_is_real": real,
        "postgresql_adoption_way_back": way_back,
    }
    variables = loader.load_from_file(str(VARIABLES), trusted_as_template=True) | said
    word = Templar(loader=loader, variables=variables).template(trust_as_template("{{ postgresql_adoption_word }}"))
    assert word == f"{'check_' * check}{way}"
    assert command.COMMANDS[word] is getattr(preview if check else adoption, way)


def test_sequences_that_went_on_are_told(play: Servers, capsys: pytest.CaptureFixture[str]) -> None:
    for where in ("old", "new"):
        play.rule(where, "json_build_array(format('%I.%I'", ["public.tickets", True])
        play.rule(where, "FROM public.tickets", [1, where])
    assert command.main("rehearse", given(play)) == 0
    assert "Went on meanwhile, and will be compared when it is real: public.tickets." in capsys.readouterr().out


def test_what_stands_in_the_way(play: Servers, capsys: pytest.CaptureFixture[str]) -> None:
    play.survey("new", extensions={})
    assert command.main("rehearse", given(play)) == 1
    assert "Extensions are missing here: pg_trgm." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{}", "KeyError('database')"),
        ("[", "JSONDecodeError"),
        (json.dumps(GIVEN | {"there": "/t", "database": "d" * 50}), "is too long"),
    ],
)
def test_a_job_that_cannot_be_read(servers: Servers, text: str, said: str) -> None:
    with pytest.raises(RestoreError) as refusal:
        job.read(text, servers.settings())
    assert said in str(refusal.value)
