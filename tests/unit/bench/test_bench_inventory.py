"""The model that the benchmark of the inventory lists: it must go on being a valid one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from ansible_collections.aurore.infra.plugins.module_utils.model.load import load

from tests.bench import bench_inventory

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("size", [10, 100])
def test_the_model_is_valid(tmp_path: Path, size: int) -> None:
    bench_inventory.write_model(tmp_path / "model", size)
    model = load(tmp_path / "model")
    assert len(model.nodes) + len(model.guests) + len(model.rented) == size
