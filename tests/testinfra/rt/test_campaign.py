"""A campaign of January with the real Postfix and Dovecot: questions, replies, deadline, and what the college reads.

It is a rehearsal, with settings, key and state of its own, which opens today: replies that are sent by SMTP count.
Mails that come at another time are given that time on the mail server's disk, where Dovecot takes it from; the clock of
the program is moved (`--now`).
"""

from __future__ import annotations

import json
import secrets
import shlex
import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta
from email import message_from_string
from email.message import EmailMessage, Message
from email.utils import make_msgid
from functools import cached_property
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from ..conftest import ROOT, SSH_CONFIG, connect, eventually, inventory, run
from ..playbook import play, refused, succeeded

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from subprocess import CompletedProcess

    from testinfra.host import Host

DEPLOYED = "/etc/aurore/rt-office"
PLACE = f"/var/lib/rt-campaign-{secrets.token_hex(4)}"
MAILBOXES = "/srv/mailboxes"
PARIS = ZoneInfo("Europe/Paris")
TODAY = datetime.now(PARIS).date()
DEADLINE = TODAY + timedelta(weeks=2)
END = datetime.combine(DEADLINE + timedelta(days=1), datetime.min.time(), PARIS)
STAYS, LEAVES, SILENT = "lucille", "erdnaxe", "elkmaennchen"

# Runs the command in a process that dies at a call of smtplib's: before a message is handed over, or after the mail
# server has taken it.
KILLED = """
import os, signal, smtplib, sys
from rt_office.__main__ import main
name, place, number = sys.argv.pop(1), sys.argv.pop(1), int(sys.argv.pop(1))
real, calls = getattr(smtplib.SMTP, name), 0
def dying(*arguments, **options):
    global calls
    calls += 1
    if calls == number and place == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    answer = real(*arguments, **options)
    if calls == number:
        os.kill(os.getpid(), signal.SIGKILL)
    return answer
setattr(smtplib.SMTP, name, dying)
sys.exit(main(sys.argv[1:]))
"""


def ssh(host: str, command: str, content: str = "", *, check: bool = True) -> CompletedProcess[str]:
    """Run a command on a host, with something to read."""
    return run("ssh", "-F", str(SSH_CONFIG), host, command, input=content, check=check)


def listing(host: Host, directory: str) -> list[str]:
    return sorted(host.run(f"find {directory} -type f -printf '%p %s %T@\\n'").stdout.splitlines())


