"""The repository, read once."""

from __future__ import annotations

import pytest

from .house import Repository


@pytest.fixture(scope="session")
def repository() -> Repository:
    """What is or would be committed."""
    return Repository.real()
