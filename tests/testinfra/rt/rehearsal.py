"""The office's own program on its host, with a state and a register of the test's: what is deployed is not touched."""

from __future__ import annotations

import json
import secrets
import shlex
from email import message_from_string, policy
from typing import TYPE_CHECKING, Any

from ..conftest import connect, eventually, inventory

if TYPE_CHECKING:
    from email.message import EmailMessage

    from testinfra.backend.base import CommandResult

OFFICE, MAIL = "log", "mail"
ME: dict[str, Any] = inventory()[OFFICE]
PEOPLE: dict[str, dict[str, Any]] = {person["nick"]: person for person in ME["model_people"]}
RTC = next(person for person in ME["model_people"] if person["role"] == "rtc")
RT = next(person for person in ME["model_people"] if person["role"] == "rt")
TECHNIQUE = f"technique@{ME['model_domain']}"


def new_serial() -> int:
    """A serial that no other test and no other run has: mailboxes keep what they get."""
    return secrets.randbits(48)


def certificate(serial: int, since: str, until: str, person: str = RT["nick"], **changes: Any) -> dict[str, Any]:
    """A line of the register."""
    line = {"serial": serial, "person": person, "principals": ["root"], "since": since, "until": until}
    ours = {"key": f"SHA256:{'k' * 43}", "authority": f"SHA256:{'a' * 43}", "revoked": None, "reason": None}
    return line | ours | changes


class Rehearsal:
    """A directory on the office's host."""

    def __init__(self) -> None:
        self.host = connect(OFFICE)
        self.directory = self.host.check_output("mktemp --directory /tmp/rehearsal-XXXXXX")
        self.host.check_output(
            f"chmod 755 {self.directory} && install -d -o rt-office -g rt-office {self.directory}/state "
            f"{self.directory}/metrics"
        )
        self.settings = json.loads(self.host.check_output("cat /etc/aurore/rt-office/settings.json"))
        self.change(state=f"{self.directory}/state", metrics=f"{self.directory}/metrics")
        self.deployed = json.loads(self.host.check_output("cat /etc/aurore/rt-office/register.json"))

    def close(self) -> None:
        """Leave nothing behind."""
        self.host.check_output(f"rm -r {self.directory}")

    def change(self, **settings: Any) -> None:
        """Change settings."""
        self.settings |= settings
        self._write("settings.json", self.settings)

    def register(self, *certificates: dict[str, Any]) -> None:
        """Have a register with these certificates, and the people of the model."""
        self._write("register.json", {"people": ME["model_people"], "certificates": certificates})
        self.change(register=f"{self.directory}/register.json")

    def _write(self, name: str, content: object) -> None:
        text = shlex.quote(json.dumps(content, ensure_ascii=False))
        self.host.check_output(f"printf '%s' {text} > {self.directory}/{name}")

    def command(self, *words: str) -> str:
        """The command line of the office with these settings."""
        return shlex.join(["rt-office", "--settings", f"{self.directory}/settings.json", *words])

    def run(self, *words: str) -> CommandResult:
        """Run the office's command."""
        return self.host.run(self.command(*words))

    def notices(self, day: str) -> CommandResult:
        """What the timer would do on a day."""
        return self.run("notices", "--today", day)

    def state(self, name: str) -> Any:
        """What it has written down."""
        return json.loads(self.host.check_output(f"cat {self.directory}/state/{name}"))

    def sent(self, kind: str) -> set[str]:
        """The Message-IDs of the mails of a kind that were handed over."""
        marks = self.host.run(f"cat {self.directory}/state/outbox/{kind}%3A*.json").stdout
        lines = [json.loads(f"{line}}}") for line in marks.split("}") if line]
        return {line["message_id"] for line in lines if line["state"] == "sent"}


def taken(message_id: str) -> int:
    """How often Postfix on the office's host has taken a message with this Message-ID."""
    found = connect(OFFICE).run("journalctl --sync; journalctl --quiet --unit=postfix.service --output=cat")
    lines = found.stdout.splitlines()
    queue_ids = {line.partition(":")[0] for line in lines if line.endswith(f": message-id={message_id}")}
    # One that was tried again is active again.
    return len(queue_ids & {line.partition(":")[0] for line in lines if line.endswith("(queue active)")})


def waiting(message_id: str) -> list[dict[str, Any]]:
    """Why messages with this Message-ID wait in the queue of the office's host."""
    log = connect(OFFICE)
    queue = [json.loads(line) for line in log.check_output("postqueue -j").splitlines()]
    return [one for one in queue if f"essage-ID: {message_id}" in log.run(f"postcat -qh {one['queue_id']}").stdout]


def mailbox(address: str, message_id: str) -> list[EmailMessage]:
    """What is in somebody's mailbox with this Message-ID."""
    mail, directory = connect(MAIL), f"/srv/mailboxes/{address.partition('@')[0]}"
    paths = mail.run(f"grep --recursive --files-with-matches --fixed-strings '{message_id}' {directory}/new")
    return [
        message_from_string(mail.check_output(f"cat {path}"), policy=policy.default)
        for path in paths.stdout.splitlines()
    ]


def arrived(address: str, message_id: str, seconds: float = 30) -> list[EmailMessage]:
    """What arrives there; awaited."""
    return eventually(lambda: mailbox(address, message_id), seconds)


def notice_id(serial: int) -> str:
    """The Message-ID of a certificate's notice."""
    return f"<notice%3A{serial}@{ME['model_fqdn']}>"
