"""The RTs' group in a real directory: compared with the model, and changed by a merged outcome alone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from ansible_collections.aurore.infra.plugins.module_utils.campaign import outcome

from tests.testinfra.conftest import LAB, connect, inventory, run
from tests.testinfra.playbook import play, refused, succeeded

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from subprocess import CompletedProcess

    from testinfra.host import Host

ME = inventory()["log"]
URI = f"ldap://{ME['model_fqdn']}"
BASE = "".join(f",dc={label}" for label in ME["model_domain"].split("."))
ACCOUNT = f"cn=rt-office,ou=service-users{BASE}"
BY_NAME = f"cn=rt,ou=posix,ou=groups{BASE}"
BY_DN = f"cn=rt,ou=groups{BASE}"
RTC = next(person["nick"] for person in ME["model_people"] if person["role"] == "rtc")
NICKS: list[str] = sorted((person["nick"] for person in ME["model_rts"]), key=lambda nick: (nick == RTC, nick))
LEAVER = NICKS[0]
ENTRY = "directory/rt-office"
LAST_DAY = date.today() - timedelta(days=1)  # noqa: DTZ011 - mandates end by the control machine's calendar


def dn(nick: str) -> str:
    return f"uid={nick},ou=people{BASE}"


@pytest.fixture(scope="module")
def office() -> Host:
    return connect("log")


def ldap(office: Host, changes: str) -> None:
    """Change the directory as its host's root."""
    office.check_output(f"ldapmodify -Q -Y EXTERNAL -H ldapi:/// <<'E'\n{changes}\nE")


def members(office: Host, group: str = BY_NAME, attribute: str = "memberUid") -> list[str]:
    found = office.check_output(f"ldapsearch -Q -LLL -Y EXTERNAL -H ldapi:/// -b '{group}' -s base {attribute}")
    return sorted(line.partition(": ")[2] for line in found.splitlines() if line.startswith(f"{attribute}: "))


def have(office: Host, values: list[str], group: str = BY_NAME, attribute: str = "memberUid") -> None:
    lines = [f"dn: {group}", "changetype: modify", f"replace: {attribute}"]
    ldap(office, "\n".join([*lines, *(f"{attribute}: {value}" for value in values)]))


@pytest.fixture(autouse=True)
def group(office: Host) -> Iterator[None]:
    """Begin with the model's group, and leave it behind."""
    have(office, NICKS)
    yield
    have(office, NICKS)


def operation(name: str, *options: str, **variables: Any) -> CompletedProcess[str]:
    given = json.dumps({"rt_directory_uri": URI} | variables)
    return play(f"playbooks/operations/{name}.yml", "-e", given, *options)


def check(**variables: Any) -> str:
    """Compare, which succeeds and changes nothing."""
    said = succeeded(operation("check_directory", **variables))
    assert "changed=0" in said
    return said


def fails(**variables: Any) -> str:
    """Compare, which fails."""
    done = operation("check_directory", **variables)
    assert "Traceback" not in done.stdout + done.stderr
    return refused(done)


# --- Comparing


def test_a_group_as_the_model_has_it_does_not_differ() -> None:
    assert f"No difference(s) between {BY_NAME} at {URI} and the model." in check(strict=True)


def test_differences_are_listed_both_ways(office: Host) -> None:
    present = [*NICKS[1:-1], NICKS[-1].upper(), "gone"]
    have(office, present)
    listed = check()
    assert f"- {NICKS[0]} is an RT, but not in the group" in listed
    assert "- gone is in the group, but nobody in people.yml has this nick" in listed
    assert "2 difference(s)" in listed
    assert members(office) == sorted(present)
    assert "2 difference(s)" in fails(strict=True)


def test_members_may_be_distinguished_names(office: Host) -> None:
    have(office, [dn(NICKS[0]), f"cn=admin{BASE}", dn("gone")], BY_DN, "member")
    listed = check(rt_directory_group=BY_DN, rt_directory_attribute="member")
    for nick in NICKS[1:]:
        assert f"- {nick} is an RT, but not in the group" in listed
    assert f"{NICKS[0]} is" not in listed
    assert f"- {dn('gone')} is in the group, but nobody in people.yml has this nick" in listed
    assert "which cannot be understood: it does not begin with uid=" in listed


def test_a_mandate_that_is_over_is_told() -> None:
    people = [
        person | {"until": str(LAST_DAY)} if person["nick"] == NICKS[0] else person for person in ME["model_people"]
    ]
    assert f"- {NICKS[0]} is in the group, but the mandate ended on {LAST_DAY}" in check(model_people=people)


