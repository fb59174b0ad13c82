from datetime import date
from pathlib import Path

import pytest
from ansible_collections.aurore.infra.plugins.module_utils.model import Fleet, derive, load
from ansible_collections.aurore.infra.plugins.module_utils.model.index import Index

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def index() -> Index:
    """The model as it is."""
    return Index(load(ROOT / "inventory" / "model"))


@pytest.fixture(scope="session")
def fleet(index: Index) -> Fleet:
    """What is derived from it."""
    return derive(index.model, date(2026, 6, 1))
