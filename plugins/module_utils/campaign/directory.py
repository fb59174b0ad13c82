"""The RT group of the association's directory (LDAP), compared with the model.

A group lists its members by name (memberUid, RFC 2307) or by distinguished name (member, uniqueMember, RFC 4519), of
which the first part is the uid.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import date
    from typing import Any

BY_NAME = "memberuid"
BY_DN = frozenset({"member", "uniquemember"})

_UID = frozenset({"uid", "userid", "0.9.2342.19200300.100.1.1"})
# RFC 4514, section 3; an escaped pair is one special character or two hexadecimal digits.
_TYPE = r"(?:[A-Za-z][A-Za-z0-9-]*|[0-9]+(?:\.[0-9]+)*)"
_PAIR = r"\\(?:[ \"#+,;<=>\\]|[0-9A-Fa-f]{2})"
_CHARACTER = rf"(?:[^\x00\"+,;<>\\]|{_PAIR})"
_ASSERTION = re.compile(rf"\s*(?P<type>{_TYPE})\s*=\s*(?P<value>{_CHARACTER}*?)\s*(?P<end>[+,]|\Z)")
# A unique member may have a bit string behind it (RFC 4517, section 3.3.21).
_UNIQUE = re.compile(r"#'[01]*'B\Z")


class MalformedError(ValueError):
    """A value names nobody; says why."""


class Difference(NamedTuple):
    """What the directory and the model do not agree on.

    Attributes:
        missing: Nicks of those whose mandate runs, and who are not in the group.
        extra: Values of the group that are of nobody whose mandate runs, each with the reason.
        malformed: Values of the group that cannot be understood, each with the reason.
        values: The group's values as they are, by nick; those that can be understood.
    """

    missing: tuple[str, ...]
    extra: dict[str, str]
    malformed: dict[str, str]
    values: dict[str, tuple[str, ...]]

    @property
    def sentences(self) -> list[str]:
        """One for each."""
        return [
            *(f"{nick} is an RT, but not in the group" for nick in self.missing),
            *(f"{value} is in the group, but {why}" for value, why in self.extra.items()),
            *(f"the group holds {value!r}, which cannot be understood: {why}" for value, why in self.malformed.items()),
        ]


def compare(members: Iterable[str], attribute: str, people: Iterable[Mapping[str, Any]], today: date) -> Difference:
    """Compares a group with the people of the model.

    Args:
        members: The group's values.
        attribute: Their attribute: memberUid, member or uniqueMember.
        people: The inventory's variable model_people.
        today: Decides whose mandate runs.

    Raises:
        ValueError: The attribute is none of these.
    """
    _checked(attribute)
    known = {person["nick"]: person for person in people}
    running = {nick for nick, person in known.items() if person["since"] <= str(today) <= person["until"]}
    values: dict[str, list[str]] = {}
    extra: dict[str, str] = {}
    malformed: dict[str, str] = {}
    for value in sorted(members):
        try:
            nick = nick_of(value, attribute)
        except MalformedError as error:
            malformed[value] = str(error)
            continue
        values.setdefault(nick, []).append(value)
        if nick not in running:
            extra[value] = _why(known.get(nick), today)
    return Difference(
        missing=tuple(sorted(running - values.keys())),
        extra=extra,
        malformed=malformed,
        values={nick: tuple(found) for nick, found in values.items()},
    )


def _why(person: Mapping[str, Any] | None, today: date) -> str:
    if person is None:
        return "nobody in people.yml has this nick"
    if person["since"] > str(today):
        return f"the mandate begins on {person['since']}"
    return f"the mandate ended on {person['until']}"


def nick_of(value: str, attribute: str) -> str:
    """Whom a value of the group names, in lower case, as nicks are; directories do not tell case.

    Raises:
        MalformedError: It is not a name, or a distinguished name that does not begin with a uid.
        ValueError: The attribute is none of memberUid, member and uniqueMember.
    """
    kind = _checked(attribute)
    if kind == BY_NAME:
        if not value.strip():
            raise MalformedError("it is empty")
        return value.lower()
    first = first_part(_UNIQUE.sub("", value) if kind == "uniquemember" else value)
    uids = [text for name, text in first if name.lower() in _UID]
    if not uids or not uids[0]:
        raise MalformedError("it does not begin with uid=")
    return uids[0].lower()


def _checked(attribute: str) -> str:
    kind = attribute.lower()
    if kind != BY_NAME and kind not in BY_DN:
        raise ValueError(f"{attribute!r} is no attribute of members; use one of memberUid, member and uniqueMember")
    return kind


def first_part(dn: str) -> list[tuple[str, str]]:
    """The types and values of a distinguished name's first part, which has several where they are joined by a plus.

    Raises:
        MalformedError: It is not a distinguished name (RFC 4514).
    """
    parts: list[list[tuple[str, str]]] = [[]]
    for kind, text, end in _assertions(dn):
        parts[-1].append((kind, text))
        if end == ",":
            parts.append([])
    return parts[0]


def _assertions(dn: str) -> Iterator[tuple[str, str, str]]:
    """A distinguished name's types and values, with what follows each."""
    position, end = 0, ","
    while end:
        match = _ASSERTION.match(dn, position)
        if match is None:
            raise MalformedError("it is not a distinguished name such as uid=ann,ou=people,dc=example,dc=org")
        position, end = match.end(), match["end"]
        yield match["type"], _unescaped(match["value"]), end


def _unescaped(value: str) -> str:
    """A value without its escapes; hexadecimal pairs are bytes of UTF-8."""

    def pair(match: re.Match[bytes]) -> bytes:
        found = match[1]
        return bytes.fromhex(found.decode()) if len(found) == 2 else found

    return re.sub(rb"\\([0-9A-Fa-f]{2}|.)", pair, value.encode()).decode(errors="replace")


_CAUSES = (
    ("python-ldap", "what reads a directory is not installed on this host; run playbooks/site.yml for it"),
    (
        "Invalid credentials",
        "the directory refuses the password of {bind_dn}; compare the store's entry {entry} with it",
    ),
    (
        "certificate",
        "{uri} shows a certificate that {ca} does not vouch for, or that is of another name or out of date",
    ),
    ("Base not found", "{uri} has no group {group}; correct rt_directory_group, or what {bind_dn} may read"),
    ("Can't contact LDAP server", "{uri} does not answer; see whether it runs, and what is between it and this host"),
    ("Timed out", "{uri} does not answer in time; see whether it runs, and what is between it and this host"),
    ("timed out", "{uri} does not answer in time; see whether it runs, and what is between it and this host"),
    (
        "Insufficient access",
        "{bind_dn} may not do that to {group}; give it the right to, in the directory's own settings",
    ),
    ("Cannot start TLS", "{uri} refuses StartTLS, without which no password is sent; give it a certificate and a key"),
)
"""What an error's text holds, and what it means; the first that is found counts."""


def explain(failure: Mapping[str, Any], **settings: str) -> str:
    """One sentence on why the directory could not be read or changed, and what to do.

    Args:
        failure: The result of the task that failed.
        settings: The values of uri, bind_dn, entry, ca and group.
    """
    text = " ".join(str(failure[key]) for key in ("msg", "details", "module_stderr") if failure.get(key))
    if "results" in failure:
        # What the account may not read is as if it was not there.
        text = "Base not found: there is no such entry, or none that may be read"
    cause = next((meaning for word, meaning in _CAUSES if word in text), "{uri} cannot be asked")
    said = " ".join(text.split()) or "no reason was given"
    return f"{cause.format(**settings)} ({said})"
