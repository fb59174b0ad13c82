"""Units: what they lack, and what changed files ask of them, also after an interruption."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from ansible_collections.aurore.infra.plugins.module_utils.steady_state import agent

from tests.unit.played_host import FAILED, IDLE, JOB, JOB_DONE, NOT_FOUND, RUNS, KilledError

if TYPE_CHECKING:
    from tests.unit.played_host import Host

A, B = "a.service", "b.service"
WAITS = RUNS | {"ActiveState": "activating", "SubState": "auto-restart", "Result": "exit-code"}
SKIPPED = {"ConditionResult": "no", "ConditionTimestampMonotonic": "8"}


@pytest.fixture(autouse=True)
def _units(host: Host) -> None:
    host.units = {A: dict(RUNS), B: dict(RUNS)}


def conf(host: Host, content: str = "new", **more: Any) -> dict[str, Any]:
    return {"path": host.path("a.conf"), "content": content, **more}


def test_units_that_are_as_they_must_be(host: Host) -> None:
    units = [{"name": A, "enabled": True, "state": "started", "masked": False}, {"name": B}]
    assert host.do(units=units) == []
    assert host.calls == []
    assert len([look for look in host.looks if look.startswith("systemctl show")]) == 1


@pytest.mark.parametrize(
    ("present", "wanted", "verbs"),
    [
        (IDLE, {"enabled": True}, ["enable"]),
        (IDLE, {"state": "started"}, ["start"]),
        (IDLE, {"enabled": True, "state": "started"}, ["enable", "start"]),
        (RUNS, {"enabled": False, "state": "stopped"}, ["disable", "stop"]),
        (RUNS, {"masked": True, "state": "stopped"}, ["stop", "mask"]),
        (IDLE | {"UnitFileState": "masked"}, {"masked": True}, []),
        (IDLE | {"UnitFileState": "masked"}, {"masked": False, "enabled": True}, ["unmask", "enable"]),
        (IDLE | {"UnitFileState": "static"}, {"enabled": True}, []),
        (IDLE | {"UnitFileState": "enabled-runtime"}, {"enabled": False}, ["disable"]),
        (RUNS | {"ActiveState": "activating"}, {"state": "started"}, []),
        (FAILED, {"state": "started"}, ["start"]),
        (FAILED, {"state": "stopped"}, []),
        (JOB, {"state": "started"}, ["start"]),
        (JOB | {"ActiveState": "activating", "SubState": "start"}, {"state": "started"}, []),
        (JOB_DONE, {"state": "started"}, []),
        (JOB_DONE | {"ActiveState": "failed", "Result": "exit-code"}, {"state": "started"}, ["start"]),
        # Somebody stopped it, or reset it while it waited for a next try.
        (JOB_DONE | {"RemainAfterExit": "yes"}, {"state": "started"}, ["start"]),
        (JOB_DONE | {"Result": "timeout"}, {"state": "started"}, ["start"]),
    ],
)
def test_what_a_unit_lacks(host: Host, present: dict[str, str], wanted: dict[str, Any], verbs: list[str]) -> None:
    host.units[A] = dict(present)
    assert host.do(check=True, units=[{"name": A, **wanted}]) == [f"units {A}: {verb}" for verb in verbs]
    assert host.calls == []
    assert host.do(units=[{"name": A, **wanted}]) == [f"units {A}: {verb}" for verb in verbs]
    assert host.calls == [f"systemctl --quiet {verb} -- {A}" for verb in verbs]
    assert host.do(units=[{"name": A, **wanted}]) == []


def test_what_must_stop_stops_before_anything_starts(host: Host) -> None:
    host.units[A] = dict(IDLE)
    host.do(units=[{"name": A, "state": "started"}, {"name": B, "state": "stopped"}])
    assert host.calls == [f"systemctl --quiet stop -- {B}", f"systemctl --quiet start -- {A}"]


@pytest.mark.parametrize("check", [True, False])
def test_a_unit_that_is_not_there_is_told_before_anything_changes(host: Host, check: bool) -> None:
    item = conf(host, restarts=["lost.service"])
    problem = host.refuse(check=check, files=[item], units=[{"name": "typo.service", "state": "started"}])
    assert problem.splitlines() == [
        f"units: {name}.service: systemd knows no such unit; install its package or correct the name"
        for name in ("typo", "lost")
    ]
    assert not (host.root / "a.conf").exists()


def test_it_may_come_with_a_package(host: Host) -> None:
    units = [{"name": "new.service", "enabled": True, "state": "started"}]
    changes = [
        "packages new: installed",
        "files a.conf: created",
        "units new.service: enable",
        "units new.service: start",
    ]
    item = conf(host, restarts=["new.service"], reloads=["other.service"])
    assert host.do(check=True, packages=["new"], files=[item], units=units) == changes


def test_a_unit_that_is_not_there_can_be_masked(host: Host) -> None:
    assert host.do(check=True, units=[{"name": "gone.service", "masked": True}]) == ["units gone.service: mask"]


@pytest.mark.parametrize(("file", "unit"), [("x.service", "x.service"), ("x@.service", "x@1.service")])
def test_it_may_come_with_a_file(host: Host, file: str, unit: str) -> None:
    wanted = {
        "files": [{"path": host.path(f"systemd/{file}"), "content": "[Service]", "restarts": [unit]}],
        "units": [{"name": unit, "enabled": True, "state": "started"}],
    }
    changes = [f"files systemd/{file}: created"]
    changes += [f"units {name}" for name in ("systemd: daemon-reload", f"{unit}: enable", f"{unit}: start")]
    assert host.do(check=True, **wanted) == changes
    host.units[unit] = dict(NOT_FOUND)
    assert host.do(**wanted) == changes
    assert host.calls == [
        "systemctl daemon-reload",
        *(f"systemctl --quiet {verb} -- {unit}" for verb in ("enable", "start")),
    ]
    host.units[unit] |= {"LoadState": "loaded"}
    assert host.do(**wanted) == []


@pytest.mark.parametrize(
    ("content", "verbs"), [("[Service]\n[Install]\n", ["enable"]), ("[Service]\n#[Install]\n", [])]
)
def test_a_unit_is_enabled_whose_new_file_says_how(host: Host, content: str, verbs: list[str]) -> None:
    host.units[A] = RUNS | {"UnitFileState": "static"}
    file = {"path": host.path(f"systemd/{A}"), "content": content}
    changes = [f"files systemd/{A}: created", "units systemd: daemon-reload", *(f"units {A}: {verb}" for verb in verbs)]
    assert host.do(check=True, files=[file], units=[{"name": A, "enabled": True}]) == changes
    assert host.do(files=[file], units=[{"name": A, "enabled": True}]) == changes
    assert host.do(files=[file], units=[{"name": A, "enabled": True}]) == []


@pytest.mark.parametrize("option", ["files", "links", "absent"])
def test_systemd_reads_its_files_again(host: Host, option: str) -> None:
    path = host.path("systemd/x.service")
    if option == "absent":
        (host.root / "systemd/x.service").write_text("")
    item = {"path": path} | {"files": {"content": ""}, "links": {"target": "/dev/null"}, "absent": {}}[option]
    assert host.do(check=True, **{option: [item]})[-1] == "units systemd: daemon-reload"
    assert host.do(**{option: [item]})[-1] == "units systemd: daemon-reload"
    assert host.calls == ["systemctl daemon-reload"]
    assert host.do(**{option: [item]}) == []


def test_systemd_reads_them_again_also_if_it_says_that_it_must(host: Host) -> None:
    host.units[A]["NeedDaemonReload"] = "yes"
    assert host.do(check=True, units=[{"name": A}]) == ["units systemd: daemon-reload"]
    assert host.do(units=[{"name": A}]) == ["units systemd: daemon-reload"]
    assert host.do(units=[{"name": A}]) == []


# --- Jobs, which do their work and end


def test_a_job_runs_once(host: Host) -> None:
    host.units[A], host.after_start = dict(JOB), dict(JOB_DONE)
    wanted = {"units": [{"name": A, "state": "started"}]}
    assert host.do(check=True, **wanted) == [f"units {A}: start"]
    assert host.do(**wanted) == [f"units {A}: start"]
    assert host.do(**wanted) == []


@pytest.mark.parametrize("option", ["restarts", "reloads"])
def test_a_job_that_has_run_runs_again_when_it_is_due(host: Host, option: str) -> None:
    host.units[A], host.after_start = dict(JOB_DONE), dict(JOB_DONE)
    wanted = {"files": [conf(host, **{option: [A]})], "units": [{"name": A, "state": "started"}]}
    changes = ["files a.conf: created", f"units {A}: {option[:-1]}"]
    assert host.do(check=True, **wanted) == changes
    assert host.do(**wanted) == changes
    assert list(host.pending.iterdir()) == []
    assert host.do(**wanted) == []


def test_a_job_that_nobody_started_is_not_started_by_a_file(host: Host) -> None:
    host.units[A] = dict(JOB)
    assert host.do(files=[conf(host, restarts=[A])]) == ["files a.conf: created"]


def test_a_job_that_systemd_forgot_at_once_has_run_all_the_same(host: Host) -> None:
    host.units[A] = host.after_start = dict(JOB)
    assert host.do(units=[{"name": A, "state": "started"}]) == [f"units {A}: start"]


@pytest.mark.parametrize(
    ("after", "why"),
    [
        (JOB | SKIPPED, "its conditions do not hold on this host"),
        (JOB_DONE | SKIPPED, "its conditions do not hold on this host"),
        (JOB_DONE | {"ActiveState": "failed", "Result": "exit-code"}, "it ended at once"),
        (JOB_DONE | {"RemainAfterExit": "yes"}, "it ended at once"),
    ],
)
def test_a_job_that_was_not_done_is_told(host: Host, after: dict[str, str], why: str) -> None:
    host.units[A], host.after_start = dict(JOB_DONE), dict(after)
    problem = f"units: {A}: not running after its start: {why}\nthe journal of {A}"
    assert host.refuse(files=[conf(host, restarts=[A])]) == problem
    assert (host.pending / A).exists()


# --- Restarts


@pytest.mark.parametrize(
    ("option", "verb", "command"), [("restarts",) + ("restart",) * 2, ("reloads", "reload", "reload-or-restart")]
)
def test_units_notice_changed_files(host: Host, option: str, verb: str, command: str) -> None:
    wanted = {"files": [conf(host, **{option: [A]}), {"path": host.path("b.conf"), "content": "", option: [A, B]}]}
    changes = ["files a.conf: created", "files b.conf: created", f"units {A}: {verb}", f"units {B}: {verb}"]
    assert host.do(check=True, **wanted) == changes
    assert not host.pending.exists()
    assert host.do(**wanted) == changes
    assert host.calls == [f"systemctl --quiet {command} -- {unit}" for unit in (A, B)]
    assert list(host.pending.iterdir()) == []
    assert host.do(**wanted) == []


def test_only_units_whose_files_changed_notice(host: Host) -> None:
    wanted = [conf(host, restarts=[A]), {"path": host.path("b.conf"), "content": "", "restarts": [B]}]
    host.do(files=wanted)
    (host.root / "b.conf").chmod(0o600)
    assert host.do(files=wanted) == ["files b.conf: mode changed", f"units {B}: restart"]


def test_a_restart_outweighs_a_reload(host: Host) -> None:
    files = [conf(host, restarts=[A]), {"path": host.path("b.conf"), "content": "", "reloads": [A]}]
    assert host.do(files=files)[-1] == f"units {A}: restart"
    host.do(files=[conf(host, "newer", restarts=[A], reloads=[A])])
    assert host.calls == [f"systemctl --quiet restart -- {A}"]


def test_links_directories_and_what_goes_concern_units_too(host: Host) -> None:
    (host.root / "x").write_text("")
    (host.root / "d").mkdir()
    (host.root / "d/foreign").write_text("")
    wanted = {
        "absent": [{"path": host.path("x"), "reloads": [A]}],
        "directories": [{"path": host.path("d"), "exclusive": True, "restarts": [B]}],
    }
    assert host.do(**wanted)[-2:] == [f"units {B}: restart", f"units {A}: reload"]
    assert host.do(**wanted) == []
    assert host.do(links=[{"path": host.path("l"), "target": "x", "reloads": [A]}])[-1] == f"units {A}: reload"


@pytest.mark.parametrize("state", [{}, {"state": "started"}])
def test_a_unit_that_is_started_is_not_restarted(host: Host, state: dict[str, str]) -> None:
    host.units[A] = dict(IDLE)
    host.do(files=[conf(host, restarts=[A])], units=[{"name": A, **state}])
    assert host.calls == ([f"systemctl --quiet start -- {A}"] if state else [])
    assert list(host.pending.iterdir()) == []


@pytest.mark.parametrize("wanted", [{"state": "stopped"}, {"masked": True}])
def test_nor_is_one_that_must_not_run(host: Host, wanted: dict[str, Any]) -> None:
    host.units[A] = dict(FAILED)
    changes = host.do(files=[conf(host, restarts=[A])], units=[{"name": A, **wanted}])
    assert f"units {A}: restart" not in changes


@pytest.mark.parametrize("state", [FAILED, WAITS])
def test_one_that_failed_is_restarted(host: Host, state: dict[str, str]) -> None:
    host.units[A] = dict(state)
    assert host.do(files=[conf(host, restarts=[A])])[-1] == f"units {A}: restart"


# --- Interruptions


@pytest.mark.parametrize("verb", ["restart", "reload"])
def test_a_run_killed_before_the_restart_is_made_good(host: Host, verb: str) -> None:
    wanted = {"files": [conf(host, **{f"{verb}s": [A]})]}
    host.answers["systemctl --quiet"] = KilledError()
    with pytest.raises(KilledError):
        host.ask(**wanted)
    assert (host.root / "a.conf").read_text() == "new"
    assert (host.pending / A).read_text() == verb
    host.answers.clear()
    assert host.do(check=True, **wanted) == [f"units {A}: {verb}"]
    assert host.do(**wanted) == [f"units {A}: {verb}"]
    assert host.do(**wanted) == []


def test_a_run_killed_between_two_files_is_made_good(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = {"files": [conf(host, restarts=[A]), {"path": host.path("b.conf"), "content": "", "reloads": [A]}]}
    replace = agent.Path.replace
    with monkeypatch.context() as patch:

        def once(path: Any, target: Any) -> Any:
            if target.name == "b.conf":
                raise KilledError
            return replace(path, target)

        patch.setattr(agent.Path, "replace", once)
        with pytest.raises(KilledError):
            host.ask(**wanted)
    # Only the reload is left to do because of the second file, but the restart is owed.
    assert host.do(**wanted) == ["files b.conf: created", f"units {A}: restart"]


def test_what_is_owed_is_not_lessened_by_a_later_change(host: Host) -> None:
    host.pending.mkdir(parents=True)
    (host.pending / A).write_text("restart")
    host.answers["systemctl --quiet"] = KilledError()
    with pytest.raises(KilledError):
        host.ask(files=[conf(host, reloads=[A])])
    assert (host.pending / A).read_text() == "restart"


def test_a_note_cut_short_means_a_restart(host: Host) -> None:
    host.pending.mkdir(parents=True)
    (host.pending / A).write_text("")
    (host.root / "a.conf").write_text("new")
    assert host.do(files=[conf(host, reloads=[A])]) == [f"units {A}: restart"]


def test_what_is_owed_to_others_stays(host: Host) -> None:
    host.pending.mkdir(parents=True)
    (host.pending / B).write_text("restart")
    host.do(files=[conf(host, reloads=[A])])
    assert [note.name for note in host.pending.iterdir()] == [B]


def test_a_note_of_a_unit_that_does_not_run_is_settled(host: Host) -> None:
    host.pending.mkdir(parents=True)
    (host.pending / A).write_text("restart")
    host.units[A] = dict(IDLE)
    (host.root / "a.conf").write_text("new")
    assert host.do(check=True, files=[conf(host, restarts=[A])]) == []
    assert (host.pending / A).exists()
    assert host.do(files=[conf(host, restarts=[A])]) == []
    assert not (host.pending / A).exists()


# --- Failures


def test_a_restart_that_fails_is_told_and_tried_again(host: Host) -> None:
    wanted = {"files": [conf(host, restarts=[A, B])]}
    host.fails(f"systemctl --quiet restart -- {A}", "Job for a.service failed")
    answer = host.ask(**wanted)
    assert answer["problem"] == (
        f"units: {A}: `systemctl --quiet restart -- {A}` ended with 1: Job for a.service failed\nthe journal of {A}"
    )
    # The other unit is not made to wait.
    assert [change["name"] for change in answer["changes"]] == [host.path("a.conf"), B]
    assert [note.name for note in host.pending.iterdir()] == [A]
    host.answers.clear()
    host.units[A] = dict(FAILED)
    assert host.do(**wanted) == [f"units {A}: restart"]


@pytest.mark.parametrize(
    ("after", "why"),
    [
        (FAILED, "it ended at once"),
        (WAITS, "it ended at once"),
        (IDLE, "it ended at once"),  # well, and nothing refers to it
        (IDLE | SKIPPED, "its conditions do not hold on this host"),
    ],
)
def test_a_unit_that_does_not_stay_up(host: Host, after: dict[str, str], why: str) -> None:
    host.units[A] = dict(IDLE)
    host.after_start = dict(after)
    problem = f"units: {A}: not running after its start: {why}\nthe journal of {A}"
    assert host.refuse(units=[{"name": A, "state": "started"}]) == problem
    host.units[A] = dict(RUNS)
    assert host.refuse(files=[conf(host, restarts=[A])]) == problem
    assert (host.pending / A).exists()


def test_one_that_counts_as_started_at_once_is_given_time_to_fail(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    host.units[A] = dict(IDLE)
    monkeypatch.setattr(agent.time, "sleep", lambda _: host.units.update({A: dict(FAILED)}))
    assert "it ended at once" in host.refuse(units=[{"name": A, "state": "started"}])


@pytest.mark.parametrize("option", ["restarts", "reloads"])
def test_one_that_may_wait_for_its_next_try(host: Host, option: str) -> None:
    host.units[A], host.after_start = dict(IDLE), dict(WAITS)
    units = [{"name": A, "state": "started", "may_wait": True}]
    assert host.do(units=units) == [f"units {A}: start"]
    assert host.do(units=units) == []
    assert host.do(files=[conf(host, **{option: [A]})], units=units)[-1] == f"units {A}: {option[:-1]}"
    assert list(host.pending.iterdir()) == []


def test_one_that_may_wait_and_must_say_when_it_is_ready(host: Host) -> None:
    """Then already its start fails."""
    host.units[A] = dict(WAITS)
    host.fails(f"systemctl --quiet restart -- {A}", "Job for a.service failed")
    wanted = {"files": [conf(host, restarts=[A])]}
    assert "Job for a.service failed" in host.refuse(**wanted)
    assert host.do(**wanted, units=[{"name": A, "may_wait": True}]) == [f"units {A}: restart"]


def test_one_that_may_wait_may_not_fail(host: Host) -> None:
    host.units[A], host.after_start = dict(IDLE), dict(FAILED)
    assert "it ended at once" in host.refuse(units=[{"name": A, "state": "started", "may_wait": True}])


def test_a_note_that_cannot_be_read_or_made_names_the_unit(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    (host.pending / A).mkdir(parents=True)
    assert host.refuse(files=[conf(host, restarts=[A])]) == f"units: {A}: Is a directory"
    (host.pending / A).rmdir()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(agent.os, "fsync", full)
    assert host.refuse(files=[conf(host, restarts=[A])]) == f"units: {A}: No space left on device"
    assert not (host.root / "a.conf").exists()


def test_a_journal_that_cannot_be_read_hides_no_error(host: Host) -> None:
    host.fails("systemctl --quiet")
    host.fails("journalctl", "no journal")
    assert "no journal" in host.refuse(units=[{"name": A, "state": "stopped"}])


def test_systemd_that_does_not_answer(host: Host) -> None:
    host.answers["systemctl show"] = agent.Problem("systemctl cannot be run on this host: No such file or directory")
    problem = host.refuse(units=[{"name": A}, {"name": B}])
    assert problem == f"units: {A}, {B}: systemctl cannot be run on this host: No such file or directory"
    # Where no unit matters it is not asked.
    assert host.do(files=[conf(host)]) == ["files a.conf: created"]


def test_a_reload_of_systemd_that_fails(host: Host) -> None:
    host.units[A]["NeedDaemonReload"] = "yes"
    host.fails("systemctl daemon-reload", "Refusing to reload")
    assert host.refuse(units=[{"name": A}]).startswith("units: systemd: `systemctl daemon-reload`")
