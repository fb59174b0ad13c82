"""What may be signed, for whom, and until when."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from ansible_collections.aurore.infra.plugins.module_utils.model.calendar import end
from ansible_collections.aurore.infra.plugins.module_utils.model.keys import (
    PEOPLE,
    check_public_key,
    fingerprint,
    key_material,
)
from ansible_collections.aurore.infra.plugins.module_utils.register.file import Line, next_serial

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import date
    from typing import Any

    from ansible_collections.aurore.infra.plugins.module_utils.model.schema import UserCertificate

RENEWAL = timedelta(weeks=8)
"""How long before a certificate ends its successor may be signed without being asked for twice: January's signing day
comes before the notice, which comes two weeks before the end."""


class RefusedError(Exception):
    """Nothing may be signed; says why, and what to do."""


class Request(NamedTuple):
    """What is to be signed.

    Attributes:
        line: What the register will say.
        key: The person's public key, as a line.
    """

    line: Line
    key: str

    def __str__(self) -> str:
        line = self.line
        return (
            f"Certificate {line.serial} for {line.person}, whose key is {line.key}\n"
            f"opens {', '.join(line.principals)} from {line.since} to {line.until}"
        )


def request(
    nick: str,
    people: Sequence[Mapping[str, Any]],
    certificates: Sequence[UserCertificate],
    *,
    authority: str,
    today: date,
    key: str | None = None,
    until: date | None = None,
    published: Collection[int] = (),
    is_wanted_again: bool = False,
) -> Request:
    """Decides what is signed for a person.

    Args:
        nick: Whom.
        people: The inventory's variable model_people.
        certificates: The register.
        authority: Public key of the authority, as a line.
        today: The day of signing, in UTC.
        key: Fingerprint of the key, for one who has several; the first by default.
        until: When it ends; a year and four weeks later by default.
        published: Serial numbers that files have, whatever the register says.
        is_wanted_again: Whether to sign although a certificate runs for longer than RENEWAL.

    Raises:
        RefusedError: Nothing may be signed.
    """
    person = _person(nick, people, today)
    line = _key(person, people, key)
    running = [one for one in certificates if one.person == nick and one.is_current(today)]
    latest = max((one.until for one in running), default=None)
    if latest is not None and latest - today > RENEWAL and not is_wanted_again:
        serials = ", ".join(str(one.serial) for one in running)
        raise RefusedError(
            f"{nick} has the certificate {serials}, which runs until {latest}: nothing was signed. If another one is "
            "needed all the same (a new key, other hosts), run this again with -e again=true, and revoke the old one "
            "with revoke_rt.yml if nobody may use it any more"
        )
    return Request(
        Line(
            serial=next_serial(certificates, published),
            person=nick,
            principals=tuple(person["administers"]),
            since=today,
            until=until or end(today),
            key=fingerprint(line),
            authority=fingerprint(authority),
        ),
        key_material(line),
    )


def _person(nick: str, people: Sequence[Mapping[str, Any]], today: date) -> Mapping[str, Any]:
    found = next((person for person in people if person["nick"] == nick), None)
    if found is None:
        known = ", ".join(sorted(person["nick"] for person in people))
        raise RefusedError(f"nobody has the nick '{nick}': use one of {known}, or add the person to people.yml")
    if not found["since"] <= str(today) <= found["until"]:
        raise RefusedError(
            f"the mandate of {nick} runs from {found['since']} to {found['until']}, and today is {today}: the college "
            "decides who is an RT, by a merge request that changes the mandate in people.yml"
        )
    return found


def _key(person: Mapping[str, Any], people: Sequence[Mapping[str, Any]], wanted: str | None) -> str:
    """The key to sign. The model's rules refuse weak and shared keys already; this is the last place to do it."""
    keys: list[str] = person["keys"]
    line = keys[0] if wanted is None else next((one for one in keys if fingerprint(one) == wanted), None)
    if line is None:
        known = ", ".join(map(fingerprint, keys))
        raise RefusedError(f"{person['nick']} has no key {wanted} in people.yml: use one of {known}")
    try:
        check_public_key(line, PEOPLE)
    except ValueError as error:
        raise RefusedError(f"the key of {person['nick']} is {error}: make one with ssh-keygen -t ed25519") from None
    owners = [other["nick"] for other in people if key_material(line) in map(key_material, other["keys"])]
    if owners != [person["nick"]]:
        raise RefusedError(f"the key {fingerprint(line)} is of {' and '.join(owners)}: give each a key of their own")
    return line
