"""The daemon's turn: who stops listening, in which order it says so, and when a term ends."""

from __future__ import annotations

import itertools
import runpy
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from patroni_fence import __main__ as daemon
from patroni_fence import firewall, metrics, votes
from patroni_fence.etcd import EtcdError, EtcdUnavailableError

from .memory import LEADER, VOTES, etcds
from .world import MEMBERS, SILENCE, World

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

A = MEMBERS["a"]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """A cluster whose primary is a, and b and c its synchronous replicas; all fences have looked once."""
    made = World().install(monkeypatch)
    made.etcd.lead("a", "77", "b", "c")
    made.turns("abc")
    made.events.clear()
    return made


@pytest.fixture
def silent(world: World) -> World:
    """The same, and the primary has been silent for too long."""
    world.etcd.wait(SILENCE)
    return world


def vote(name: str) -> tuple[str, str]:
    return ("put", f"{VOTES}{name}")


def no_vote(name: str) -> tuple[str, str]:
    return ("delete", f"{VOTES}{name}")


CLOSE = ("close", A)
END = [("delete", LEADER), ("revoke", "77")]

# --- The order


def test_while_the_primary_is_alive_nothing_happens(world: World) -> None:
    for _ in range(30):
        world.etcd.wait(1)
        world.etcd.renew("77")
        assert world.turns("abc") == []


def test_a_replica_stops_listening_and_only_then_says_so(silent: World) -> None:
    assert silent.turns("b") == [CLOSE, vote("b")]
    assert silent.etcd.votes == {"b": "a/77"}
    assert silent.etcd.leader == "a"


def test_who_is_silent_not_long_enough_is_listened_to(world: World) -> None:
    world.etcd.wait(SILENCE - 1)
    assert world.turns("bc") == []


def test_the_last_one_ends_the_term(silent: World, caplog: pytest.LogCaptureFixture) -> None:
    assert silent.turns("bc") == [CLOSE, vote("b"), CLOSE, vote("c"), *END]
    assert silent.etcd.leader is None
    # Whom nobody hears of is not asked what it has.
    assert not any(key.endswith("members/a") for key in silent.etcd.entries)
    assert caplog.messages[-1] == "a was silent for 10 s, and nobody listens to it: its term ends"


def test_a_vote_is_given_anew_while_the_silence_lasts(silent: World) -> None:
    assert silent.turns("b") == [CLOSE, vote("b")]
    for _ in range(3):
        silent.etcd.wait(2)
        assert silent.turns("b") == [CLOSE, vote("b")]
    assert silent.etcd.votes == {"b": "a/77"}
    silent.etcd.wait(votes.LASTS)
    assert silent.etcd.votes == {}


def test_a_vote_is_taken_back_before_anyone_is_listened_to(silent: World, caplog: pytest.LogCaptureFixture) -> None:
    silent.turn("b")
    silent.etcd.renew("77")
    with caplog.at_level("INFO"):
        assert silent.turns("b") == [no_vote("b"), ("open", "b")]
    assert caplog.messages[-1] == "listening to a again"
    assert silent.turns("b") == []


def test_nobody_is_listened_to_until_there_is_a_primary_again(silent: World) -> None:
    silent.turns("bc")
    # Longer than a vote lasts.
    for _ in range(votes.LASTS + 5):
        silent.etcd.wait(1)
        assert silent.turns("bc") == []
        assert silent.drops("b") == silent.drops("c") == A
    # To the next one it listens; to the old one the kernel does, in its time.
    silent.etcd.lead("c", "88", "b")
    assert silent.turns("bc") == []
    assert silent.drops("b") == silent.drops("c") == A
    silent.etcd.renew("88")
    silent.etcd.wait(firewall.HOLD)
    assert silent.drops("b") is silent.drops("c") is None
    silent.etcd.lead("a", "99", "b", "c")
    assert silent.turns("b") == [no_vote("b"), ("open", "b")]


def test_another_primary_may_be_silent_next(silent: World) -> None:
    silent.turns("bc")
    silent.etcd.lead("c", "88", "b")
    silent.etcd.wait(SILENCE)
    assert silent.turns("b") == [
        ("close", MEMBERS["c"]),
        vote("b"),
        ("delete", LEADER),
        ("revoke", "88"),
    ]


def test_no_vote_outlives_what_it_says() -> None:
    assert 2 * daemon.EVERY < votes.LASTS < firewall.HOLD / 2


