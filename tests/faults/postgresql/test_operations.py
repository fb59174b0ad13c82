"""What people do to etcd, and to a lost member: it goes well while a client writes, also when a run is killed."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from tests.testinfra.conftest import connect, eventually
from tests.testinfra.playbook import play, refused, succeeded
from tests.testinfra.postgresql import cluster

from . import trial as trials
from .interrupt import interrupted
from .play import changed, one_after_the_other, play_role, starts

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Conclude
    from .trial import Trial

RECOVER = "playbooks/operations/recover_etcd.yml"
REPLACE = "playbooks/operations/replace_postgresql_member.yml"
ETCD_DATA, JOINING = "/var/lib/etcd/aurore", "/run/etcd-joining"
IDENTITY = "SELECT system_identifier FROM pg_control_system()"
"""Another cluster has another."""


def killed(role: str, moment: str, *words: str) -> None:
    """Kill a playbook's run when it begins one of a role's tasks."""
    told = interrupted(f"aurore.infra.{role} : {moment}", words)
    assert f"TASK [aurore.infra.{role} : {moment}]" in told, told[-6000:]


def lose_etcd(*members: str) -> None:
    """Have members lose what etcd knew: nobody who has any of it is left running among them."""
    for member in members:
        connect(member).check_output("systemctl stop etcd.service")
    for member in members:
        connect(member).check_output(f"rm -rf {ETCD_DATA}")


def etcd_identity() -> str:
    """By which its members know each other."""
    told: dict[str, dict[str, int]] = json.loads(cluster.etcdctl(cluster.MEMBERS[0], "member list --write-out=json"))
    return str(told["header"]["cluster_id"])


def running() -> list[str]:
    """The members on which etcd runs."""
    states = cluster.each_member(lambda member: connect(member).run("systemctl is-active etcd.service").stdout.strip())
    return [member for member, state in states.items() if state == "active"]


# --- Settings of etcd


def test_a_setting_of_etcd_is_changed_on_one_member_after_the_other(
    trial: Trial, conclude: Conclude, tmp_path: Path
) -> None:
    before = starts("etcd.service")
    # Another authority is one as well: etcd reads whom it trusts at its start alone.
    other = json.dumps({"model_tls_authority": "another"})
    assert changed(play_role(tmp_path, "etcd", "--extra-vars", other)) == len(cluster.MEMBERS)
    after = starts("etcd.service")
    assert all(after[member] > before[member] for member in cluster.MEMBERS)
    assert one_after_the_other(after), after
    assert changed(play_role(tmp_path, "etcd")) == len(cluster.MEMBERS)
    conclude(trial, "a setting of etcd changed, and changed back")
    assert trial.errors() == []
    # A member that stops sends its clients to another one first. Half an answer ends a primary's term, once in a while.
    halves = f"journalctl --quiet --unit patroni --since @{trial.since} --output cat | grep 'Unknown error'"
    assert set(cluster.each_member(lambda member: connect(member).run(halves).stdout).values()) == {""}
    assert cluster.primary() == trial.was


def test_a_wrong_setting_of_etcd_is_given_to_one_member_at_most(
    trial: Trial, conclude: Conclude, tmp_path: Path
) -> None:
    before = starts("etcd.service")
    told = refused(play_role(tmp_path, "etcd", "--extra-vars", "etcd_heartbeat=300"))
    assert "etcd_election (1000) must be five times etcd_heartbeat (300) at least" in told
    assert starts("etcd.service") == before
    # Of this one, etcd alone knows that it is wrong.
    refused(play_role(tmp_path, "etcd", "--extra-vars", "etcd_retention=soon"))
    assert len(running()) == len(cluster.MEMBERS) - 1
    assert changed(play_role(tmp_path, "etcd")) == 1
    conclude(trial, "a wrong setting of etcd")
    assert trial.errors() == []
    assert cluster.primary() == trial.was


def test_a_member_of_etcd_that_does_not_come_back_is_the_last_one(
    trial: Trial, conclude: Conclude, tmp_path: Path
) -> None:
    aside = {member: f"ETCD_LISTEN_CLIENT_URLS=https://{cluster.ADDRESSES[member]}:2382" for member in cluster.MEMBERS}
    dropped, elsewhere = "/run/systemd/system/etcd.service.d", "/run/aurore-fault"
    begin = (
        f"mkdir -p {dropped} && echo %s >{elsewhere}"
        f" && printf '[Service]\\nEnvironmentFile={elsewhere}\\n' >{dropped}/90-fault.conf && systemctl daemon-reload"
    )
    end = f"rm -r {dropped} {elsewhere} && systemctl daemon-reload"
    before = starts("etcd.service")
    # Whoever is the first: its unit starts, and it is not where all ask.
    cluster.each_member(lambda member: connect(member).check_output(begin, aside[member]))
    try:
        told = play_role(tmp_path, "etcd", "--extra-vars", "etcd_retention=2h etcd_patience=3")
    finally:
        cluster.each_member(lambda member: connect(member).check_output(end))
    after = starts("etcd.service")
    # The setting goes back, which is a change.
    assert changed(play_role(tmp_path, "etcd")) == 1
    refused(told)
    (victim,) = (member for member in cluster.MEMBERS if after[member] != before[member])
    # It alone is started anew, as a run leaves it that makes etcd anew.
    connect(victim).check_output(f"echo {aside[victim]} >{JOINING} && systemctl restart etcd.service")
    assert changed(play_role(tmp_path, "etcd")) == 1
    assert changed(play_role(tmp_path, "etcd")) == 0
    assert len(cluster.etcd_members(victim)) == len(cluster.MEMBERS)
    conclude(trial, "a member of etcd that does not come back")
    assert trial.errors() == []
    assert cluster.primary() == trial.was


# --- etcd has lost its quorum


def test_etcd_is_made_anew_around_one_member(trial: Trial, conclude: Conclude) -> None:
    survivor = trial.was
    lose_etcd(*cluster.replicas())
    # It says so in a rehearsal as well.
    for options in ((), ("--check",)):
        assert f"With data: {survivor}. docs/runbooks" in refused(play(RECOVER, *options))
    assert running() == [survivor]

    words = (RECOVER, "--extra-vars", f"etcd_survivor={survivor}")
    killed("etcd", "Wait until it leads itself", *words)
    # Whoever starts it from now on does not make it alone again.
    assert not connect(survivor).file(JOINING).exists
    succeeded(play(*words))
    cluster.await_health()
    connect(survivor).check_output("systemctl restart etcd.service")
    conclude(trial, "etcd made anew around one member")
    assert len(cluster.etcd_members(survivor)) == len(cluster.MEMBERS)
    assert cluster.primary() == trial.was
    assert "there is nothing to recover" in refused(play(*words))


def test_etcd_is_made_anew_around_nobody_and_one_without_databases_does_not_begin_others(
    trial: Trial, conclude: Conclude
) -> None:
    identity = cluster.query(trial.was, IDENTITY)
    empty = cluster.replicas()[0]
    was = etcd_identity()
    lose_etcd(*cluster.MEMBERS)
    trials.destroy(empty)

    words = (RECOVER, "--extra-vars", "etcd_survivor=nobody")
    killed("etcd", "Tell etcd whose cluster it is", *words)
    # It runs, and nobody has reached it yet.
    assert running() == cluster.MEMBERS
    assert cluster.etcd_leader() == ""
    succeeded(play(*words))
    trial.recovers()
    conclude(trial, "etcd made anew around nobody, with a replica destroyed")
    assert cluster.each_member(lambda member: cluster.query(member, IDENTITY)) == dict.fromkeys(
        cluster.MEMBERS, identity
    )
    # A host that comes back with what etcd had there is none of these members.
    assert etcd_identity() != was
    assert cluster.primary() == trial.was
    # Its Patroni was the first to be killed: it gives its place up when one of the others does not answer it.
    show = "systemctl show --property=ActiveExitTimestampMonotonic --value patroni.service"
    ends = cluster.each_member(lambda member: int(connect(member).check_output(show)))
    assert min(ends, key=ends.__getitem__) == trial.was, ends
    # The fences are in it as well.
    last = "journalctl --quiet --unit patroni-fence --lines 1 --output cat"
    assert eventually(
        lambda: "no member" not in " ".join(cluster.each_member(lambda one: connect(one).check_output(last)).values())
    )
    # Nobody comes in without a password.
    asked = connect(empty).run("set -a; . /etc/etcd/etcdctl.env; unset ETCDCTL_USER; etcdctl get x")
    assert "permission denied" in asked.stderr


# --- A member is lost


def test_a_member_is_replaced(trial: Trial, conclude: Conclude) -> None:
    identity = cluster.query(trial.was, IDENTITY)
    lost, other = cluster.replicas()
    words = (REPLACE, "--extra-vars", f"member={lost}")
    server = cluster.query(lost, "SELECT pg_postmaster_start_time()")

    # With etcd away on another member, all of PostgreSQL is well.
    connect(other).check_output("systemctl stop etcd.service")
    try:
        said = refused(play(*words))
        assert f"etcd does not serve on {other}: with {lost} gone as well, it would have no majority" in said
        assert lost in running()
        assert cluster.query(lost, "SELECT pg_postmaster_start_time()") == server
    finally:
        connect(other).check_output("systemctl start etcd.service")
    assert re.search(rf"{trial.was} is the primary", refused(play(REPLACE, "--extra-vars", f"member={trial.was}")))
    # Nothing of it goes by mistake.
    assert f"copies the primary, {trial.was}. If that is what you want: -e gives_up={lost}" in refused(play(*words))
    assert cluster.query(lost, "SELECT pg_postmaster_start_time()") == server

    # Its disk is.
    connect(lost).check_output("systemctl stop patroni.service etcd.service")
    connect(lost).check_output(f"rm -rf {cluster.DATA} {ETCD_DATA}")
    killed("etcd", "Tell etcd that it joins", *words)
    succeeded(play(*words))
    assert not connect(lost).file(JOINING).exists
    conclude(trial, "a member replaced")
    assert trial.errors() == []
    assert cluster.query(lost, IDENTITY) == identity
    assert eventually(lambda: len(cluster.etcd_members(lost)) == len(cluster.MEMBERS))
    assert cluster.primary() == trial.was