# --- What must not work, and says why


def password() -> str:
    store = {"PASSWORD_STORE_DIR": str(LAB / "pass"), "GNUPGHOME": str(LAB / "gnupg")}
    return run("pass", "show", ENTRY, env=store).stdout.splitlines()[0]


@pytest.mark.parametrize(("tls", "status"), [("", 13), ("-ZZ", 0)])
def test_the_directory_takes_passwords_over_tls_alone(tls: str, status: int) -> None:
    command = f"LDAPTLS_CACERT=/etc/aurore/tls/ca.crt ldapwhoami -x {tls} -H {URI} -D {ACCOUNT} -y /dev/stdin"
    done = run("ssh", "-F", str(LAB / "ssh/config"), "log", command, check=False, input=password())
    assert done.returncode == status, done.stderr
    assert ("confidentiality required" in done.stderr) == (status != 0)
    assert (f"dn:{ACCOUNT}" in done.stdout) == (status == 0)


def test_another_password_is_refused() -> None:
    told = fails(rt_directory_entry="tls/authority")
    assert f"the directory refuses the password of {ACCOUNT}; compare the store's entry" in told.replace("''", "'")


def test_a_store_without_the_password_is_told() -> None:
    assert "There is no secret ''no/such'' in the store" in fails(rt_directory_entry="no/such")


def test_a_certificate_of_another_authority_is_refused(office: Host) -> None:
    office.check_output(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=other "
        "-keyout /dev/null -out /tmp/other.crt 2>/dev/null"
    )
    try:
        told = fails(rt_directory_ca="/tmp/other.crt")
    finally:
        office.check_output("rm /tmp/other.crt")
    assert f"{URI} shows a certificate that /tmp/other.crt does not vouch for" in told


def test_a_certificate_of_another_name_is_refused() -> None:
    assert "or that is of another name" in fails(rt_directory_uri="ldap://ip6-localhost")


def test_a_group_that_is_not_there_is_told() -> None:
    assert f"{URI} has no group cn=none{BASE}; correct rt_directory_group" in fails(rt_directory_group=f"cn=none{BASE}")


def test_without_a_directory_the_variable_is_named() -> None:
    assert "set rt_directory_uri in group_vars/rt_office.yml" in fails(rt_directory_uri="")


def test_a_directory_that_refuses_starttls_is_sent_no_password(office: Host) -> None:
    uri = f"{URI}:3890"
    server = f"/usr/sbin/slapd -d 0 -f /run/bare-slapd.conf -h {uri}"
    office.check_output(": > /run/bare-slapd.conf")
    office.check_output(f"systemd-run --quiet --unit bare-slapd --property Type=notify {server}")
    try:
        assert f"{uri} refuses StartTLS, without which no password is sent" in fails(rt_directory_uri=uri)
    finally:
        office.check_output("systemctl stop bare-slapd && rm /run/bare-slapd.conf")


def test_a_directory_that_is_down_concerns_nothing_else(office: Host) -> None:
    office.check_output("systemctl stop slapd")
    try:
        assert f"{URI} does not answer; see whether it runs" in fails()
        # The model still serves.
        listed = run("ansible-inventory", "-i", "inventory/lab.yml", "--host", "log").stdout
        assert [person["nick"] for person in json.loads(listed)["model_rts"]] == [
            person["nick"] for person in ME["model_rts"]
        ]
    finally:
        office.check_output("systemctl start slapd")
    assert "No difference(s)" in check()


def test_the_password_is_in_nothing_that_is_written() -> None:
    secret = password()
    done = operation("check_directory", "-vvvv")
    assert done.returncode == 0
    assert secret not in done.stdout + done.stderr


# --- A merged outcome


