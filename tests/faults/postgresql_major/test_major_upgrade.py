"""The cluster is made anew with the version before, upgraded by runs that are killed, taken back, and upgraded again.

It removes the databases that the lab has, and leaves a cluster of the present version that has been upgraded.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.faults.postgresql import older
from tests.faults.postgresql.interrupt import interrupted
from tests.testinfra.conftest import ROOT, SSH_CONFIG, connect, eventually, run
from tests.testinfra.playbook import changes, play, refused, succeeded
from tests.testinfra.postgresql import cluster
from tests.testinfra.postgresql.cluster import MEMBERS, primary, query, replicas
from tests.testinfra.postgresql.repository import REPOSITORY, no_timers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OLD, NEW = older.VERSION, 17
LIMIT = "postgresql,backup_repository"
LIMITED = ("--limit", LIMIT)
PLAYBOOK = ("playbooks/postgresql.yml", *LIMITED)
UPGRADE = ("playbooks/operations/upgrade_postgresql_major.yml", *LIMITED, "--extra-vars", f"to_version={NEW}")
REPLACE = "playbooks/operations/replace_postgresql_member.yml"
REAL = (*UPGRADE, "--extra-vars", "real=true")
ROLE = "aurore.infra.postgresql_upgrade"
# Tasks of the real upgrade in their order, and what is running when the run is killed. After the first one, another
# member becomes the primary.
MOMENTS = (
    (f"{ROLE} : Let no client in any more", ""),
    (f"{ROLE} : Stop the primary", ""),
    (f"{ROLE} : Make the new version's data, beside the old one's", "pg_upgrade"),
    (f"{ROLE} : Have the cluster know its data", ""),
    ("aurore.infra.patroni : Wait until the member serves", "pg_basebackup"),
    ("aurore.infra.pgbackrest : Have the repository expect the cluster that runs now", ""),
)
CONTENT = """
CREATE EXTENSION pg_trgm;
SET ROLE forge;
CREATE TABLE "dépôt" (id bigserial PRIMARY KEY, nom text NOT NULL);
INSERT INTO "dépôt" (nom) SELECT 'Émilie du Châtelet ' || n FROM generate_series(1, 20000) AS n;
CREATE INDEX nom_trgm ON "dépôt" USING gin (nom gin_trgm_ops);
CREATE TABLE journal (n int PRIMARY KEY, contenu bytea);
INSERT INTO journal SELECT n, decode(repeat(md5(n::text), 60), 'hex') FROM generate_series(1, 20000) AS n;
CREATE MATERIALIZED VIEW compte AS SELECT count(*) FROM "dépôt";
SELECT lo_from_bytea(4242, convert_to(repeat('à', 5000), 'UTF8'));
"""
FACTS = {
    """SELECT count(*), max(id), min(nom) FROM "dépôt" """: "20000|20000|Émilie du Châtelet 1",
    "SELECT count(*), sum(length(contenu)) FROM journal": "20000|19200000",
    "SELECT count FROM compte": "20000",
    # A replica knows of up to 32 more: so many are logged ahead.
    """SELECT last_value BETWEEN 20000 AND 20032 FROM "dépôt_id_seq" """: "t",
    "SELECT convert_from(lo_get(4242), 'UTF8') = repeat('à', 5000)": "t",
}


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a run is told for it to have the version before: also a locale that it knows."""
    local = yaml.safe_load((ROOT / "roles/patroni/vars/main.yml").read_text())["patroni_local"]
    local["bootstrap"]["initdb"] = [{"encoding": "UTF8"}, "data-checksums", {"locale": "C.UTF-8"}]
    path = tmp_path_factory.mktemp("before") / "variables.json"
    path.write_text(json.dumps({"postgresql_version": OLD, "patroni_local": local}))
    return path


@pytest.fixture(scope="module", autouse=True)
def _old_cluster(before: Path) -> Iterator[None]:
    """A cluster of the version before, with something in it."""
    with no_timers():
        for member in MEMBERS:
            connect(member).check_output(
                "systemctl stop haproxy.service patroni.service; rm -rf /var/lib/postgresql/[0-9u]*"
            )
            older.offer(member)
        cluster.etcdctl(MEMBERS[0], "del --prefix /postgresql/")
        connect(REPOSITORY).check_output("rm -rf /var/lib/pgbackrest/archive/* /var/lib/pgbackrest/backup/*")
        succeeded(play(*PLAYBOOK, "--extra-vars", f"@{before}"))
        command = "cd /; runuser -u postgres -- psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --dbname forge"
        run("ssh", "-F", str(SSH_CONFIG), primary(), command, input=CONTENT)
        yield
        for member in MEMBERS:
            older.withdraw(member)


