"""A key is signed by the token, once, and entered into the register."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from ansible.errors import AnsibleActionFail
from ansible_collections.aurore.infra.plugins.module_utils.register import certificate as certificates
from ansible_collections.aurore.infra.plugins.module_utils.register import pinentry, token

from .conftest import PIN

if TYPE_CHECKING:
    from .conftest import Desk


def test_a_key_is_signed_once(desk: Desk, authority: str) -> None:
    desk.typed = [PIN]
    result = desk.sign("ann", authority)
    assert result["changed"]
    assert result["certificate"]["serial"] == 1
    made = certificates.read(Path(result["path"]).read_text())
    assert (made.key_id, made.principals, made.extensions) == ("ann", ("root",), ("permit-pty",))
    assert result["diff"]["before"] == "certificates: []\n"
    assert "person: ann" in result["diff"]["after"]
    assert desk.asked == ["PIN of the token 'RTC': "]
    assert "Certificate 1 for ann" in desk.shown[0]
    assert PIN not in repr((result, desk.shown, desk.warnings))
    with pytest.raises(AnsibleActionFail, match="ann has the certificate 1, which runs until"):
        desk.sign("ann", authority)
    assert len(desk.asked) == 1
    desk.typed = [PIN]
    assert desk.sign("ann", authority, again=True, forwarding=["agent"])["certificate"]["serial"] == 2
    assert certificates.read(desk.register.published["2-ann.pub"]).extensions == (
        "permit-agent-forwarding",
        "permit-pty",
    )


def test_refusals_write_nothing(desk: Desk, authority: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pinentry, "ask", lambda *_: (_ for _ in ()).throw(pinentry.PinentryError("cancelled")))
    desk.typed = ["", "314159"]
    for options, why in (
        ({"is_check": True}, "a signature cannot be foretold"),
        ({"person": "carl"}, "nobody has the nick 'carl'"),
        ({}, "no PIN was given: nothing was signed"),
        ({}, "nothing was signed: the PIN is wrong"),
        ({"pin_from": "pinentry"}, "cancelled"),
    ):
        with pytest.raises(AnsibleActionFail, match=why):
            desk.sign(**({"person": "ann", "authority": authority} | options))
    desk.is_terminal = False
    with pytest.raises(AnsibleActionFail, match="there is no terminal on which to ask for the PIN"):
        desk.sign("ann", authority)
    assert desk.register.text == "certificates: []\n"
    assert desk.register.published == {}


def test_pinentry_gives_the_pin(desk: Desk, authority: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real one is in module_utils/register/test_pinentry.py."""
    asked: list[tuple[str, str]] = []
    monkeypatch.setattr(pinentry, "ask", lambda *words: asked.append(words) or PIN)
    assert desk.sign("ann", authority, pin_from="pinentry")["certificate"]["serial"] == 1
    ((description, prompt),) = asked
    assert "Certificate 1 for ann" in description
    assert prompt == "PIN of the token 'RTC'"


def test_what_an_interrupted_run_has_signed_is_entered_without_signing(desk: Desk, authority: str) -> None:
    desk.typed = [PIN]
    desk.sign("ann", authority)
    desk.register.path.write_text("certificates: []\n")
    result = desk.sign("ann", authority)
    assert result["certificate"]["serial"] == 1
    assert len(desk.asked) == 1
    assert desk.warnings == ["the certificate 1 of ann had no line yet; it was added"]
    assert len(desk.register.certificates) == 1


def test_something_else_than_was_asked_for(desk: Desk, authority: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sign = token.sign
    changed = {"serial": 9}
    monkeypatch.setattr(
        token, "sign", lambda request, *more: sign(request._replace(line=request.line._replace(**changed)), *more)
    )
    desk.typed = [PIN]
    with pytest.raises(AnsibleActionFail, match="something else was signed than was asked for"):
        desk.sign("ann", authority)
    assert desk.register.published == {}


def test_a_register_with_problems(desk: Desk, authority: str) -> None:
    desk.register.path.write_text("certificates: [1]\n")
    with pytest.raises(AnsibleActionFail, match=r"the register cannot be used: certificates\.yml:1: wrong-type"):
        desk.sign("ann", authority)
