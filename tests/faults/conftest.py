"""Journals of the hosts that a failed test spoke to are shown here, too."""

from __future__ import annotations

from tests.testinfra.conftest import pytest_runtest_makereport, pytest_runtest_setup  # noqa: F401
