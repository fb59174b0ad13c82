"""Whatever happens whenever, also between two calls: what a vote says is so, and no term ends that goes on.

Members begin anew, time passes, the primary comes back, its replicas change, another one reigns: in any order, at any
moment.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from patroni_fence.etcd import EtcdError

from .memory import LEADER
from .world import MEMBERS, SILENCE, World

CUT = 10
"""Seconds without a word after which PostgreSQL gives a connection up: wal_receiver_timeout, of the role patroni."""
LOOKS = ["look b", "look c"]
STEPS = [
    *LOOKS,
    "begin b",
    "begin c",
    "renew",
    "wait 1",
    f"wait {SILENCE}",
    "failsafe b",
    "follow b",
    "follow bc",
    "lead",
    "lead c",
]
# Where it becomes interesting: the primary is silent, and one of two has said so.
BEFORE = ["lead", *LOOKS, f"wait {SILENCE}", "look b"]


@dataclass
class Play:
    """What happens, step by step, and what must be so at each moment.

    Attributes:
        meanwhile: The steps in between the calls to etcd; an empty one is nothing.
        synchronous: The replicas of which one has flushed whatever was acknowledged.
        leader: Who led last.
        bound: Those that must not listen to a leader whose term was ended, to whom, and until when in no case: that one
            may hold something back for them. Later the kernel may open, and they still do not, until it leads again.
        terms: How many there were.
        checked: How many events were looked at.
    """

    world: World
    meanwhile: deque[str]
    synchronous: str = "bc"
    leader: str = "a"
    bound: dict[str, tuple[str, float]] = field(default_factory=dict)
    terms: int = 0
    checked: int = 0

    def act(self, steps: list[str]) -> None:
        """Let all of it happen."""
        for step in BEFORE:
            self.step(step)
        self.world.etcd.before_each = self.interrupt
        for step in steps:
            self.step(step)

    def interrupt(self) -> None:
        """Let the next step happen in between."""
        self.check()
        if self.meanwhile:
            self.step(self.meanwhile.popleft())

    def step(self, step: str) -> None:
        """Let one thing happen."""
        if step:
            what, _, word = step.partition(" ")
            getattr(self, what)(word)
            self.check()

    def check(self) -> None:
        """What must be so at each moment."""
        etcd = self.world.etcd
        for name, term in etcd.votes.items():
            assert self.world.drops(name) == MEMBERS[term[0]], f"{name} says that it does not listen, and does"
        for kind, what in self.world.events[self.checked :]:
            if (kind, what) == ("delete", LEADER):
                self.bound |= dict.fromkeys(self.synchronous, (MEMBERS[self.leader], etcd.now + CUT))
            assert kind != "open" or what not in self.bound, f"{what} listens to one whose term was ended"
        self.checked = len(self.world.events)
        for name, (address, until) in self.bound.items():
            assert etcd.now >= until or self.world.drops(name) == address, f"{name} listens to one whose term was ended"
        # Who no longer listens to another one by now is bound no more.
        self.bound = {
            name: (address, until)
            for name, (address, until) in self.bound.items()
            if self.world.drops(name) in {None, address}
        }

    # --- The steps

    def look(self, name: str) -> None:
        if name not in self.world.turning:
            try:
                self.world.turn(name)
            except EtcdError as problem:
                assert "lease not found" in str(problem)  # noqa: PT017 (what it says is part of it)

    def begin(self, name: str) -> None:
        if name not in self.world.turning:
            self.world.start(name)

    def wait(self, seconds: str) -> None:
        self.world.etcd.wait(int(seconds))

    def failsafe(self, name: str) -> None:
        self.world.failsafe ^= {name}

    def renew(self, _: str) -> None:
        self.world.etcd.renew(str(self.terms))

    def follow(self, names: str) -> None:
        if self.world.etcd.leader:
            self.renew("")
            self.synchronous = names.replace(self.leader, "")
            self.world.etcd.follow(self.leader, *self.synchronous)

    def lead(self, name: str) -> None:
        if not self.world.etcd.leader:
            self.leader = name or "a"
            self.synchronous = "bc".replace(self.leader, "")
            self.bound = {who: (what, when) for who, (what, when) in self.bound.items() if what != MEMBERS[self.leader]}
            self.terms += 1
            self.world.etcd.lead(self.leader, str(self.terms), *self.synchronous)


@settings(max_examples=600)
@given(
    steps=st.lists(st.sampled_from([*LOOKS, *STEPS]), max_size=15),
    meanwhile=st.lists(st.sampled_from(["", "", *LOOKS, *STEPS]), max_size=40),
)
@example(steps=["look c", "lead c", "look b"], meanwhile=[])
@example(steps=["look c", "lead", "look b"], meanwhile=[])
def test_whatever_happens_whenever(steps: list[str], meanwhile: list[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        Play(World().install(patch), deque(meanwhile)).act(steps)
