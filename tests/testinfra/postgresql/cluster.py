"""The database cluster as its members see it, and the words by which people act on it."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import yaml

from ..conftest import LAB, SSH_CONFIG, connect, eventually, inventory, run

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

MEMBERS: list[str] = sorted(
    name for name, variables in inventory().items() if "postgresql" in variables["model_services"]
)
CLIENT: str = next(name for name, variables in inventory().items() if "forge" in variables["model_services"])
PEERS: list[dict[str, str]] = inventory()[MEMBERS[0]]["model_peers"]["postgresql"]
ADDRESSES: dict[str, str] = {peer["name"]: peer["ipv4"] for peer in PEERS}
"""Where the members are in the network of services."""

CONFIGURATION = "/etc/patroni/config.yml"
DATA = "/var/lib/postgresql/17/main"
OURS = "--cacert /etc/aurore/tls/ca.crt --cert /etc/aurore/tls/host.crt --key /etc/aurore/tls/host.key"
"""How a host shows its certificate to a server of ours, with curl."""
UNITS = ("etcd", "patroni", "haproxy", "pgbouncer")

type View = dict[str, dict[str, Any]]


def secret(entry: str) -> str:
    """A secret of the lab: the first line of its entry."""
    store = {"PASSWORD_STORE_DIR": f"{LAB}/pass", "GNUPGHOME": f"{LAB}/gnupg"}
    return run("pass", "show", entry, env=store).stdout.splitlines()[0]


def each_member[T](look: Callable[[str], T], members: Sequence[str] = MEMBERS) -> dict[str, T]:
    """Ask all members at once, or some."""
    with ThreadPoolExecutor(len(members)) as pool:
        return dict(zip(members, pool.map(look, members), strict=True))


# --- SQL, on a member


def query(member: str, sql: str, database: str = "postgres") -> str:
    """What a member's own server answers its superuser, on the socket."""
    psql = "psql --no-psqlrc --quiet --tuples-only --no-align --dbname %s --command %s"
    return connect(member).check_output(f"cd / && runuser -u postgres -- {psql}", database, sql)


# --- Patroni


def view(member: str) -> View:
    """The cluster as one member's Patroni tells it, by the members' names; nothing when it does not answer."""
    url = f"https://{ADDRESSES[member]}:8008/cluster"
    said = connect(member).run(f"curl --silent --max-time 3 {OURS} {url}")
    if said.rc or not said.stdout.startswith("{"):
        return {}
    return {one["name"]: one for one in json.loads(said.stdout)["members"]}


def leader_of(seen: View) -> str:
    """Who leads by such a view; nothing when nobody does."""
    return next((name for name, one in seen.items() if one["role"] == "leader"), "")


def primary() -> str:
    """The primary, on which all members agree."""
    leaders = {leader_of(seen) for seen in each_member(view).values()}
    assert len(leaders) == 1, leaders
    assert leaders != {""}, "there is no primary"
    return leaders.pop()


def replicas() -> list[str]:
    """The others."""
    leader = primary()
    return [name for name in MEMBERS if name != leader]


def patronictl(member: str, words: str) -> str:
    """What `patronictl` says on a member."""
    return connect(member).check_output(f"patronictl -c {CONFIGURATION} {words}")


def switch_over(to: str = "") -> None:
    """Make another member the primary, as a person does.

    Whom nobody names is whoever is first. The others wait two seconds for one that is named, before they follow.
    """
    was = primary()
    patronictl(was, f"switchover --force --leader {was}{f' --candidate {to}' if to else ''}")


def configuration() -> dict[str, Any]:
    """What all members have in common."""
    found: dict[str, Any] = yaml.safe_load(patronictl(MEMBERS[0], "show-config"))
    return found


def configure(changes: Mapping[str, Any]) -> None:
    """Change what all members have in common; None removes a setting."""
    command = f"patronictl -c {CONFIGURATION} edit-config --force --quiet --apply -"
    run("ssh", "-F", str(SSH_CONFIG), MEMBERS[0], command, input=json.dumps(changes))


# --- etcd


def etcdctl(member: str, words: str) -> str:
    """What `etcdctl` says on a member."""
    said = connect(member).run(f"set -a; . /etc/etcd/etcdctl.env; etcdctl --command-timeout=5s {words}")
    return str(said.stdout) if said.rc == 0 else ""


def etcd_members(member: str) -> Mapping[str, Any]:
    """The status of each etcd member, by the hosts' names, as one of them sees it."""
    names = {address: name for name, address in ADDRESSES.items()}
    listed = json.loads(etcdctl(member, "endpoint status --cluster --write-out=json") or "[]")
    return {names[one["Endpoint"].split("/")[2].rsplit(":", 1)[0]]: one["Status"] for one in listed}


def etcd_leader() -> str:
    """The host of etcd's leader; nothing while there is none."""
    seen = etcd_members(MEMBERS[0])
    return next((name for name, one in seen.items() if one["header"]["member_id"] == one["leader"]), "")


def move_etcd_leader(to: str) -> None:
    """Make a member etcd's leader."""

    def leads() -> bool:
        # It refuses who leads already, and while another election is on; the fences may move it away meanwhile.
        if etcd_leader() != to and (status := etcd_members(to).get(to)):
            etcdctl(to, f"move-leader {status['header']['member_id']:x}")
        return etcd_leader() == to

    # One that was cut off hears the others again when its kernel asks whether they are there, each quarter of a minute.
    assert eventually(leads, 60), etcd_members(to)


# --- Health


OURS_WHOLE = ["leader", "quorum_standby", "quorum_standby"]
"""The members' roles when all is well."""


def ailments(whole: list[str]) -> list[str]:
    """What keeps the cluster from being whole, with these roles: nothing at all, when all is well."""
    found = [f"{unit} does not run on {name}" for name, dead in each_member(_dead_units).items() for unit in dead]
    views = each_member(view)
    if len({leader_of(seen) for seen in views.values()}) != 1:
        found.append(f"they follow {[leader_of(seen) for seen in views.values()]}")
    for name, seen in views.items():
        if sorted(seen) != MEMBERS or sorted(one["role"] for one in seen.values()) != whole:
            found.append(f"{name} knows {[(one['name'], one['role']) for one in seen.values()]}")
        found += [f"{name} says that {one['name']} is {one}" for one in seen.values() if not _well(one)]
    healthy = json.loads(etcdctl(MEMBERS[0], "endpoint health --cluster --write-out=json") or "[]")
    if sum(bool(one["health"]) for one in healthy) != len(MEMBERS):
        found.append(f"etcd: {healthy}")
    return found


def await_health(whole: list[str] = OURS_WHOLE, seconds: float = 120) -> None:
    """See the cluster whole."""
    found: list[str] = []

    def well() -> bool:
        found[:] = ailments(whole)
        return not found

    assert eventually(well, seconds), "\n".join(found)


def await_ailment(seconds: float = 30) -> None:
    """See that the members notice that something is wrong. Until then, they tell what was."""
    assert eventually(lambda: ailments(OURS_WHOLE), seconds)


def _well(member: Mapping[str, Any]) -> bool:
    if member["role"] == "leader":
        return bool(member["state"] == "running")
    return member["state"] == "streaming" and member.get("lag") == 0


def _dead_units(member: str) -> list[str]:
    said = connect(member).run(f"systemctl is-active {' '.join(UNITS)}").stdout.split()
    return [unit for unit, state in zip(UNITS, said, strict=False) if state != "active"] if said else [*UNITS]
