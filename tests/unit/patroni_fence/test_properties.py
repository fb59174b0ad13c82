"""Whatever happens whenever, also between two calls: what a vote says is so, and no term ends that goes on.

Members begin anew, time passes, the primary comes back, its replicas change: in any order, at any moment.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from patroni_fence.etcd import EtcdError

from .memory import LEADER
from .world import MEMBERS, SILENCE, World

A = MEMBERS["a"]
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
]
# Where it becomes interesting: the primary is silent, and one of two has said so.
BEFORE = ["lead", *LOOKS, f"wait {SILENCE}", "look b"]


@dataclass
class Play:
    """What happens, step by step, and what must be so at each moment.

    Attributes:
        meanwhile: The steps in between the calls to etcd; an empty one is nothing.
        synchronous: The replicas of which one has flushed whatever was acknowledged.
        bound: Those that must not listen to a again, whose term was ended, until it leads again.
        terms: How often it led.
        checked: How many events were looked at.
    """

    world: World
    meanwhile: deque[str]
    synchronous: str = "bc"
    bound: set[str] = field(default_factory=set)
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
            assert term.startswith("a/")
            assert self.world.drops(name) == A, f"{name} says that it does not listen, and does"
        for kind, what in self.world.events[self.checked :]:
            if (kind, what) == ("delete", LEADER):
                self.bound = {*self.synchronous}
                assert all(self.world.drops(name) == A for name in self.bound), "somebody still listens"
            assert kind != "open" or what not in self.bound, f"{what} listens to a primary whose term was ended"
        self.checked = len(self.world.events)

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
            self.world.etcd.follow("a", *names)
            self.synchronous = names

    def lead(self, _: str) -> None:
        if not self.world.etcd.leader:
            self.bound.clear()
            self.terms += 1
            self.world.etcd.lead("a", str(self.terms), *self.synchronous)


@settings(max_examples=600)
@given(
    steps=st.lists(st.sampled_from([*LOOKS, *STEPS]), max_size=15),
    meanwhile=st.lists(st.sampled_from(["", "", *LOOKS, *STEPS]), max_size=40),
)
def test_whatever_happens_whenever(steps: list[str], meanwhile: list[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        Play(World().install(patch), deque(meanwhile)).act(steps)
