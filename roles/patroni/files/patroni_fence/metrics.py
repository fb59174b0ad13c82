"""Tells the monitoring that this fence works: a file that Prometheus' node exporter reads."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Event, Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EVERY = 15.0
"""Seconds between two words to the monitoring."""

METRIC = "aurore_patroni_fence_last_look_timestamp_seconds"
HEADER = f"# HELP {METRIC} When the fence last read etcd.\n# TYPE {METRIC} gauge\n"


@dataclass
class Pulse:
    """What is told.

    Attributes:
        looked: When the fence last read etcd, in seconds since 1970; None before it has.
    """

    looked: float | None = None


@contextmanager
def telling(path: Path, every: float = EVERY) -> Iterator[Pulse]:
    """Tells it now and then, beside what is done meanwhile: when a disk hangs, the fence has to look all the more.

    Args:
        path: The file, which is replaced at once. Where it cannot be written, the alert that follows is right.
        every: Seconds between two words.
    """
    pulse, ended = Pulse(), Event()

    def tell_on() -> None:
        while not ended.wait(every):
            if pulse.looked is not None:
                with suppress(OSError):
                    tell(path, pulse.looked)

    Thread(target=tell_on, daemon=True).start()
    try:
        yield pulse
    finally:
        ended.set()


def tell(path: Path, looked: float) -> None:
    """Writes it down.

    Args:
        path: The file.
        looked: Seconds since 1970.

    Raises:
        OSError: It cannot be written.
    """
    # The exporter reads *.prom, and must not see half a file.
    new = path.with_suffix(".new")
    new.write_text(f"{HEADER}{METRIC} {looked:.0f}\n")
    new.chmod(0o644)
    new.replace(path)