@dataclass
class Clone:
    """A clone whose branch main is what the college has merged."""

    path: Path
    leavers: list[str]

    @property
    def file(self) -> Path:
        """The outcome."""
        return self.path / "campaigns" / f"{LAST_DAY.year}.yml"

    def git(self, *words: str) -> None:
        who = ["-c", "user.name=Collège", "-c", "user.email=college@example.org"]
        run("git", "-C", str(self.path), *who, *words)

    def write(self) -> None:
        """Prepare the outcome, as campaign_outcome does."""
        answers = outcome.answers(
            {
                "year": LAST_DAY.year,
                "opened": LAST_DAY - timedelta(days=14),
                "deadline": LAST_DAY,
                "stays": [nick for nick in NICKS if nick not in self.leavers],
                "leaves": [{"nick": nick, "reason": "no answer"} for nick in self.leavers],
                "late": [],
                "unclear": [],
            }
        )
        self.file.parent.mkdir(exist_ok=True)
        self.file.write_text(outcome.write(answers, LAST_DAY))

    def merge(self) -> None:
        """Merge it."""
        self.git("add", ".")
        self.git("commit", "--quiet", "--message", "outcome")
        self.git("update-ref", "refs/remotes/origin/main", "HEAD")

    def apply(self, *options: str, ended: bool = True) -> CompletedProcess[str]:
        people = [
            person | {"until": str(LAST_DAY)} if ended and person["nick"] in self.leavers else person
            for person in ME["model_people"]
        ]
        variables = {"year": LAST_DAY.year, "rt_directory_outcome": str(self.file), "model_people": people}
        return operation("apply_campaign", "--diff", *options, **variables)


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    """A clone with an outcome by which somebody leaves, not merged."""
    found = Clone(tmp_path, [LEAVER])
    found.git("init", "--quiet", "--initial-branch", "main")
    found.write()
    return found


def test_a_merged_outcome_removes_those_who_leave_and_nobody_else(office: Host, clone: Clone) -> None:
    clone.merge()
    # Somebody whom the model does not know is not the campaign's business, and one name may be written in several ways.
    before = sorted([*NICKS, LEAVER.upper(), "stranger"])
    have(office, before)
    foretold = clone.apply("--check")
    assert "changed=1" in succeeded(foretold)
    assert f"-    - {LEAVER}" in foretold.stdout
    assert members(office) == before

    said = succeeded(clone.apply())
    assert "changed=1" in said
    assert members(office) == sorted([*NICKS[1:], "stranger"])
    assert f"{LEAVER} left by the outcome of {LAST_DAY.year}. Next: ansible-playbook playbooks/site.yml" in said

    assert "changed=0" in succeeded(clone.apply())
    assert members(office) == sorted([*NICKS[1:], "stranger"])


def test_members_by_distinguished_name_are_removed_as_the_group_has_them(office: Host, clone: Clone) -> None:
    clone.merge()
    have(office, [dn(nick) for nick in NICKS], BY_DN, "member")
    settings = json.dumps({"rt_directory_group": BY_DN, "rt_directory_attribute": "member"})
    succeeded(clone.apply("-e", settings))
    assert members(office, BY_DN, "member") == sorted(dn(nick) for nick in NICKS[1:])
    assert members(office) == sorted(NICKS)


def unmerged(clone: Clone) -> None:
    """It is in the working tree alone."""


def older(clone: Clone) -> None:
    clone.merge()
    clone.leavers = NICKS[1:2]
    clone.write()


@pytest.mark.parametrize("state", [unmerged, older])
def test_before_the_merge_nobody_is_removed(office: Host, clone: Clone, state: Any) -> None:
    state(clone)
    assert "Nobody leaves before the college has merged the outcome" in refused(clone.apply())
    assert members(office) == sorted(NICKS)


def test_while_the_model_says_otherwise_nobody_is_removed(office: Host, clone: Clone) -> None:
    clone.merge()
    assert f"the mandate of '{LEAVER}' runs until" in refused(clone.apply(ended=False))
    assert members(office) == sorted(NICKS)


def test_a_directory_that_is_down_stops_it_and_the_next_run_does_it(office: Host, clone: Clone) -> None:
    clone.merge()
    office.check_output("systemctl stop slapd")
    try:
        done = clone.apply()
    finally:
        office.check_output("systemctl start slapd")
    assert f"{URI} does not answer" in refused(done)
    succeeded(clone.apply())
    assert members(office) == sorted(NICKS[1:])


def test_without_the_right_to_change_the_group_it_says_so(office: Host, clone: Clone) -> None:
    clone.merge()
    read_only = (
        "dn: olcDatabase={1}mdb,cn=config\nchangetype: modify\n"
        "add: olcAccess\n"
        f'olcAccess: {{0}}to dn.base="{BY_NAME}" by dn.exact="{ACCOUNT}" read by * break'
    )
    ldap(office, read_only)
    try:
        done = clone.apply()
        assert members(office) == sorted(NICKS)
    finally:
        ldap(office, "dn: olcDatabase={1}mdb,cn=config\nchangetype: modify\ndelete: olcAccess\nolcAccess: {0}")
    assert f"Nobody was removed: {ACCOUNT} may not do that to {BY_NAME}" in refused(done)
