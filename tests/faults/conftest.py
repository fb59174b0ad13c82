"""Journals of the hosts that a failed test spoke to are shown here, too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.testinfra.conftest import pytest_runtest_makereport, pytest_runtest_setup  # noqa: F401

if TYPE_CHECKING:
    import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Tell at the end how long each has taken that took long: what is faster is tested more often."""
    config.option.durations, config.option.durations_min = 0, 9
