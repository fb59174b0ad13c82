"""One fault: a client writes all the while, every member is watched, and at the end nothing that counts is missing."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tests.testinfra.conftest import SSH_CONFIG, connect, eventually, lab, run
from tests.testinfra.postgresql import cluster

from .account import Line, Reign, lines_of, outage, overlaps, reigns

if TYPE_CHECKING:
    from types import TracebackType

HERE = Path(__file__).parent
DATABASE, OWNER = "forge", "forge"
THROUGH_THE_CLIENTS_PATH = f"service=primary dbname={DATABASE} user={OWNER}"
ON_THE_SOCKET = f"host=/var/run/postgresql dbname={DATABASE} user=postgres"
ENOUGH = 20
"""Rows that show that all goes well: a second of them."""

WATCH = "/etc/systemd/system/aurore-watch.service"
WATCH_PROGRAM, WATCH_LOG = "/var/tmp/aurore-watch.py", "/var/tmp/aurore-watch.log"
WATCH_UNIT = f"""\
[Unit]
Description=Tell what the database server is, for a test
[Service]
User=postgres
ExecStart=/usr/bin/python3 {WATCH_PROGRAM}
StandardOutput=append:{WATCH_LOG}
Restart=always
[Install]
WantedBy=multi-user.target
"""


def put(host: str, path: str, content: str, mode: str = "0644") -> None:
    """Write a file on a host. Its content is on no command line."""
    command = f"install -D -m {mode} /dev/null {path} && cat >{path}"
    run("ssh", "-F", str(SSH_CONFIG), host, command, input=content)


# --- Accidents


def unplug(host: str) -> None:
    """Pull all of a host's cables."""
    lab("unplug", host)
    # Or whatever asks it next would wait for an answer on the connection that is left.
    run("ssh", "-F", str(SSH_CONFIG), "-O", "exit", host, check=False)


def power_off(host: str) -> None:
    """Let a host die as a machine does: nothing says goodbye to its peers."""
    unplug(host)
    lab("power-off", host)


def restore(host: str) -> None:
    """Plug its cables in, and have it boot if it does not run."""
    lab("plug", host)
    lab("up", "--limit", host)


def kill_server(host: str) -> None:
    """Kill the server's first process; it cannot end anything."""
    connect(host).check_output(f"kill -KILL $(head -n 1 {cluster.DATA}/postmaster.pid)")


def destroy(replica: str) -> None:
    """Remove a member's data under its running server, and kill that."""
    connect(replica).check_output(
        f"pid=$(head -n 1 {cluster.DATA}/postmaster.pid); rm -rf {cluster.DATA}/*; kill -KILL $pid"
    )


def place_etcd_leader(primary: str, *, together: bool) -> None:
    """Have etcd's leader on the primary's host, or on another."""
    if together or eventually(cluster.etcd_leader) == primary:
        cluster.move_etcd_leader(primary if together else next(one for one in cluster.MEMBERS if one != primary))


# --- Who writes


