"""What the node exporter reads of the fence."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from patroni_fence import metrics

from tests.unit.firewall import eventually

if TYPE_CHECKING:
    from pathlib import Path

PACE = 0.01


def test_it_is_told_again_and_again_and_not_before_there_was_a_look(tmp_path: Path) -> None:
    one, other = tmp_path / "one.prom", tmp_path / "other.prom"
    with metrics.telling(one, PACE), metrics.telling(other, PACE) as pulse:
        for looked in (1, 2):
            pulse.looked = looked
            assert eventually(lambda now=looked: other.exists() and other.read_text().endswith(f" {now}\n"))
        assert not one.exists()


def test_a_disk_that_hangs_or_is_gone_keeps_nobody(tmp_path: Path) -> None:
    """As a disk does, what is opened here hangs until somebody reads it."""
    hanging, gone, sound = tmp_path / "hanging.prom", tmp_path / "gone/a.prom", tmp_path / "sound.prom"
    os.mkfifo(hanging.with_suffix(".new"))
    with (
        metrics.telling(hanging, PACE) as one,
        metrics.telling(gone, PACE) as two,
        metrics.telling(sound, PACE) as three,
    ):
        one.looked = two.looked = three.looked = 1
        assert eventually(sound.exists)
        assert not hanging.exists()
        reader = os.open(hanging.with_suffix(".new"), os.O_RDONLY | os.O_NONBLOCK)
        assert eventually(hanging.exists)
        assert os.read(reader, 999).endswith(b" 1\n")
        gone.parent.mkdir()
        assert eventually(gone.exists)
    os.close(reader)


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