def versions() -> set[str]:
    """The versions that the members run."""
    return {query(member, "SELECT current_setting('server_version_num')::int / 10000") for member in MEMBERS}


def has_everything() -> None:
    """All members have the rows of all kinds."""
    for member in MEMBERS:
        assert {sql: query(member, sql, "forge") for sql in FACTS} == FACTS


def kept(member: str) -> str:
    """The versions of which a member has data."""
    return connect(member).check_output("ls -d /var/lib/postgresql/*/main | cut -d/ -f5 | xargs")


def noted(member: str) -> dict[str, Any]:
    """What a member has noted of the upgrade."""
    note: dict[str, Any] = json.loads(connect(member).check_output("cat /var/lib/postgresql/upgrade/note.json"))
    return note


def shut_out(member: str) -> str:
    """What changes when clients were shut out, and let in again."""
    return connect(member).check_output("systemctl show --property=InvocationID --property=SubState haproxy.service")


def works_since(member: str) -> tuple[str, str]:
    """What changes when the database or the way to it is stopped."""
    return shut_out(member), query(member, "SELECT pg_postmaster_start_time()")


def through_the_door(sql: str) -> str:
    """What a service of the lab is answered by the way that services go, from a member."""
    member = MEMBERS[0]
    line = f"*:*:*:forge:{cluster.secret('postgresql/forge')}\n"
    run("ssh", "-F", str(SSH_CONFIG), member, "umask 077; cat >/run/aurore-door.pgpass", input=line)
    psql = "PGPASSFILE=/run/aurore-door.pgpass timeout 60 psql -XAtq --dbname %s --command %s"
    try:
        return connect(member).check_output(psql, "service=primary dbname=forge user=forge", sql)
    finally:
        connect(member).check_output("rm /run/aurore-door.pgpass")


def test_the_members_refuse_a_version_that_is_not_their_datas() -> None:
    said = refused(play(*PLAYBOOK))
    assert f"This member has data of PostgreSQL {OLD}, and group_vars/all.yml has postgresql_version: {NEW}." in said
    assert versions() == {str(OLD)}


def test_what_stands_in_the_way_is_told_at_once() -> None:
    said = refused(play(*UPGRADE, "--extra-vars", "to_version=18 backup_hours=-1", "--check"))
    assert all(f"{member}: there is no package postgresql-18." in said for member in MEMBERS)
    assert "The last backup is 0 hours old" in said
    assert {*re.findall(r"\bchanged=(\d+)", said)} == {"0"}


def test_no_member_is_left_out() -> None:
    said = refused(play(*REAL, "--limit", f"{primary()},{REPOSITORY}"))
    assert "An upgrade is of all members at once, also of " in said


def test_a_rehearsal_changes_nothing() -> None:
    started = "SELECT pg_postmaster_start_time()"
    before = {member: query(member, started) for member in MEMBERS}
    said = succeeded(play(*UPGRADE))
    assert f"The upgrade from {OLD} to {NEW} works." in said
    assert "So the services would be away for about" in said
    assert {member: query(member, started) for member in MEMBERS} == before
    for member in MEMBERS:
        assert kept(member) == str(OLD)


def test_the_real_one_wants_the_version_raised(before: Path) -> None:
    said = refused(play(*REAL, "--extra-vars", f"@{before}"))
    assert f"group_vars/all.yml has postgresql_version: {OLD}. Set it to {NEW} on a branch" in said
    assert versions() == {str(OLD)}


def nobody_gets_in() -> None:
    """What is not compared lets no client in: not by a host's boot, and not by the playbook of a replica alone."""
    for member in MEMBERS:
        assert connect(member).run("systemctl is-enabled haproxy.service").stdout.strip() == "disabled"
        assert not connect(member).service("haproxy").is_running
    replica = next(member for member in MEMBERS if member != noted(member)["primary"])
    assert f"An upgrade from {OLD} to {NEW} is not over." in refused(play(*PLAYBOOK, "--limit", replica))


def another_leads(to: str) -> None:
    """Another member becomes the primary, and the others follow it."""

    def follow() -> bool:
        return sorted(one["state"] for one in cluster.view(to).values()) == ["running", "streaming", "streaming"]

    cluster.switch_over(to)
    assert eventually(follow), cluster.view(to)


