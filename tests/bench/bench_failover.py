"""How long writes are refused when something happens to the primary: with our settings, and with Patroni's defaults.

.venv/bin/python -m tests.bench.bench_failover [--rounds 3]

On the lab's own cluster, which gets its settings back at the end, whatever happens. A client on another host writes a
row every 50 ms all the while; an outage is the longest time without an acknowledged row. The table shows medians, and
the worst of ours. The goals are of decision 0010.
"""

from __future__ import annotations

import argparse
import signal
import sys
from contextlib import contextmanager
from functools import partial
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.faults.postgresql import trial as trials
from tests.faults.postgresql.trial import Trial
from tests.testinfra.conftest import connect
from tests.testinfra.postgresql import cluster

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FENCE = "patroni-fence.service"
# What Patroni does when it is told nothing, with one synchronous replica, without which rows would be lost. None takes
# a setting away.
DEFAULTS: dict[str, Any] = {
    "ttl": 30,
    "loop_wait": 10,
    "retry_timeout": 10,
    "primary_start_timeout": 300,
    "primary_stop_timeout": None,
    "failsafe_mode": None,
    "synchronous_mode": True,
    "synchronous_mode_strict": None,
}
DEFAULTS_WHOLE = ["leader", "replica", "sync_standby"]
PATIENCE = 180


class Fault(NamedTuple):
    """What happens, how many seconds it may cost, and whether etcd's leader is on the primary's host."""

    name: str
    happen: Callable[[Trial], None]
    goal: float
    with_etcd: bool = False


def switch_over(trial: Trial) -> None:
    """Somebody moves the primary to another host."""
    cluster.switch_over()
    trial.recovers(PATIENCE)


def kill_server(trial: Trial) -> None:
    """The server's process is killed."""
    trials.kill_server(trial.was)
    trial.recovers(PATIENCE)


def lose(how: Callable[[str], None], trial: Trial) -> None:
    """The primary's host is gone, until another has taken over."""
    try:
        how(trial.was)
        trial.recovers(PATIENCE)
    finally:
        trials.restore(trial.was)


kill_host, cut_off = partial(lose, trials.power_off), partial(lose, trials.unplug)
FAULTS = (
    Fault("switchover", switch_over, 2),
    Fault("server process killed", kill_server, 10),
    Fault("host killed", kill_host, 20),
    Fault("host killed, with etcd's leader", kill_host, 20, with_etcd=True),
    Fault("host cut off", cut_off, 20),
    Fault("host cut off, with etcd's leader", cut_off, 20, with_etcd=True),
)


def measure(fault: Fault, whole: list[str]) -> float:
    """Let it happen once; return the outage. A row that is lost ends the benchmark."""
    with Trial(whole) as trial:
        trials.place_etcd_leader(trial.was, together=fault.with_etcd)
        fault.happen(trial)
        sys.stderr.write(f"{trial.concludes(fault.name)}\n")
        return trial.outage


@contextmanager
def as_patroni_comes() -> Iterator[None]:
    """Patroni with its defaults, and then as it was."""
    before = cluster.configuration()
    try:
        fence("disable")
        cluster.configure(DEFAULTS)
        yield
    finally:
        cluster.configure({name: before.get(name) for name in DEFAULTS})
        fence("enable")
        cluster.await_health(seconds=300)


def fence(action: str) -> None:
    """Have, or not have, what deletes a dead primary's key; hosts that boot meanwhile, too."""
    cluster.each_member(lambda member: connect(member).check_output(f"systemctl --quiet --now {action} {FENCE}"))


def row(fault: Fault, ours: list[float], theirs: list[float]) -> str:
    """A line of the table."""
    ratio = median(theirs) / median(ours)
    return (
        f"| {fault.name:<33} | < {fault.goal:>2.0f} | {median(ours):>4.1f} | {max(ours):>5.1f} |"
        f" {median(theirs):>8.1f} | {ratio:>5.1f} |"
    )


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description="Breaks the lab's cluster, with our settings and Patroni's defaults.")
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    # Whoever ends it has the settings put back, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("bench: ended"))

    def all_faults(whole: list[str]) -> dict[str, list[float]]:
        return {fault.name: [measure(fault, whole) for _ in range(rounds)] for fault in FAULTS}

    trials.watch()
    try:
        sys.stderr.write("With this repository's settings\n")
        ours = all_faults(cluster.OURS_WHOLE)
        sys.stderr.write("With Patroni's defaults\n")
        with as_patroni_comes():
            theirs = all_faults(DEFAULTS_WHOLE)
    finally:
        trials.unwatch()
    rows = [row(fault, ours[fault.name], theirs[fault.name]) for fault in FAULTS]
    head = [
        "| what happens to the primary       | goal | ours | worst | defaults | ratio |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    sys.stdout.write(f"Seconds without an acknowledged row, medians of {rounds}; no acknowledged row was lost\n\n")
    sys.stdout.write("\n".join([*head, *rows]) + "\n")


if __name__ == "__main__":
    main()
