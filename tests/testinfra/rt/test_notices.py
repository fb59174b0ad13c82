"""An RT whose certificate is about to end gets one mail, whatever happens to the machines in between."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ..conftest import connect, eventually
from .rehearsal import (
    MAIL,
    ME,
    OFFICE,
    RT,
    RTC,
    TECHNIQUE,
    Rehearsal,
    arrived,
    certificate,
    mailbox,
    new_serial,
    notice_id,
    taken,
    waiting,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

INTERRUPT = Path(__file__).with_name("interrupt.py")
# Signed on the 25th of November; no 29th of February is near.
SINCE, UNTIL = "2026-11-25", "2027-12-23"
DAY_378, DAY_379, DAY_380 = "2027-12-08", "2027-12-09", "2027-12-10"


@pytest.fixture
def serial(rehearsal: Rehearsal) -> int:
    """An RT's certificate, the only one."""
    made = new_serial()
    rehearsal.register(certificate(made, SINCE, UNTIL))
    return made


@pytest.fixture
def mail_server() -> Iterator[None]:
    """Have it running again, whatever a test did."""
    yield
    connect(MAIL).check_output("systemctl start postfix")


def test_days_378_379_380_give_0_1_0_notices(rehearsal: Rehearsal, serial: int) -> None:
    sent = []
    for day in (DAY_378, DAY_379, DAY_380):
        before = taken(notice_id(serial))
        assert rehearsal.notices(day).rc == 0
        sent.append(taken(notice_id(serial)) - before)
    assert sent == [0, 1, 0]
    (notice,) = arrived(RT["mail"], notice_id(serial))
    assert notice["To"] == f"{RT['name']} <{RT['mail']}>"
    assert notice["From"] == f"Collège technique d'Aurore <{TECHNIQUE}>"
    assert notice["Subject"] == "Votre certificat SSH d'Aurore prend fin le 23 décembre 2027"
    assert notice["Auto-Submitted"] == "auto-generated"
    text = notice.get_content()
    assert f"n° {serial}," in text
    assert f"demandez une nouvelle signature à {RTC['name']} <{RTC['mail']}>" in text
    # Both servers have seen each other's certificates on the way.
    assert f'(Client CN "{ME["model_fqdn"]}", Issuer "Aurore lab" (verified OK))' in str(notice["Received"])
    # And the RTC has heard of it, once.
    (summary_id,) = rehearsal.sent("summary")
    assert taken(summary_id) == 1
    (summary,) = arrived(RTC["mail"], summary_id)
    assert f"{RT['name']} : avis envoyé à {RT['mail']} ; le certificat n° {serial}" in summary.get_content()


def test_days_that_were_missed_change_nothing(rehearsal: Rehearsal, serial: int) -> None:
    for day in ("2027-12-15", "2027-12-16"):
        assert rehearsal.notices(day).rc == 0
    assert len(arrived(RT["mail"], notice_id(serial))) == 1
    assert taken(notice_id(serial)) == 1


def test_nothing_for_revoked_ones_nor_where_there_is_a_newer_one(rehearsal: Rehearsal) -> None:
    revoked, old, new = new_serial(), 1, 2
    rehearsal.register(
        certificate(revoked, SINCE, UNTIL, revoked="2027-01-01", reason="lost"),
        certificate(old, SINCE, UNTIL, RTC["nick"]),
        certificate(new, DAY_378, "2029-01-05", RTC["nick"]),
    )
    assert rehearsal.notices(DAY_379).rc == 0
    assert rehearsal.sent("notice") == rehearsal.sent("summary") == set()


def test_the_mail_server_is_away_for_days(rehearsal: Rehearsal, serial: int, mail_server: None) -> None:
    connect(MAIL).check_output("systemctl stop postfix")
    for day in (DAY_379, DAY_380):
        assert rehearsal.notices(day).rc == 0
    (message,) = eventually(lambda: [one for one in waiting(notice_id(serial)) if one["queue_name"] == "deferred"])
    assert "Connection refused" in message["recipients"][0]["delay_reason"]
    assert mailbox(RT["mail"], notice_id(serial)) == []
    connect(MAIL).check_output("systemctl start postfix")
    # What Postfix does by itself within half an hour.
    connect(OFFICE).check_output("postqueue -f")
    assert len(arrived(RT["mail"], notice_id(serial))) == 1
    assert eventually(lambda: waiting(notice_id(serial)) == [])
    assert rehearsal.notices("2027-12-11").rc == 0
    assert taken(notice_id(serial)) == 1


def test_a_server_that_cannot_prove_to_be_the_mail_server_gets_nothing(
    rehearsal: Rehearsal, serial: int, mail_server: None
) -> None:
    """Its key and certificate are its own; the authority that signed them is not."""
    mail = connect(MAIL)
    make = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 "
        f"-subj /CN=mail.{ME['model_domain']} -addext subjectAltName=DNS:mail.{ME['model_domain']} "
        "-keyout /etc/postfix/foreign.key -out /etc/postfix/foreign.crt"
    )
    mail.check_output(f"{make} 2>/dev/null && cp -p /etc/postfix/main.cf /etc/postfix/main.cf.ours")
    try:
        mail.check_output(
            "postconf smtpd_tls_cert_file=/etc/postfix/foreign.crt smtpd_tls_key_file=/etc/postfix/foreign.key && "
            "systemctl restart postfix"
        )
        assert rehearsal.notices(DAY_379).rc == 0
        (message,) = eventually(lambda: [one for one in waiting(notice_id(serial)) if one["queue_name"] == "deferred"])
        assert "Server certificate not verified" in message["recipients"][0]["delay_reason"]
    finally:
        mail.check_output(
            "mv /etc/postfix/main.cf.ours /etc/postfix/main.cf && rm /etc/postfix/foreign.* && "
            "systemctl restart postfix"
        )
    connect(OFFICE).check_output("postqueue -f")
    assert len(arrived(RT["mail"], notice_id(serial))) == 1


