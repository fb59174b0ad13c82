"""What the faults share: members that are watched, and a trial to do something to them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Protocol

import pytest

from tests.testinfra.postgresql.repository import no_timers

from .trial import Trial, unwatch, watch

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session", autouse=True)
def _watched() -> Iterator[None]:
    """Every member notes what its server is; what happens to it is what the tests do."""
    with no_timers():
        watch()
        yield
        unwatch()


class Conclude(Protocol):
    """Ends a trial and shows what it measured."""

    def __call__(self, trial: Trial, name: str) -> None: ...


@pytest.fixture
def trial() -> Iterator[Trial]:
    """A client that writes during the test."""
    with Trial() as one:
        yield one


@pytest.fixture
def conclude(request: pytest.FixtureRequest) -> Conclude:
    """How the test ends: the cluster is whole, nothing is lost, and all learn how long it took.

    How long it may take is asked by tests/bench/bench_failover.py, on a machine that does nothing else.
    """
    capture = request.config.pluginmanager.getplugin("capturemanager")

    def show(trial: Trial, name: str) -> None:
        said = trial.concludes(name)
        with capture.global_and_fixture_disabled():
            sys.stdout.write(f"\n{said}\n")

    return show
