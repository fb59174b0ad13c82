"""What the node exporter reads of the fence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from patroni_fence import metrics

if TYPE_CHECKING:
    from pathlib import Path


def test_the_last_look_is_in_a_file_that_everybody_may_read(tmp_path: Path) -> None:
    path = tmp_path / "patroni-fence.prom"
    for now in (1_800_000_000.7, 1_800_000_015.2):
        metrics.tell(path, now)
    assert path.read_text().splitlines() == [
        "# HELP aurore_patroni_fence_last_look_timestamp_seconds When the fence last read etcd.",
        "# TYPE aurore_patroni_fence_last_look_timestamp_seconds gauge",
        "aurore_patroni_fence_last_look_timestamp_seconds 1800000015",
    ]
    assert path.stat().st_mode & 0o777 == 0o644
    assert [*tmp_path.iterdir()] == [path]


def test_where_there_is_no_directory_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        metrics.tell(tmp_path / "gone/patroni-fence.prom", 0)
