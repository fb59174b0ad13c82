"""Whatever is killed when, and in whichever order mails come: nobody gets a mail twice, and no answer is lost."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rt_office import answers, state, tokens

from .office import KEY, Fuse, KilledError, World, killing_writes

if TYPE_CHECKING:
    from rt_office.mailbox import Mail

STORY = (
    (2, 9, ("open",)),
    (4, 9, ("run",)),
    (9, 9, ("run",)),
    (12, 9, ("status",)),
    (14, 9, ("run",)),
    (17, 0, ("close",)),
    (19, 9, ("status",)),
)


def tell(world: World, *, patience: int = 0) -> None:
    """Live through a campaign; each command that is killed is run again, so many times."""
    fill(world)
    for day, hour, words in STORY:
        world.at(day, hour)
        for _ in range(patience + 1):
            try:
                world.run(*words)
                break
            except KilledError:
                continue


def fill(world: World) -> None:
    """Put all answers into the mailbox; those from days to come are not there yet for the program."""
    for day, nick, text in ((3, "ann", "oui"), (11, "bob", "non"), (12, "bob", "Oui, finalement"), (18, "cid", "oui")):
        world.reply(nick, text, at=datetime(2027, 1, day, 12, tzinfo=UTC))
    everything = world.mailbox

    class UntilNow(list["Mail"]):
        def __iter__(self):  # type: ignore[no-untyped-def]
            return (mail for mail in everything if mail.at <= world.now)

    world.mailbox = UntilNow()


def outcome_of(world: World) -> tuple[Counter[str], object, dict[str, state.Received]]:
    """Return what was sent, what came of it, and what is known of mails."""
    sent = Counter(str(one["Message-ID"]) for one in world.server.taken)
    return sent, world.campaign().outcome, dict(world.campaign().received)


def undisturbed(directory: Path) -> World:
    """Return a world after a campaign during which nothing was killed."""
    world = World(directory)
    tell(world)
    return world


def test_wherever_it_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fuse = Fuse()
    killing_writes(monkeypatch, lambda: fuse)
    plain = World(tmp_path / "plain")
    plain.server.fuse = fuse
    plain.directory.mkdir()
    tell(plain)
    wanted = outcome_of(plain)
    # Three questions, a reminder to bob and cid, the last one to cid.
    assert (len(wanted[0]), {*wanted[0].values()}) == (6, {1})
    assert len(wanted[2]) == 4
    steps = fuse.steps
    assert steps > 60
    for at in range(1, steps + 1):
        fuse = Fuse(at)
        world = World(tmp_path / str(at))
        world.directory.mkdir()
        world.server.fuse = fuse
        tell(world, patience=1)
        assert fuse.steps > at, "it was killed, and went on"
        assert outcome_of(world) == wanted, f"killed at step {at}"


def test_the_timer_goes_on_where_an_opening_was_killed(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.server.fuse = Fuse(4)
    with pytest.raises(KilledError):
        world.run("open")
    assert 0 < len(world.server.taken) < 3
    world.server.fuse = Fuse()
    world.run("run")
    assert sorted(Counter(str(one["To"]) for one in world.server.taken).values()) == [1, 1, 1]


# --- The order of things

NICKS = ("ann", "bob")
OWN = {nick: tokens.token(KEY, 2027, nick) for nick in NICKS}
START = datetime(2027, 1, 2, tzinfo=state.PARIS)
CAMPAIGN = state.Campaign(
    2027,
    START.date(),
    START.date() + timedelta(weeks=2),
    tuple(state.Asked(nick, nick, f"{nick}@example.org") for nick in NICKS),
    "",
)
MAILS = st.lists(
    st.tuples(
        st.integers(0, 16 * 24).map(lambda hours: START + timedelta(hours=hours)),
        st.sampled_from([*OWN.values(), "a" * 32, ""]),
        st.sampled_from(["oui", "non", "peut-être", "Oui, je garde", ""]),
        st.sampled_from(["", "Auto-Submitted: auto-replied\r\n"]),
    ),
    max_size=8,
)


def received(mails: list[tuple[datetime, str, str, str]]) -> list[tuple[str, state.Received]]:
    """Return mails as the campaign has them."""
    found = []
    for at, token, text, header in mails:
        raw = f"{header}To: technique+{token}@example.org\r\n\r\n{text}\r\n".encode()
        found.append((state.digest(at, raw), state.classify(answers.read(raw), at, CAMPAIGN.asked, OWN)))
    return found


@given(MAILS, st.randoms(use_true_random=False), st.integers(0, 8))
def test_neither_order_nor_repetition_matters(
    mails: list[tuple[datetime, str, str, str]], chance: object, cut: int
) -> None:
    found = received(mails)
    at_once = state.with_received(CAMPAIGN, MappingProxyType(dict(found)), START)
    shuffled = [*found]
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    by_parts = CAMPAIGN
    for part in (shuffled[:cut], shuffled[cut:], shuffled, found[:cut]):
        by_parts = state.with_received(by_parts, MappingProxyType(dict(part)), START)
    assert by_parts == at_once
    assert state.outcome(by_parts) == state.outcome(at_once)
    assert state.standings(by_parts) == state.standings(at_once)


@given(MAILS)
def test_what_counts_is_the_last_clear_answer_in_time(mails: list[tuple[datetime, str, str, str]]) -> None:
    campaign = state.with_received(CAMPAIGN, MappingProxyType(dict(received(mails))), START)
    for nick, token in OWN.items():
        said = sorted(
            (at, {"o": "yes", "n": "no"}[text[0].lower()])
            for at, own, text, header in mails
            if own == token and not header and text and text[0] in "oOn" and at < campaign.end
        )
        last = {verdict for at, verdict in said if at == said[-1][0]}
        assert state.standing(campaign, nick).answer == (last.pop() if len(last) == 1 else None)
    outcome = state.outcome(campaign)
    assert sorted([*outcome["stays"], *(one["nick"] for one in outcome["leaves"])]) == [*NICKS]


@given(MAILS)
def test_what_is_on_the_disk_is_the_same(mails: list[tuple[datetime, str, str, str]]) -> None:
    campaign = state.with_received(CAMPAIGN, MappingProxyType(dict(received(mails))), START)
    assert state.load(state.dump(campaign)) == campaign
    with TemporaryDirectory() as directory:
        world = World(Path(directory))
        world.office.store.write(campaign)
        assert world.office.store.read(2027) == campaign