@dataclass
class Writer:
    """A client that inserts rows. It runs by itself: whoever started it may go away."""

    host: str
    table: str
    conninfo: str = THROUGH_THE_CLIENTS_PATH
    user: str = "root"
    lines: list[Line] = field(default_factory=list)

    def __enter__(self) -> Self:
        """Start it."""
        host = connect(self.host)
        host.check_output("dpkg --status python3-psycopg2 || apt-get -qq --yes install python3-psycopg2")
        put(self.host, f"{self._home}.py", (HERE / "writer.py").read_text())
        put(self.host, f"{self._home}.pgpass", f"*:*:*:{OWNER}:{cluster.secret('postgresql/forge')}\n", "0600")
        put(self.host, f"{self._home}.log", "")
        host.check_output(
            f"systemd-run --quiet --collect --unit={self._unit} --uid={self.user} --setenv=HOME=/nonexistent"
            f" --setenv=PGPASSFILE={self._home}.pgpass --property=StandardOutput=append:{self._home}.log"
            f" --property=StandardError=append:{self._home}.err"
            f" /usr/bin/python3 {self._home}.py {self.table} '{self.conninfo}'"
        )
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Stop it, and remove what it was."""
        connect(self.host).run(f"systemctl stop {self._unit}; rm -f {self._home}.*")

    def stop(self) -> None:
        """Stop it, and read all that it has said."""
        connect(self.host).run(f"systemctl stop {self._unit}")
        self.read()

    def read(self) -> list[Line]:
        """What it has said so far."""
        self.lines = list(lines_of(connect(self.host).check_output(f"cat {self._home}.log")))
        return self.lines

    def acknowledged(self) -> dict[int, float]:
        """The rows that were acknowledged, and when, by what was read last."""
        return {int(line.more): line.when for line in self.lines if line.what == "acknowledged"}

    def entrance(self) -> str:
        """The member through which it writes, by what was read last."""
        address = [line.more for line in self.lines if line.what == "connected"][-1]
        return next(
            peer["name"]
            for peer in cluster.PEERS
            if ip_address(address) in {*map(ip_address, (peer["ipv4"], peer["ipv6"]))}
        )

    def await_rows(self, count: int = ENOUGH, seconds: float = 90) -> float:
        """See so many more rows acknowledged, from now; return when the first of them was."""
        now = time.monotonic()

        def later() -> list[float]:
            self.read()
            return [when for when in self.acknowledged().values() if when > now]

        eventually(lambda: len(later()) >= count, seconds)
        assert len(later()) >= count, [f"{line.when:.2f} {line.what} {line.more}" for line in self.lines[-20:]]
        return min(later())

    @property
    def _unit(self) -> str:
        return f"aurore-{self.table.replace('_', '-')}"

    @property
    def _home(self) -> str:
        return f"/run/aurore-writer/{self.table}"


# --- Who watches


def watch() -> None:
    """Have every member note what its server is, from now on and after each boot."""

    def begin(member: str) -> None:
        put(member, WATCH_PROGRAM, (HERE / "watch.py").read_text())
        put(member, WATCH, WATCH_UNIT)
        connect(member).check_output(
            f"rm -f {WATCH_LOG}; systemctl daemon-reload; systemctl --quiet enable aurore-watch.service;"
            " systemctl restart aurore-watch.service"
        )

    cluster.each_member(begin)


def unwatch() -> None:
    """Leave the members as they were."""
    cluster.each_member(
        lambda member: connect(member).check_output(
            f"systemctl --quiet --now disable aurore-watch.service; rm -f {WATCH} {WATCH_PROGRAM} {WATCH_LOG};"
            " systemctl daemon-reload"
        )
    )


# --- The trial


@dataclass
class Trial:
    """A fault, with what is around it.

    with Trial() as trial:
        …
        trial.recovers()
        …
        trial.concludes("what it was")
    """

    whole: list[str] = field(default_factory=lambda: cluster.OURS_WHOLE)
    conninfo: str = THROUGH_THE_CLIENTS_PATH
    outage: float = 0
    rows: int = 0
    lost: list[int] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)
    sound: bool = False

    def __enter__(self) -> Self:
        """On a cluster that is whole, start to write."""
        cluster.await_health(self.whole)
        self.began, self.since = time.monotonic(), int(time.time())
        self.was = cluster.primary()
        self.writer = Writer(cluster.CLIENT, self.new_table(), self.conninfo).__enter__()
        self.writer.await_rows()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Leave nothing, unless somebody has to look."""
        self.writer.__exit__(kind, error, at)
        if self.sound:
            cluster.query(cluster.primary(), f"DROP TABLE {', '.join(self.tables)}", DATABASE)

    def new_table(self) -> str:
        """Make one for rows."""
        self.tables.append(f"rows_{self.since}_{len(self.tables)}")
        made = f"CREATE TABLE {self.tables[-1]} (n bigint PRIMARY KEY); ALTER TABLE {self.tables[-1]} OWNER TO {OWNER}"
        cluster.query(self.was, made, DATABASE)
        return self.tables[-1]

    def recovers(self, seconds: float = 90) -> float:
        """See rows acknowledged again; return the outage so far."""
        self.writer.await_rows(seconds=seconds)
        return outage(self.writer.acknowledged())

    def concludes(self, name: str) -> str:
        """See the cluster whole, all acknowledged rows on all members, one writable at a time; say how it was."""
        cluster.await_health(self.whole)
        self.writer.await_rows()
        self.writer.stop()
        acknowledged = self.writer.acknowledged()
        self.outage, self.rows = outage(acknowledged), len(acknowledged)
        self.lost = self.missing(self.writer)
        said = f"{name}: {self.outage:.2f} s without an acknowledged row, {len(self.lost)} of {self.rows} lost"
        assert self.lost == [], said
        assert overlaps(self.reigns()) == [], said
        self.sound = True
        return said

    def errors(self) -> list[str]:
        """What the client was told instead of an acknowledgement, and when it had to connect again."""
        connects = [line for line in self.writer.lines if line.what == "connected"]
        return [
            f"{line.what} {line.more}" for line in self.writer.lines if line.what == "error" or line in connects[1:]
        ]

    def reigned(self) -> list[str]:
        """The members that acknowledged writes, one after the other."""
        return list(dict.fromkeys(reign.member for reign in self.reigns()))

    def fenced(self) -> list[str]:
        """The members whose fence has ended the term of a primary, by their journals."""
        asked = f"journalctl --quiet --unit patroni-fence --since @{self.since} --output cat"
        said = cluster.each_member(lambda member: connect(member).check_output(asked))
        return [member for member, text in said.items() if "its term ends" in text]

    def missing(self, writer: Writer) -> list[int]:
        """The rows that were acknowledged to a writer and are not on every member."""
        wanted = set(writer.acknowledged())
        sql = f"SELECT n FROM {writer.table}"

        def absent(member: str) -> set[int]:
            return wanted - {*map(int, cluster.query(member, sql, DATABASE).split())}

        # A replica shows a row a moment after the primary.
        eventually(lambda: not any(cluster.each_member(absent).values()), 10)
        return sorted(set().union(*cluster.each_member(absent).values()))

    def reigns(self) -> list[Reign]:
        """Who acknowledged writes from when to when, since the trial began, by the members' own accounts."""
        logs = cluster.each_member(lambda member: connect(member).check_output(f"cat {WATCH_LOG}"))
        found = [
            reign
            for member, text in logs.items()
            for reign in reigns(member, [line for line in lines_of(text) if line.when >= self.began])
        ]
        return sorted(found, key=lambda reign: reign.begin)
