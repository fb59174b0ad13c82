"""The RTs of the lab: the model's, with keys whose private halves are here, and a register of their certificates.

Whoever runs the lab is its RTC. The others' keys are in .lab/ssh/people, so that tests can log in as them.
"""

import os
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import yaml

from . import authorities
from .commands import CommandError, run
from .context import Lab
from .errors import LabError

RENEW_DAYS = 2
EMPTY_REGISTER = "# The register of the lab, as inventory/model/certificates.yml.\n\ncertificates: []\n"


def people_file(people: list[dict[str, Any]], keys: dict[str, str], today: date) -> str:
    """Write the people.yml that takes the place of the model's.

    Args:
        people: The model's.
        keys: Public keys by nick.
        today: Within the mandates, which last two years so that the file seldom changes.
    """
    own = [
        person
        | {
            "keys": [keys[person["nick"]].strip()],
            "mandate": {"since": date(today.year - 1, 1, 1), "until": date(today.year + 1, 12, 31)},
        }
        for person in people
    ]
    return yaml.safe_dump({"people": own}, sort_keys=False, allow_unicode=True, width=10_000)


def private_key(lab: Lab, person: dict[str, Any]) -> Path:
    """Tell where a person's key is. The RTC's is the one of whoever runs the lab."""
    return lab.ssh / "id_ed25519" if person["role"] == "rtc" else lab.people / person["nick"]


def ensure(lab: Lab) -> None:
    """Make the people's keys, the register, and the certificate of whoever runs the lab."""
    now = datetime.now(UTC)
    people = yaml.safe_load((lab.base_model / "people.yml").read_text())["people"]
    keys = {person["nick"]: _public_key(lab, person) for person in people}
    lab.write(lab.model / "people.yml", people_file(people, keys, now.date()))
    if not (lab.model / "certificates.yml").exists():
        lab.write(lab.model / "certificates.yml", EMPTY_REGISTER)
    operator = next(person for person in people if person["role"] == "rtc")
    _ensure_certificate(lab, operator["nick"], keys[operator["nick"]], now.date())
    for path in (lab.model, *lab.model.rglob("*")):
        os.chown(path, lab.owner.uid, lab.owner.gid)


def _public_key(lab: Lab, person: dict[str, Any]) -> str:
    private = private_key(lab, person)
    public = private.with_name(f"{private.name}.pub")
    if not public.exists():
        pair = authorities.new_keypair(person["nick"])
        lab.write(private, pair.private, 0o600)
        lab.write(public, pair.public)
    return public.read_text()


def _ensure_certificate(lab: Lab, nick: str, public: str, today: date) -> None:
    """See that whoever runs the lab has a certificate that is in the register, as the RTC's own would be."""
    from ansible_collections.aurore.infra.plugins.module_utils.model.calendar import end
    from ansible_collections.aurore.infra.plugins.module_utils.model.keys import fingerprint
    from ansible_collections.aurore.infra.plugins.module_utils.register import file, store

    register = store.Register(lab.model)
    authority = authorities.user_authority_key(lab)
    signer = fingerprint(authority.read_text().strip())
    with register.locked():
        register.complete([signer])
        mine = [one for one in register.certificates if one.person == nick and one.authority == signer]
        running = [one for one in mine if one.is_current(today) and one.key == fingerprint(public.strip())]
        latest = max(running, key=lambda one: one.until, default=None)
        if latest is None or (latest.until - today).days < RENEW_DAYS:
            serial = file.next_serial(register.certificates, register.published_serials)
            line = register.enter(_signed(lab, nick, public, serial, (today, end(today))))
            name = file.published_name(line.serial, nick)
        else:
            name = file.published_name(latest.serial, nick)
    lab.write(lab.ssh / "id_ed25519-cert.pub", register.published[name])


def _signed(lab: Lab, nick: str, public: str, serial: int, days: tuple[date, date]) -> str:
    """Have the token sign a key."""
    # ssh-keygen writes beside the key that it signs.
    request = lab.ssh / "request.pub"
    lab.write(request, public)
    since, until = (datetime.combine(day, time()).strftime("%Y%m%d%H%M%S") for day in days)
    issue = (
        *("ssh-keygen", "-q", "-s", str(authorities.user_authority_key(lab)), "-D", authorities.softhsm()),
        *("-I", nick, "-n", "root", "-z", str(serial), "-V", f"{since}:{until}", "-O", "clear", "-O", "permit-pty"),
        str(request),
    )
    try:
        run(issue, environment=authorities.token_environment(lab.token) | {"TZ": "UTC"}, owner=lab.owner)
    except CommandError as error:
        raise LabError("certificate", str(error), "make unlab, then make lab: the token is made anew") from error
    request.unlink()
    return request.with_name("request-cert.pub").read_text()