@dataclass(frozen=True)
class January:
    """A campaign beside the deployed ones."""

    office: Host
    mail: Host

    def command(self, *words: str, now: datetime | None = None, before: str = "/usr/local/sbin/rt-office") -> str:
        options = ["--now", now.isoformat()] if now else []
        argv = ["--settings", f"{PLACE}/settings.json", "campaign", *words, *options]
        return f"{before} {shlex.join(argv)}"

    def run(self, *words: str, now: datetime | None = None) -> CompletedProcess[str]:
        return ssh("log", self.command(*words, now=now), check=False)

    def run_killed(self, call: str, place: str, number: int, *words: str) -> None:
        """Run it in a process that is killed."""
        self.office.check_output(f"cat > {PLACE}/killed.py <<'E'\n{KILLED}\nE")
        user = "setpriv --reuid=rt-office --regid=rt-office --init-groups --reset-env env"
        python = f"{user} PYTHONPATH=/usr/local/lib/aurore python3 -B {PLACE}/killed.py {call} {place} {number}"
        done = ssh("log", f"{self.command(*words, before=python)}; echo $?")
        assert done.stdout.endswith("137\n"), done.stderr

    @cached_property
    def people(self) -> dict[str, dict[str, Any]]:
        return {one["nick"]: one for one in inventory()["log"]["model_people"]}

    def of(self, nick: str) -> list[Message]:
        """The mails of this campaign in somebody's mailbox. Its key is new, and so are all tokens."""
        state = json.loads(self.office.check_output(f"cat {PLACE}/state/campaigns/{TODAY.year}/campaign.json"))
        marks = self.office.check_output(f"cat {PLACE}/state/outbox/*.json")
        assert state["year"] == TODAY.year
        user = self.people[nick]["mail"].partition("@")[0]
        names = self.mail.run(f"grep -rl 'ref-' {MAILBOXES}/{user}/new {MAILBOXES}/{user}/cur").stdout.split()
        found = [message_from_string(self.mail.check_output(f"cat {name}")) for name in names]
        return [one for one in found if str(one["Message-ID"]).strip()[1:].partition("@")[0] in marks]

    def await_departures(self) -> None:
        """Await that whatever was handed over has left."""
        sender = f" rt@{inventory()['log']['model_domain']}"
        assert eventually(lambda: sender not in self.office.check_output("mailq"))

    def question(self, nick: str) -> Message:
        """The question that somebody got."""
        return eventually(lambda: self.of(nick))[0]

    def reply(self, nick: str, text: str, *, kind: str = "plain", **headers: str) -> EmailMessage:
        """What somebody's mail program makes of a reply."""
        question = self.question(nick)
        message = EmailMessage()
        fields = {
            "From": self.people[nick]["mail"],
            "To": question["Reply-To"],
            "Subject": f"Re: {question['Subject']}",
            "In-Reply-To": question["Message-ID"],
            "Message-ID": make_msgid(domain="example.org"),
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        for name, value in fields.items():
            message[name] = " ".join(str(value).split())
        message.set_content(text, subtype=kind, cte="quoted-printable")
        return message

    def send(self, message: EmailMessage, at: datetime | None = None) -> None:
        """Send a mail by SMTP, and await its arrival in the campaign's mailbox, which can be said to have been then."""
        ssh("log", f"/usr/sbin/sendmail -i -t -f {message['From']}", message.as_string())
        known = shlex.quote(str(message["Message-ID"]))
        arrived = eventually(lambda: self.mail.run(f"grep -rlF {known} {MAILBOXES}/rt/new").stdout.split())
        assert len(arrived) == 1
        if at:
            # Before anybody has looked: what Dovecot has told once stays as it is.
            self.mail.check_output(f"touch --date=@{at.timestamp()} {arrived[0]}")

    def state(self) -> dict[str, Any]:
        """The state of play, for programs."""
        found: dict[str, Any] = json.loads(
            self.office.check_output(f"cat {PLACE}/state/campaigns/{TODAY.year}/state.json")
        )
        return found

    def person(self, nick: str) -> dict[str, Any]:
        """Where somebody stands."""
        return next(one for one in self.state()["people"] if one["nick"] == nick)


@pytest.fixture(scope="module")
def january() -> Iterator[January]:
    """A campaign that was opened today, by runs that were killed."""
    office, mail = connect("log"), connect("mail")
    before = listing(office, "/var/lib/rt-office/campaigns")
    office.check_output(
        f"rm -rf {PLACE} && install -d -o rt-office -g rt-office -m 0750 {PLACE} {PLACE}/state {PLACE}/metrics"
        f" && install -d -g rt-office -m 0750 {PLACE}/secrets"
        f" && install -g rt-office -m 0640 {DEPLOYED}/secrets/mailbox {PLACE}/secrets/"
        f" && openssl rand -hex 32 | install -g rt-office -m 0640 /dev/stdin {PLACE}/secrets/token-key"
    )
    settings = json.loads(office.check_output(f"cat {DEPLOYED}/settings.json"))
    settings |= {name: f"{PLACE}/{name}" for name in ("state", "metrics", "secrets")}
    settings["register"] = f"{PLACE}/register.json"
    register = json.loads(office.check_output(f"cat {DEPLOYED}/register.json"))
    for person in register["people"]:
        person |= {"since": str(TODAY), "until": str(TODAY + timedelta(days=365))}
    for name, content in (("settings", settings), ("register", register)):
        ssh("log", f"cat > {PLACE}/{name}.json", json.dumps(content))
    made = January(office, mail)
    opening = ("open", "--opens", str(TODAY))
    # Before the first mail; with the second one taken and not noted; before the third one.
    made.run_killed("mail", "before", 1, *opening)
    made.run_killed("data", "after", 2, *opening)
    made.run_killed("mail", "before", 1, *opening)
    # Two at once, too.
    both = ssh("log", f"{made.command(*opening)} & {made.command(*opening)}; wait", check=False)
    assert both.returncode == 0, both.stderr
    yield made
    assert listing(office, "/var/lib/rt-office/campaigns") == before, "what is deployed is not touched"
    office.check_output(f"rm -rf {PLACE}")


@pytest.fixture(scope="module")
def answered(january: January) -> January:
    """Everybody has answered, or something else has."""
    for nick in (STAYS, LEAVES, SILENT):
        assert january.question(nick)
    january.send(january.reply(STAYS, "Non, je n'ai plus le temps."), datetime.now(PARIS) - timedelta(hours=1))
    january.send(january.reply(STAYS, "Bonjour,\n\nOui, finalement, je reste !\n\n> non : je rends mon titre"))
    january.send(january.reply(LEAVES, "Oui, je suis absent jusqu'au 15.", Auto_Submitted="auto-replied"))
    january.send(january.reply(LEAVES, "<p>Non&nbsp;merci</p><blockquote>oui</blockquote>", kind="html"))
    forged = january.reply(SILENT, "oui", Subject="Re: rester", In_Reply_To="<x@example.org>")
    forged.replace_header("To", f"rt+{'a' * 32}@{str(forged['From']).partition('@')[2]}")
    january.send(forged)
    january.send(january.reply(SILENT, "On peut en discuter ?"))
    january.send(january.reply(SILENT, "Oui, désolé du retard"), END)
    return january


def test_everybody_gets_the_question_once_whatever_was_killed(january: January) -> None:
    for nick in january.people:
        assert eventually(lambda nick=nick: january.of(nick)), f"{nick} got the question"  # type: ignore[misc]
    assert ssh("log", january.command("run")).returncode == 0
    # All that was handed over has left, and is where it belongs.
    january.await_departures()
    for nick in january.people:
        [message] = january.of(nick)
        assert message["Reply-To"].count("rt+") == 1
        assert "oui : je souhaite rester" in message.get_payload(decode=True).decode()  # type: ignore[union-attr]


def test_answers_are_read_and_the_mailbox_is_left_alone(answered: January) -> None:
    before = listing(answered.mail, f"{MAILBOXES}/rt/new {MAILBOXES}/rt/cur")
    done = answered.run("status")
    assert done.returncode == 0, done.stderr
    assert listing(answered.mail, f"{MAILBOXES}/rt/new {MAILBOXES}/rt/cur") == before
    found = answered.state()
    assert {nick: answered.person(nick)["answer"] for nick in (STAYS, LEAVES, SILENT)} == {
        STAYS: "yes",
        LEAVES: "no",
        SILENT: None,
    }
    assert answered.person(STAYS)["changed_mind"]
    assert [one["said"] for one in answered.person(SILENT)["unclear"]] == ["On peut en discuter ?"]
    assert [one["said"] for one in answered.person(SILENT)["late"]] == ["Oui, désolé du retard"]
    # The mailbox keeps what other runs of this test have sent.
    assert [one["nick"] for one in found["automatic"] if one["nick"]] == [LEAVES]
    assert "wrong token" in [one["note"] for one in found["unmatched"]]
    page = answered.office.check_output(f"cat {PLACE}/state/campaigns/{TODAY.year}/state.html")
    for words in ("a changé d&#x27;avis", "désolé du retard", "On peut en discuter"):
        assert words in page


def test_reading_again_changes_nothing(answered: January) -> None:
    answered.run("collect")
    before = answered.state()
    assert json.loads(answered.run("collect", "--json").stdout)["changed"] is False
    assert answered.state() | {"collected": None} == before | {"collected": None}


def test_those_without_an_answer_are_reminded_once(answered: January) -> None:
    day = datetime.combine(TODAY + timedelta(days=8), datetime.min.time(), PARIS)
    for _ in range(2):
        done = answered.run("run", now=day)
        assert done.returncode == 0, done.stderr
    assert eventually(lambda: len(answered.of(SILENT)) == 2)
    answered.await_departures()
    assert [len(answered.of(nick)) for nick in (STAYS, LEAVES, SILENT)] == [1, 1, 2]
    assert sum("Rappel" in str(one["Subject"]) for one in answered.of(SILENT)) == 1


def test_a_mail_server_of_another_authority_gets_no_password(answered: January) -> None:
    settings = answered.office.check_output(f"cat {PLACE}/settings.json")
    other = json.loads(settings)
    other["campaign"]["mailbox"]["authority"] = "/etc/ssl/certs/ca-certificates.crt"
    try:
        ssh("log", f"cat > {PLACE}/settings.json", json.dumps(other))
        done = answered.run("run", now=END - timedelta(hours=1))
    finally:
        ssh("log", f"cat > {PLACE}/settings.json", settings)
    assert done.returncode == 1
    assert "certificate verify failed" in done.stderr
    assert "A reminder" not in done.stdout, "nobody is reminded who may have answered"


def test_the_secrets_are_nowhere_else(answered: January) -> None:
    assert answered.run("status").returncode == 0
    for name in ("mailbox", "token-key"):
        known = f"{PLACE}/secrets/{name}"
        journal = "journalctl --sync && journalctl --quiet --output=json --since=-10min"
        assert answered.office.run(f"{journal} | grep --count --fixed-strings -f {known}").stdout.strip() == "0"
        files = f"grep --recursive --files-with-matches --fixed-strings -f {known} {PLACE}/state {PLACE}/metrics"
        assert answered.office.run(files).stdout == ""
        assert answered.office.run(f"setpriv --reuid=nobody --clear-groups cat {known}").rc != 0


def test_the_timer_s_service_does_the_day_s_work(answered: January) -> None:
    assert answered.office.service("rt-campaign.timer").is_running
    # As deployed, but with the rehearsal's settings: what its sandbox allows is enough for mail in both directions.
    unit = answered.office.check_output("systemctl cat rt-campaign.service").replace(
        "rt-office campaign run", f"rt-office --settings {PLACE}/settings.json campaign run"
    )
    changed = unit.replace("[Service]", f"[Service]\nReadWritePaths={PLACE}")
    unit_name = f"{PLACE.rpartition('/')[2]}.service"
    path = f"/run/systemd/system/{unit_name}"
    ssh("log", f"cat > {path} && systemctl daemon-reload", changed)
    try:
        done = answered.office.run(f"systemctl start {unit_name}")
        told = answered.office.run(f"journalctl --sync; journalctl --quiet --unit={unit_name} --output=cat")
        assert done.rc == 0, told.stdout
        assert "3 asked: 1 yes, 1 no, 1 missing" in told.stdout
        assert "aurore_rt_campaign_last_run_complete 1" in answered.office.check_output(f"cat {PLACE}/metrics/*.prom")
    finally:
        answered.office.check_output(f"rm {path} && systemctl daemon-reload")


def campaign(*options: str, **variables: Any) -> CompletedProcess[str]:
    return play("playbooks/operations/rt_campaign.yml", "-e", json.dumps(variables), *options)


def test_it_is_closed_after_the_deadline_alone(answered: January, tmp_path: Path) -> None:
    done = answered.run("close", now=END - timedelta(seconds=1))
    assert (done.returncode, done.stdout) == (2, "")
    assert f"before the end of {DEADLINE}" in done.stderr
    expected = {
        "year": TODAY.year,
        "opened": str(TODAY),
        "deadline": str(DEADLINE),
        "stays": [STAYS],
        "leaves": [{"nick": LEAVES, "reason": "answered no"}, {"nick": SILENT, "reason": "no answer"}],
        "late": [SILENT],
        "unclear": [SILENT],
    }
    model = tmp_path / "model"
    shutil.copytree(ROOT / "inventory/model", model)
    given = {"settings": f"{PLACE}/settings.json", "at": END.isoformat(), "pages": str(tmp_path / "pages")}
    assert "would be closed" in succeeded(campaign("--check", step="close", model=str(model), **given))
    assert answered.state()["state"] == "open"
    said = succeeded(campaign(step="close", model=str(model), **given))
    assert (tmp_path / f"pages/campaign-{TODAY.year}.html").read_text().startswith("<!DOCTYPE html>")
    proposal = (model / f"campaigns/{TODAY.year}.yml").read_text()
    assert f'nick: {LEAVES}\n    reason: "answered no"' in proposal.replace("'", '"')
    assert "git" in said, "it says what comes next"
    for _ in range(2):
        closed = answered.run("close", now=END + timedelta(days=3))
        assert json.loads(closed.stdout) == expected


def test_the_playbook_tells_what_it_would_do_and_where_one_is(tmp_path: Path) -> None:
    office = connect("log")
    before = listing(office, "/var/lib/rt-office/campaigns")
    said = succeeded(campaign("--check", step="open", opens=str(TODAY), pages=str(tmp_path)))
    assert "would be sent to" in said
    assert "changed=1" in said
    said = succeeded(campaign(pages=str(tmp_path)))
    assert "step=open" in said
    assert "changed=0" in said
    said = refused(campaign(step="open", year=TODAY.year - 1, pages=str(tmp_path)))
    assert "opens between the 1st and the 7th" in said
    assert listing(office, "/var/lib/rt-office/campaigns") == before