def test_runs_that_are_killed_are_completed_by_the_next() -> None:
    to = replicas()[0]
    for moment, program in MOMENTS:
        said = interrupted(moment, REAL, program)
        assert f"TASK [{moment}]" in said, said[-4000:]
        if moment == MOMENTS[0][0]:
            another_leads(to)
        if program == "pg_basebackup":
            nobody_gets_in()
    said = succeeded(play(*REAL))
    assert f"PostgreSQL {NEW} serves, with a new full backup." in said
    assert all(connect(member).service("haproxy").is_enabled for member in MEMBERS)
    assert {noted(member)["primary"] for member in MEMBERS} == {to}
    assert versions() == {str(NEW)}
    cluster.await_health()
    has_everything()


def test_an_older_branch_is_refused_though_its_data_is_there(before: Path) -> None:
    said = refused(play(*PLAYBOOK, "--extra-vars", f"@{before}"))
    assert f"This member has data of PostgreSQL {OLD}, {NEW}," in said
    assert f"An upgrade from {OLD} to {NEW} is over." in said


def test_services_go_on_and_backups_are_of_the_new_one() -> None:
    # A change of the primary leaves out up to 32 values of a sequence.
    assert 20000 < int(through_the_door("""INSERT INTO "dépôt" (nom) VALUES ('après') RETURNING id""")) <= 20033
    said = connect(REPOSITORY).check_output(
        "setpriv --reuid=pgbackrest --regid=pgbackrest --groups=tls --reset-env pgbackrest --output=json info"
    )
    stanza = json.loads(said)[0]
    newest = max(stanza["db"], key=lambda one: one["id"])
    assert newest["version"] == str(NEW)
    assert stanza["backup"][-1]["database"]["id"] == newest["id"]
    assert {*changes(play(*REAL)).values()} == {0}


def test_a_member_is_made_anew_while_the_old_data_is_kept() -> None:
    member = next(one for one in replicas() if one != noted(one)["primary"])
    succeeded(play(REPLACE, "--limit", f"localhost,{LIMIT}", "--extra-vars", f"member={member} gives_up={member}"))
    assert {one: kept(one) for one in MEMBERS} == {
        one: str(NEW) if one == member else f"{OLD} {NEW}" for one in MEMBERS
    }
    cluster.await_health()


def test_nobody_loses_writes_by_mistake(before: Path) -> None:
    doors = {member: shut_out(member) for member in MEMBERS}
    said = refused(play(*UPGRADE, "--extra-vars", "way_back=true"))
    assert f"Set it back to {OLD}" in said
    said = refused(play(*UPGRADE, "--extra-vars", "way_back=true", "--extra-vars", f"@{before}"))
    assert 'forge: public."dépôt": 20000 rows before, 20001 rows now' in said
    assert versions() == {str(NEW)}
    # It looked while nobody could write, and lets them again.
    after = {member: shut_out(member) for member in MEMBERS}
    assert all(after[member] != doors[member] and "SubState=running" in after[member] for member in MEMBERS)
    cluster.await_health()
    assert through_the_door('SELECT count(*) FROM "dépôt"') == "20001"


def test_the_way_back(before: Path) -> None:
    back = (*UPGRADE, "--extra-vars", "way_back=true lose_writes=true", "--extra-vars", f"@{before}")
    moment = f"{ROLE} : Remove the new version's data"
    said = interrupted(moment, back)
    assert f"TASK [{moment}]" in said, said[-4000:]
    assert f"It is on its way back to {OLD}" in refused(play(*REAL))
    # Services work again when only the backup is left, and go on while that is done.
    backup = MOMENTS[-1][0]
    said = interrupted(backup, back)
    assert f"TASK [{backup}]" in said, said[-4000:]
    works = {member: works_since(member) for member in MEMBERS}
    succeeded(play(*back))
    assert {member: works_since(member) for member in MEMBERS} == works
    assert versions() == {str(OLD)}
    # Also where nothing was noted, since the member was made anew.
    assert {member: kept(member) for member in MEMBERS} == dict.fromkeys(MEMBERS, str(OLD))
    cluster.await_health()
    has_everything()
    assert through_the_door("SELECT pg_is_in_recovery()") == "f"


def test_the_old_data_goes_when_somebody_says_so(before: Path) -> None:
    succeeded(play(*REAL))
    has_everything()
    remove = (*UPGRADE, "--extra-vars", "remove_old=true")
    moment = f"{ROLE} : Remove its packages"
    said = interrupted(moment, remove)
    assert f"TASK [{moment}]" in said, said[-4000:]
    succeeded(play(*remove))
    for member in MEMBERS:
        assert kept(member) == str(NEW)
        assert not connect(member).exists(f"{older.BIN}/postgres")
    said = refused(play(*UPGRADE, "--extra-vars", "way_back=true", "--extra-vars", f"@{before}"))
    assert f"No upgrade to {NEW} is noted here" in said
    cluster.await_health()
    assert len(replicas()) == len(MEMBERS) - 1