# --- Whose votes count


def test_without_all_synchronous_replicas_no_term_ends(silent: World) -> None:
    for _ in range(5):
        silent.turn("b")
    assert silent.etcd.leader == "a"


def test_one_that_need_not_have_everything_ends_no_term(world: World) -> None:
    world.etcd.follow("a", "b")
    world.etcd.wait(SILENCE)
    assert world.turns("c") == [CLOSE, vote("c")]
    assert world.turns("b") == [CLOSE, vote("b"), *END]


def test_without_synchronous_replicas_no_term_ends(world: World) -> None:
    world.etcd.follow("a")
    world.etcd.wait(SILENCE)
    world.turns("bcbc")
    assert world.etcd.leader == "a"


def test_nobody_votes_about_oneself(silent: World) -> None:
    assert silent.turns("a") == []


def test_votes_about_an_earlier_term_do_not_count(silent: World) -> None:
    silent.turn("b")
    silent.etcd.lead("a", "78", "b", "c")
    silent.etcd.leases["78"] = (20, silent.etcd.now - SILENCE)
    assert silent.turns("c") == [CLOSE, vote("c")]
    assert silent.etcd.leader == "a"


# --- When it must not


def test_a_primary_that_goes_on_past_etcd_is_listened_to(silent: World) -> None:
    silent.failsafe = {"b", "c"}
    assert silent.turns("bcbc") == []


def test_votes_of_before_end_nothing_once_the_primary_goes_on_past_etcd(silent: World) -> None:
    """Both have voted when the primary is heard of again."""
    silent.turn("b")
    silent.etcd.before_each = lambda: silent.failsafe.update("bc") if vote("c") in silent.events else None
    silent.etcd.follow("a", "b", "c", "d")
    silent.turn("c")
    silent.etcd.follow("a", "b", "c")
    assert silent.turns("bc") == []
    assert silent.etcd.leader == "a"


def test_who_cannot_ask_its_own_patroni_does_nothing(silent: World, caplog: pytest.LogCaptureFixture) -> None:
    silent.deaf = {"b"}
    with caplog.at_level("INFO"):
        assert silent.turns("b") == []
    assert caplog.messages == ["Patroni does not answer"]


def test_a_primary_that_is_no_member_is_left_alone(world: World) -> None:
    world.etcd.lead("standby-leader", "88", "b", "c")
    world.etcd.wait(SILENCE)
    assert world.turns("bcbc") == []


@pytest.mark.parametrize("calls", range(7))
def test_while_etcd_is_away_nothing_new_is_done(silent: World, calls: int) -> None:
    """Whichever call is the first that fails."""
    silent.turn("b")
    answered = iter(range(99))

    def fail() -> None:
        silent.etcd.is_away = next(answered) >= calls

    silent.etcd.before_each = fail
    with pytest.raises(EtcdUnavailableError):
        silent.turn("c")
    assert silent.etcd.leader == "a"
    assert "c" not in silent.etcd.votes or silent.drops("c") == A
    silent.etcd.before_each = lambda: None
    silent.etcd.is_away = False
    silent.turn("c")
    assert silent.etcd.leader is None


# --- What happens in between


def during(world: World, number: int, happens: Callable[[], Any]) -> None:
    """Let something happen before a call is answered, once."""
    calls = iter(range(999))

    def before() -> None:
        if next(calls) == number:
            happens()

    world.etcd.before_each = before


def test_a_vote_that_is_taken_back_in_time_keeps_the_term_from_ending(silent: World) -> None:
    """The primary is back, and b listens again, after c has seen both votes."""
    silent.turn("b")
    during(silent, 8, lambda: (silent.etcd.renew("77"), silent.turn("b")))
    assert silent.turns("c") == [CLOSE, vote("c"), no_vote("b"), ("open", "b")]
    assert silent.etcd.leader == "a"


def test_who_comes_too_late_to_take_it_back_goes_on_not_listening(silent: World) -> None:
    """The primary is back for a moment, and b has seen it; c ends its term before b has taken its vote back."""
    silent.turn("b")
    silent.etcd.renew("77")

    def end() -> None:
        silent.etcd.leases["77"] = (20, silent.etcd.now - SILENCE)
        silent.turn("c")

    during(silent, 3, end)
    assert silent.turns("b") == [CLOSE, vote("c"), *END]
    assert silent.drops("b") == A


