"""Tells the monitoring that this fence works: a file that Prometheus' node exporter reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

METRIC = "aurore_patroni_fence_last_look_timestamp_seconds"
HEADER = f"# HELP {METRIC} When the fence last read etcd.\n# TYPE {METRIC} gauge\n"


def tell(path: Path, now: float) -> None:
    """Writes down that it has looked.

    Args:
        path: The file, which is replaced at once.
        now: Seconds since 1970, UTC.

    Raises:
        OSError: It cannot be written.
    """
    # The exporter reads *.prom, and must not see half a file.
    new = path.with_suffix(".new")
    new.write_text(f"{HEADER}{METRIC} {now:.0f}\n")
    new.chmod(0o644)
    new.replace(path)
