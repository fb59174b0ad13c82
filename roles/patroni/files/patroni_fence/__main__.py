"""The daemon: looks every second, and does what follows."""

from __future__ import annotations

import logging
import sys
import time
from pathlib import Path

from . import firewall, metrics, settings, steering
from .etcd import Etcd, EtcdError, tls
from .rest import Patroni, PatroniError
from .verdict import Verdict, judge
from .view import View, look
from .votes import Votes

EVERY = 1.0
"""Seconds between two looks."""

PATRONI_PORT = 8008

STEER_EVERY = 15
"""Looks between two attempts to keep etcd's leader away."""


class Fence:
    """One member's fence.

    Attributes:
        settings: The role's.
    """

    def __init__(self, given: settings.Settings) -> None:
        self.settings = given
        context = tls(given.authority, given.certificate, given.key)
        endpoints = [(address, steering.PORT) for address in given.endpoints]
        self._etcd = Etcd(endpoints, context, (given.user, given.password), timeout=2.0)
        self._own = Etcd(endpoints[:1], context, (given.user, given.password), timeout=2.0)
        self._patroni = Patroni(f"{given.members[given.me]}:{PATRONI_PORT}", context, timeout=1.0)
        self._votes = Votes(self._etcd, given.cluster, given.votes, given.me)
        # Whom this member does not listen to. What a daemon before this one has left in the kernel and in etcd still
        # fits together, and ends by itself.
        self._closed: str | None = None
        self._looks = 0

    def turn(self) -> None:
        """Looks once, and does what follows.

        Raises:
            EtcdError: etcd did not answer, or refused; then nothing new was done.
        """
        me, patience = self.settings.me, self.settings.patience
        view = self._look()
        verdict = judge(view, me, patience)
        if verdict is Verdict.LISTEN:
            self._listen(view)
        elif verdict in {Verdict.FENCE, Verdict.END} and self._may_fence(view):
            self._fence(view)
            # With the vote just given, and those that others gave meanwhile.
            view = self._look()
            if judge(view, me, patience) is Verdict.END and self._votes.end(view):
                logging.warning(
                    "%s was silent for %d s, and nobody listens to it: its term ends", view.leader, view.silent
                )
        steers = view.leader == me and self._looks % STEER_EVERY == 0
        self._looks += 1
        if steers:
            steering.steer(self._own)

    def _look(self) -> View:
        return look(self._etcd, self.settings.cluster, self.settings.votes)

    def _may_fence(self, view: View) -> bool:
        """Whether the leader is a member that did not tell this one, past etcd, that it goes on (failsafe mode)."""
        if view.leader not in self.settings.members:
            return False
        try:
            return not self._patroni.get("/patroni").get("failsafe_mode_is_active", False)
        except PatroniError as problem:
            logging.info("%s", problem)
            return False

    def _fence(self, view: View) -> None:
        """Stops listening, and only then says so."""
        assert view.leader is not None
        lease = self._votes.prepare()
        if self._closed != view.leader:
            logging.warning("%s has been silent for %d s: not listening to it", view.leader, view.silent)
        firewall.close(self.settings.members[view.leader])
        self._closed = view.leader
        self._votes.give(view, lease)

    def _listen(self, view: View) -> None:
        """Takes the vote back, and only then listens again.

        To one whose term has ended the kernel listens again, in its time. Until then, the PostgreSQL of this member
        may still be about to hear the new leader's name, and would acknowledge what the old one has kept for it.
        """
        if self._closed != view.leader or not self._votes.take_back(view):
            return
        firewall.open_all()
        logging.info("listening to %s again", view.leader)
        self._closed = None


def main() -> None:
    """Runs until it is told to stop."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    given = settings.read(Path(sys.argv[1]))
    with metrics.telling(Path(given.metrics)) as pulse:
        guard(Fence(given), pulse)


def guard(fence: Fence, pulse: metrics.Pulse) -> None:
    """Looks every second, for ever."""
    reached = True
    while True:
        began = time.monotonic()
        try:
            fence.turn()
        except EtcdError as problem:
            if reached:
                logging.warning("%s", problem)
            reached = False
        else:
            if not reached:
                logging.info("etcd answers again")
            reached = True
            pulse.looked = time.time()
        time.sleep(max(0.0, EVERY - (time.monotonic() - began)))


if __name__ == "__main__":
    main()