def test_a_daemon_that_stands_still_says_nothing_that_is_no_longer_so(silent: World) -> None:
    """For a minute, after it has stopped listening: the kernel listens again."""
    during(silent, 4, lambda: silent.etcd.wait(firewall.HOLD))
    silent.etcd.leases["77"] = (300, silent.etcd.now - SILENCE)
    with pytest.raises(EtcdError, match="lease not found"):
        silent.turn("b")
    assert silent.drops("b") is None
    assert silent.etcd.votes == {}


def test_a_daemon_that_begins_anew_undoes_nothing_before_its_vote_is_gone(silent: World) -> None:
    silent.turn("b")
    silent.start("b")
    assert silent.drops("b") == A
    # Its vote still counts, and rightly.
    assert silent.turns("c") == [CLOSE, vote("c"), *END]
    silent.etcd.lead("c", "88", "b")
    assert silent.turns("b") == []
    assert silent.drops("b") == A


# --- etcd's own leader


def test_the_primary_keeps_etcds_leader_away_but_not_at_each_look(world: World) -> None:
    world.etcd.members = [*etcds(*MEMBERS.values())]
    moved = 0
    for _ in range(2 * daemon.STEER_EVERY):
        world.etcd.renew("77")
        # It comes back each time.
        world.etcd.members.sort(key=lambda one: one["ID"])
        moved += [kind for kind, _ in world.turns("abc")].count("transfer")
    assert moved == 2


def test_when_its_own_etcd_does_not_answer_it_does_not_ask_at_each_look(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def away(_: Any) -> Any:
        asked.append(1)
        raise EtcdUnavailableError("no member of etcd answers")

    monkeypatch.setattr(world.etcd, "_maintenance_status", away)
    failures = 0
    for _ in range(daemon.STEER_EVERY):
        try:
            world.turn("a")
        except EtcdError:
            failures += 1
    assert failures == len(asked) == 1


# --- The program


class KilledError(BaseException):
    """What ends a daemon."""


def test_it_looks_every_second_and_tells_once_that_etcd_is_away(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    states = iter([False, True, True, False, False])
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        is_away = next(states, None)
        if is_away is None:
            raise KilledError
        world.etcd.is_away = is_away

    monkeypatch.setattr(sys, "argv", ["patroni_fence", str(tmp_path / "settings.json")])
    monkeypatch.setattr(daemon.settings, "read", lambda _: world.fences["b"].settings)
    monkeypatch.setattr(firewall, "open_all", lambda: None)
    monkeypatch.setattr(daemon.time, "sleep", sleep)
    with caplog.at_level("INFO"), pytest.raises(KilledError):
        daemon.main()
    assert len(slept) == 6
    assert all(0.9 < seconds <= daemon.EVERY for seconds in slept)
    assert caplog.messages == ["no member of etcd answers", "etcd answers again"]


def test_the_monitoring_learns_of_looks_and_not_while_etcd_is_away(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a clock that is played tells it."""
    pulse, seen, clock = metrics.Pulse(), [], itertools.count(1)

    def sleep(_: float) -> None:
        now = next(clock)
        seen.append(pulse.looked)
        world.etcd.is_away = 2 <= now < 4
        if now == 6:
            raise KilledError

    monkeypatch.setattr(daemon.time, "sleep", sleep)
    monkeypatch.setattr(daemon.time, "time", lambda: 100 + len(seen))
    with pytest.raises(KilledError):
        daemon.guard(world.fences["b"], pulse)
    assert seen == [100, 101, 101, 101, 104, 105]


def test_what_the_monitoring_learns_is_in_the_file_of_the_settings(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    given = replace(world.fences["b"].settings, metrics=str(tmp_path / "patroni-fence.prom"))
    told: list[Path] = []

    def telling(path: Path) -> Any:
        told.append(path)
        raise KilledError

    monkeypatch.setattr(sys, "argv", ["patroni_fence", str(tmp_path / "settings.json")])
    monkeypatch.setattr(daemon.settings, "read", lambda _: given)
    monkeypatch.setattr(metrics, "telling", telling)
    with pytest.raises(KilledError):
        daemon.main()
    assert told == [tmp_path / "patroni-fence.prom"]


def test_it_does_not_run_without_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "argv", ["patroni_fence", str(tmp_path / "settings.json")])
    monkeypatch.delitem(sys.modules, "patroni_fence.__main__")
    with pytest.raises(FileNotFoundError, match=r"settings\.json"):
        runpy.run_module("patroni_fence", run_name="__main__")
