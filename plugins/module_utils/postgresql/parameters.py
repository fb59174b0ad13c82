"""PostgreSQL's parameters, from what a host has and from the pools of connections that it must serve.

Chapters are those of PostgreSQL's manual; "the wiki" is Tuning_Your_PostgreSQL_Server on wiki.postgresql.org. All
amounts are in MiB until they are written.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import Any

GIB = 1024

# Enough for many services behind PgBouncer, whose pools are what reaches the server. Each step of memory doubles it, so
# that a little more memory does not change it: a change restarts every member.
CONNECTIONS, CONNECTIONS_STEP, MOST_CONNECTIONS = 100, 8 * GIB, 500
# Below this, sorts and joins of a few thousand rows go to the disk; it is PostgreSQL's own choice (20.4). Above, one
# query takes what others need.
LEAST_WORK_MEM, MOST_WORK_MEM = 4, 64
AUTOVACUUM_WORKERS = 3

SUPERUSERS = {"Patroni": 3, "pgBackRest": 2, "administrators": 5}
OTHERS = {"the exporter": 3, "PgBouncer's look-ups": 2}


class Problems(ValueError):  # noqa: N818 - it is many
    """What does not fit, one sentence each."""

    def __init__(self, sentences: Sequence[str]) -> None:
        super().__init__("; ".join(sentences))
        self.sentences = tuple(sentences)


class Size(NamedTuple):
    """What a member has: memory and disk in MiB, and cores."""

    memory: int
    cores: int
    disk: int


class Shares(NamedTuple):
    """How a member's memory is divided; connections share what is left."""

    shared: int
    maintenance: int
    autovacuum: int
    system: int

    @property
    def all(self) -> int:
        """All of them."""
        return self.shared + self.maintenance + AUTOVACUUM_WORKERS * self.autovacuum + self.system


class Connections(NamedTuple):
    """Who connects to one server.

    Attributes:
        pools: PgBouncer's connections by database, those in reserve included.
        superusers: Connections of superusers, by what they are for; nobody else can take them.
        others: Connections of what is neither.
    """

    pools: Mapping[str, int]
    superusers: Mapping[str, int]
    others: Mapping[str, int]

    @property
    def reserved(self) -> int:
        """For superusers alone."""
        return sum(self.superusers.values())

    @property
    def needed(self) -> int:
        """All of them. Replication is not among them: it has max_wal_senders (26.2)."""
        return sum(self.pools.values()) + self.reserved + sum(self.others.values())


