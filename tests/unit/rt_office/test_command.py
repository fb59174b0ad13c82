"""The command itself, its settings, and what monitoring reads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from rt_office import __main__ as command
from rt_office import metrics, notices
from rt_office.metrics import Metric
from rt_office.outbox import UnsentError
from rt_office.settings import Settings, SettingsError, read_register, read_settings

from .shared import LUCILLE, certificate, register, settings_in, write_register

FILES = Path(__file__).parents[3] / "roles/rt_office/files"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = settings_in(tmp_path)
    write_register(made.register, register(certificate(1, date(2026, 11, 25))))
    return made


def test_the_register_is_read_as_the_inventory_has_it(settings: Settings) -> None:
    known = register(certificate(1, date(2026, 11, 25)), certificate(2, date(2026, 1, 1), revoked=date(2026, 2, 2)))
    write_register(settings.register, known)
    assert settings.read_register() == known
    assert known.person("lucille") == LUCILLE
    assert known.person("nobody") is None
    assert known.leads(date(2026, 1, 1)) == [LUCILLE]
    assert known.leads(date(2050, 1, 1)) == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is not as Ansible writes it"),
        ("[]", "is not as Ansible writes it"),
        ("null", "is not as Ansible writes it"),
        ("{}", "has no 'people'"),
        ('{"people": [{}], "certificates": []}', "has no 'since'"),
        ('{"people": [], "certificates": [{"serial": "one"}]}', "is not as Ansible writes it"),
        ('{"people": [7], "certificates": []}', "is not as Ansible writes it"),
    ],
)
def test_what_is_wrong_with_a_register_is_told(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "register.json"
    path.write_text(text)
    with pytest.raises(SettingsError, match=problem) as caught:
        read_register(path)
    assert str(path) in str(caught.value)


def test_what_is_wrong_with_settings_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nowhere cannot be read: No such file"):
        read_settings(tmp_path / "nowhere")
    path = tmp_path / "settings.json"
    path.write_text("{}")
    with pytest.raises(SettingsError, match="has no 'domain'"):
        read_settings(path)


def test_the_command_hands_over(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[list[str]] = []
    monkeypatch.setattr(notices, "main", lambda arguments: given.append(arguments) or 7)
    assert command.main(["--settings", "there", "notices", "--today", "2027-01-01"]) == 7
    assert given == [["--settings", "there", "--today", "2027-01-01"]]
    with pytest.raises(SystemExit):
        command.main(["dance"])


@pytest.mark.parametrize(("error", "status"), [(SettingsError("what a file"), 2), (UnsentError("nobody listens"), 1)])
def test_what_goes_wrong_is_told_in_a_line(
    error: Exception, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_: list[str]) -> int:
        raise error

    monkeypatch.setattr(notices, "main", fail)
    assert command.main(["notices"]) == status
    assert capsys.readouterr().err == f"rt-office: {error}\n"


def test_the_package_runs_alone(settings: Settings, tmp_path: Path) -> None:
    """With nothing but the standard library beside it, as on the host; and two runs at once wait for each other."""
    argv = [sys.executable, "-B", "-P", "-S", "-m", "rt_office", "--settings", str(tmp_path / "settings.json")]
    environment = {**os.environ, "PYTHONPATH": str(FILES)}
    started = [
        subprocess.Popen([*argv, "notices", "--today", "2027-01-01"], env=environment, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    for process in started:
        assert process.communicate()[1] == b""
        assert process.returncode == 0
    assert "aurore_ssh_certificate_next_expiry_days 356" in (settings.metrics / "rt-notices.prom").read_text()
    missing = subprocess.run([*argv[:-1], "/nowhere", "notices"], check=False, env=environment, capture_output=True)
    assert (missing.returncode, missing.stderr.decode()) == (
        2,
        "rt-office: /nowhere cannot be read: No such file or directory.\n",
    )


# --- Metrics


def test_metrics_are_as_prometheus_wants_them(tmp_path: Path) -> None:
    metrics.write(
        tmp_path,
        "a",
        [
            Metric("one", 'With \\ and\n"quotes".', [({"person": 'a"b\\c\nd', "serial": "1"}, 3), ({}, -1.5)]),
            Metric.single("two_total", "Two.", 7, "counter"),
            Metric("none", "Nothing.", []),
        ],
    )
    assert (tmp_path / "a.prom").read_text() == (
        '# HELP one With \\\\ and\\n"quotes".\n'
        "# TYPE one gauge\n"
        'one{person="a\\"b\\\\c\\nd",serial="1"} 3\n'
        "one -1.5\n"
        "# HELP two_total Two.\n"
        "# TYPE two_total counter\n"
        "two_total 7\n"
    )
    assert (tmp_path / "a.prom").stat().st_mode & 0o777 == 0o644


def test_a_reader_of_metrics_never_finds_half_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    metrics.write(tmp_path, "a", [Metric.single("one", "One.", 1)])

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        metrics.write(tmp_path, "a", [Metric.single("one", "One.", 2)])
    assert "one 1\n" in (tmp_path / "a.prom").read_text()
    assert [path.name for path in tmp_path.glob("*.prom")] == ["a.prom"]


def test_a_mandate_has_two_ends() -> None:
    short = replace(LUCILLE, since=date(2026, 1, 15), until=date(2027, 2, 11))
    days = (date(2026, 1, 14), date(2026, 1, 15), date(2027, 2, 11), date(2027, 2, 12))
    assert [short.has_mandate(day) for day in days] == [False, True, True, False]


def test_settings_may_lack_what_only_tests_and_the_campaign_set(tmp_path: Path) -> None:
    settings_in(tmp_path)
    path = tmp_path / "settings.json"
    written = json.loads(path.read_text())
    del written["own_journal"]
    path.write_text(json.dumps(written))
    assert read_settings(path).own_journal
    assert read_settings(path).campaign == {}