def test_the_office_s_own_postfix_is_away(rehearsal: Rehearsal, serial: int) -> None:
    office = connect(OFFICE)
    office.check_output("systemctl stop postfix")
    try:
        failed = rehearsal.notices(DAY_379)
        assert failed.rc == 1
        assert "did not take" in failed.stdout
        assert (
            "aurore_rt_notices_pending 1\n" in office.check_output(f"cat {rehearsal.directory}/metrics/*.prom") + "\n"
        )
    finally:
        office.check_output("systemctl start postfix")
    assert rehearsal.notices(DAY_380).rc == 0
    assert len(arrived(RT["mail"], notice_id(serial))) == 1
    assert taken(notice_id(serial)) == 1
    assert "aurore_rt_notices_pending 0\n" in office.check_output(f"cat {rehearsal.directory}/metrics/*.prom") + "\n"


@pytest.mark.parametrize(
    ("moment", "is_taken"),
    [
        pytest.param("connected", False, id="between the mark and the first word"),
        pytest.param("half", False, id="in the middle of the mail"),
        pytest.param("content", True, id="while it waits for the answer"),
        pytest.param("taken", True, id="between the answer and the mark"),
    ],
)
def test_killed_half_way(rehearsal: Rehearsal, serial: int, moment: str, is_taken: bool) -> None:
    """The next run, which begins at once, neither repeats nor loses it."""
    rehearsal.change(smtp_host="127.0.0.1", smtp_port=2525)
    command = rehearsal.command("notices", "--today", DAY_379)
    rehearsal.host.check_output(f"python3 - 2525 {moment} {command} <<'E'\n{INTERRUPT.read_text()}\nE")
    mark = f"outbox/notice%3A{serial}.json"
    assert rehearsal.state(mark)["state"] == "started"
    assert is_taken or taken(notice_id(serial)) == 0
    rehearsal.change(smtp_host="localhost", smtp_port=25)
    resumed = rehearsal.notices(DAY_379)
    assert resumed.rc == 0, resumed.stdout
    assert rehearsal.state(mark)["state"] == "sent"
    assert len(arrived(RT["mail"], notice_id(serial))) == 1
    assert rehearsal.notices(DAY_380).rc == 0
    assert taken(notice_id(serial)) == 1


def test_two_runs_at_once_send_once(rehearsal: Rehearsal, serial: int) -> None:
    command = rehearsal.command("notices", "--today", DAY_379)
    rehearsal.host.check_output(f"bash -c {shlex.quote(f'{command} & {command} & wait -n && wait -n')}")
    assert len(arrived(RT["mail"], notice_id(serial))) == 1
    assert taken(notice_id(serial)) == 1


def test_the_timer_s_job_works_and_everybody_may_read_its_metrics() -> None:
    office = connect(OFFICE)
    before = float(office.check_output("date +%s"))
    for name in ("notices", "logins"):
        assert office.check_output(f"systemctl is-active rt-{name}.timer") == "active"
        assert office.check_output(f"systemctl is-enabled rt-{name}.timer") == "enabled"
        assert office.check_output(f"systemctl show --value --property Persistent rt-{name}.timer") == "yes"
        office.check_output(f"systemctl start rt-{name}.service")
        path = f"/var/lib/prometheus/node-exporter/rt-{name}.prom"
        text = office.check_output(f"setpriv --reuid=nobody --clear-groups cat {path}")
        (ran,) = [line.split()[1] for line in text.splitlines() if line.startswith(f"aurore_rt_{name}_last_run_")]
        assert before <= float(ran) + 1
        assert f"# TYPE aurore_rt_{name}_last_run_timestamp_seconds gauge" in text


def test_whatever_root_gets_on_this_host_goes_to_people() -> None:
    """And what was handed over before a power cut is not lost (the side effect has written down what that was)."""
    office, serial = connect(OFFICE), new_serial()
    noted = office.run("cat /var/tmp/handed-over").stdout.split()
    mine = f"<{serial}@{ME['model_fqdn']}>"
    for user in ("root", "www-data"):
        text = f"To: {user}\\nSubject: test\\nMessage-ID: {mine}\\n\\nBonjour\\n"
        office.check_output(f"printf '{text}' | /usr/sbin/sendmail {user}")
    office.check_output("postqueue -f")
    assert eventually(lambda: len(mailbox(TECHNIQUE, mine)) == 2)
    for message_id in noted:
        assert len(arrived(TECHNIQUE, message_id, 60)) == 1


def test_nobody_else_can_send_through_the_office() -> None:
    outside = connect("www")
    address = next(one["ipv4"] for one in ME["model_interfaces"] if one["purpose"] == "public")
    assert outside.run(f"timeout 5 bash -c '</dev/tcp/{address}/25'").rc != 0
    listening = connect(OFFICE).check_output("ss --no-header --tcp --listening --numeric 'sport = :25'").splitlines()
    assert sorted(line.split()[3] for line in listening) == ["127.0.0.1:25", "[::1]:25"]