def derive(
    sizes: Iterable[Mapping[str, Any]],
    databases: Iterable[Mapping[str, Any]],
    superusers: Mapping[str, int] | None = None,
    others: Mapping[str, int] | None = None,
    max_connections: int | None = None,
) -> dict[str, str | int]:
    """The parameters of a cluster, the same on all members, since any of them may be the primary tomorrow.

    Args:
        sizes: What each member has: memory and disk in GiB, and cores. The smallest of each counts.
        databases: Each with its name, pool and, if it has one, pool_reserve.
        superusers: Connections that only superusers can take, by what they are for.
        others: Connections beside these and the pools, by what they are for.
        max_connections: Instead of what follows from the memory.

    Raises:
        Problems: Something is not given, or does not fit.
    """
    members = [*sizes]
    problems = [*_of_sizes(members), *_of_databases(declared := [*databases])]
    if problems:
        raise Problems(problems)
    pools = {one["name"]: one["pool"] + one.get("pool_reserve", 0) for one in declared}
    connections = Connections(
        pools, SUPERUSERS if superusers is None else superusers, OTHERS if others is None else others
    )
    memory, cores, disk = (min(member[key] for member in members) for key in ("memory", "cores", "disk"))
    size = Size(memory=int(memory * GIB), cores=int(cores), disk=int(disk * GIB))
    most = max_connections or min(MOST_CONNECTIONS, CONNECTIONS * max(1, size.memory // CONNECTIONS_STEP))
    memory_parameters, memory_problems = _memory(size, most)
    wal_parameters, wal_problems = _wal(size)
    problems = [*_of_connections(connections, most), *memory_problems, *wal_problems]
    if problems:
        raise Problems(problems)
    return {
        "max_connections": most,
        "superuser_reserved_connections": connections.reserved,
        **memory_parameters,
        **wal_parameters,
        **_processes(size, len(members)),
    }


def _shares(memory: int) -> Shares:
    return Shares(
        # A quarter: 20.4 and the wiki. More rarely helps, since the kernel caches the same pages.
        shared=memory // 4,
        # What an index build may take; several at once are rare (20.4, the wiki).
        maintenance=min(max(memory // 16, 32), 2 * GIB),
        # For each of the workers (20.4). Since 17, vacuum's list of dead rows is so compact that little is enough.
        autovacuum=min(max(memory // 64, 16), GIB),
        # For the kernel, etcd, Patroni, HAProxy, PgBouncer and the exporters, which share the host.
        system=max(memory // 8, 128),
    )


def _memory(size: Size, connections: int) -> tuple[dict[str, str | int], list[str]]:
    shares = _shares(size.memory)
    left = size.memory - shares.all
    # Each sort of each connection may take it (20.4), but few do at a time. Half of what is left, because the rest is
    # the kernel's cache of pages, which effective_cache_size promises to the planner.
    work = min(max(left // 2 // connections, LEAST_WORK_MEM), MOST_WORK_MEM)
    problems = []
    if work * connections > left:
        enough = next(gib for gib in count(1) if gib * GIB - _shares(gib * GIB).all >= work * connections)
        fewer = max(left, 0) // work
        problems.append(
            f"{connections} connections with work_mem {amount(work)} need {work * connections} MiB beside "
            f"shared_buffers {amount(shares.shared)} and {shares.all - shares.shared} MiB for maintenance and the rest "
            f"of the host, but the smallest member has {size.memory} MiB of memory: give each member {enough} GiB"
            + (f", or lower max_connections to {fewer}" if fewer else "")
        )
    return {
        "shared_buffers": amount(shares.shared),
        # Taken when the host has set pages aside for it (19.4.5); without them PostgreSQL starts all the same.
        "huge_pages": "try",
        # It takes no memory: the planner is told what the kernel will cache (20.7; the wiki: a half to three quarters).
        "effective_cache_size": amount(size.memory * 3 // 4),
        "work_mem": amount(work),
        "maintenance_work_mem": amount(shares.maintenance),
        "autovacuum_work_mem": amount(shares.autovacuum),
        "autovacuum_max_workers": AUTOVACUUM_WORKERS,
    }, problems


def _wal(size: Size) -> tuple[dict[str, str | int], list[str]]:
    # Checkpoints come by the clock rather than by the volume, which writes fewer whole pages (28.5).
    most = min(max(size.disk // 25, GIB), 16 * GIB)
    # So that a member that was away for a while, or a rewind, finds what it needs here rather than in the archive.
    keep = min(max(size.disk // 50, 256), 8 * GIB)
    # The slot of a replica that is lost holds back no more than this (20.6): the replica is then rebuilt from the
    # archive, rather than the primary's disk filled.
    slots = max(size.disk // 10, GIB)
    problems = []
    if (all_of_it := most + slots) > size.disk // 4:
        problems.append(
            f"the log may take {amount(most)} before a checkpoint and {amount(slots)} for replicas that are behind, "
            f"more than a quarter of the smallest member's disk of {size.disk} MiB: give each member a disk of "
            f"{-(-4 * all_of_it // GIB)} GiB"
        )
    return {
        "max_wal_size": amount(most),
        "min_wal_size": amount(most // 4),
        "wal_keep_size": amount(keep),
        "max_slot_wal_keep_size": amount(slots),
    }, problems


def _processes(size: Size, members: int) -> dict[str, str | int]:
    # A member follows, and one that is being rebuilt takes two connections (pg_basebackup's); some more for people.
    senders = max(10, 4 * members)
    parallel = min(size.cores // 2, 4)
    return {
        "max_wal_senders": senders,
        "max_replication_slots": senders,
        # PostgreSQL's own 8, or more where there are cores for it (20.4): parallel workers come out of these.
        "max_worker_processes": max(8, size.cores + 4),
        "max_parallel_workers": size.cores,
        # A query, or an index build, gets at most half of the cores; on one core, none beside its own process.
        "max_parallel_workers_per_gather": parallel,
        "max_parallel_maintenance_workers": parallel,
    }


def _of_connections(connections: Connections, most: int) -> Iterator[str]:
    if connections.needed > most:
        parts = [("pools", connections.pools), ("superusers", connections.superusers), ("others", connections.others)]
        told = ", ".join(
            f"{sum(numbers.values())} {title} ({', '.join(f'{name} {number}' for name, number in numbers.items())})"
            for title, numbers in parts
        )
        excess = connections.needed - most
        yield (
            f"{connections.needed} connections are declared, {told}, but max_connections is {most}: take {excess} from "
            f"the pools, or raise max_connections to {connections.needed}, for which memory must be there"
        )


def _of_sizes(members: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if not members:
        yield "no member's size is given: pass a list with memory, cores and disk of each"
    for number, member in enumerate(members, 1):
        for key in ("memory", "cores", "disk"):
            value = member.get(key)
            if not isinstance(value, int | float) or value <= 0:
                yield f"member {number} of the list has {value!r} as its {key}: give a number above 0"


def _of_databases(databases: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    seen = set()
    for number, database in enumerate(databases, 1):
        name = database.get("name")
        if not name:
            yield f"database {number} of the list has no name: give it one"
            continue
        if name in seen:
            yield f"the database {name} is declared twice: remove one"
        seen.add(name)
        for key, least in (("pool", 1), ("pool_reserve", 0)):
            value = database.get(key, 0)
            if not isinstance(value, int) or value < least:
                yield f"the database {name} has {value!r} as its {key}: give a whole number from {least}"


def amount(mebibytes: int) -> str:
    """As PostgreSQL prints it: in the largest unit in which it is a whole number."""
    for unit, size in (("TB", GIB * GIB), ("GB", GIB)):
        if mebibytes >= size and mebibytes % size == 0:
            return f"{mebibytes // size}{unit}"
    return f"{mebibytes}MB"
