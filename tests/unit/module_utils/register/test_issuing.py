"""From a decision to a line of the register, whoever signs."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from ansible_collections.aurore.infra.plugins.module_utils.register import issuing
from ansible_collections.aurore.infra.plugins.module_utils.register.certificate import CertificateError

from .conftest import sign

if TYPE_CHECKING:
    from ansible_collections.aurore.infra.plugins.module_utils.register.signing import Request
    from ansible_collections.aurore.infra.plugins.module_utils.register.store import Register

    from .conftest import Key


def issue(register: Register, authority: Key, ann: Key, **changed: Any) -> issuing.Issued:
    """Have ssh-keygen sign, maybe something else than was asked for."""
    person = {"nick": "ann", "since": "2020-01-01", "until": "2999-12-31", "keys": [ann.line], "administers": ["root"]}
    options = {"person": "ann", "people": [person], "register": str(register.path.parent), "key": None}

    def signed(request: Request) -> str:
        line = request.line._replace(**changed)
        days = (f"{line.since:%Y%m%d}", f"{line.until:%Y%m%d}")
        return sign(authority, ann, line.serial, line.person, ",".join(line.principals), days)

    return issuing.issue(
        options,
        [authority.line],
        authority.line,
        signed,
        is_wanted_again=True,
        until=lambda today: today + timedelta(days=2),
    )


def test_what_was_asked_for_is_entered(register: Register, authority: Key, ann: Key) -> None:
    issued = issue(register, authority, ann)
    today = datetime.now(UTC).date()
    assert issued.is_new
    assert (issued.line.serial, issued.line.until) == (1, today + timedelta(days=2))
    assert issued.path == register.directory / "1-ann.pub"
    result = issued.result(register.path.parent)
    assert result["certificate"]["until"] == str(today + timedelta(days=2))
    assert "revoked" not in result["certificate"]
    assert result["diff"]["after"] == register.text


@pytest.mark.parametrize(
    "changed", [{"serial": 2}, {"person": "bob"}, {"principals": ("root", "git")}, {"until": date(2999, 1, 1)}]
)
def test_something_else_is_not_entered(register: Register, authority: Key, ann: Key, changed: dict[str, Any]) -> None:
    with pytest.raises(CertificateError, match="something else was signed than was asked for"):
        issue(register, authority, ann, **changed)
    assert register.text.endswith("certificates: []\n")
    assert register.published == {}


def test_what_was_interrupted_is_completed(register: Register, authority: Key, ann: Key) -> None:
    first = issue(register, authority, ann)
    register.path.write_text(first.before)
    again = issue(register, authority, ann)
    assert not again.is_new
    assert again.completed == [first.line]
    assert again.line == first.line
