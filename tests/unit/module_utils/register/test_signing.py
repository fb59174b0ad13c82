"""What may be signed."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from ansible_collections.aurore.infra.plugins.module_utils.register import file, signing

from .conftest import TODAY

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Key


def person(nick: str, *keys: str, **more: Any) -> dict[str, Any]:
    """One of the inventory's people."""
    return {
        "nick": nick, "since": "2026-01-01", "until": "2027-12-31", "keys": list(keys), "administers": ["root"],
    } | more  # fmt: skip


@pytest.fixture
def bob(make_key: Callable[..., Key]) -> Key:
    """Another RT's key."""
    return make_key()


def entries(*lines: file.Line) -> Any:
    """A register with some lines."""
    text = "certificates: []\n"
    for line in lines:
        text = file.added(text, line)
    return file.read(text)


def test_what_is_signed(authority: Key, ann: Key) -> None:
    people = [person("ann", f"{ann.line} ann@laptop", administers=["git", "nodes"])]
    made = signing.request("ann", people, (), authority=authority.line, today=TODAY)
    assert made.key == ann.line
    assert made.line == file.Line(
        serial=1,
        person="ann",
        principals=("git", "nodes"),
        since=TODAY,
        until=date(2027, 12, 23),
        key=ann.fingerprint,
        authority=authority.fingerprint,
    )
    assert "Certificate 1 for ann" in str(made)
    assert "opens git, nodes from 2026-11-25 to 2027-12-23" in str(made)


def test_another_key_another_end_and_serials_that_files_have(authority: Key, ann: Key, bob: Key) -> None:
    people = [person("ann", ann.line, bob.line)]
    made = signing.request(
        "ann",
        people,
        (),
        authority=authority.line,
        today=TODAY,
        key=bob.fingerprint,
        until=date(2026, 11, 27),
        published={7},
    )
    assert (made.key, made.line.serial, made.line.until) == (bob.line, 8, date(2026, 11, 27))


def test_who_gets_none(authority: Key, ann: Key, bob: Key, make_key: Callable[..., Key]) -> None:
    weak = make_key("-t", "rsa", "-b", "2048")
    people = [
        person("ann", ann.line),
        person("past", bob.line, until="2026-11-24"),
        person("soon", bob.line, since="2026-11-26"),
        person("weak", weak.line),
        person("twin", bob.line),
        person("double", f"{bob.line} the same"),
    ]
    for nick, key, why in [
        ("carl", None, "nobody has the nick 'carl': use one of ann, double, past, soon, twin, weak"),
        ("past", None, "the mandate of past runs from 2026-01-01 to 2026-11-24, and today is 2026-11-25"),
        ("soon", None, "the mandate of soon runs from 2026-11-26 to 2027-12-31, and today is 2026-11-25"),
        ("ann", bob.fingerprint, f"ann has no key {bob.fingerprint} in people.yml: use one of {ann.fingerprint}"),
        ("weak", None, "the key of weak is too short: make one with ssh-keygen -t ed25519"),
        ("twin", None, f"the key {bob.fingerprint} is of past and soon and twin and double"),
    ]:
        with pytest.raises(signing.RefusedError) as refused:
            signing.request(nick, people, (), authority=authority.line, today=TODAY, key=key)
        assert str(refused.value).startswith(why)


@pytest.mark.parametrize(
    ("today", "refused"),
    [
        ("2026-11-25", True),  # the same day
        ("2027-10-27", True),
        ("2027-10-28", False),  # eight weeks before the end
        ("2027-12-22", False),
        ("2027-12-23", False),  # over
    ],
)
def test_never_twice_by_accident(authority: Key, ann: Key, today: str, refused: bool) -> None:
    line = file.Line(
        1, "ann", ("root",), TODAY, date(2027, 12, 23), key=ann.fingerprint, authority=authority.fingerprint
    )

    def request(*lines: file.Line, again: bool = False) -> signing.Request:
        return signing.request(
            "ann",
            [person("ann", ann.line)],
            entries(*lines),
            authority=authority.line,
            today=date.fromisoformat(today),
            is_wanted_again=again,
        )

    if refused:
        with pytest.raises(
            signing.RefusedError, match=r"ann has the certificate 1, which runs until 2027-12-23: nothing"
        ):
            request(line)
    else:
        assert request(line).line.serial == 2
    assert request(line, again=True).line.serial == 2
    assert request(line._replace(revoked=TODAY, reason="Lost")).line.serial == 2
    assert request(line._replace(person="bob")).line.serial == 2
