"""Verifiers are those that PostgreSQL makes."""

from __future__ import annotations

import base64

import pytest
from ansible_collections.aurore.infra.plugins.module_utils.postgresql.scram import derive, verifier
from hypothesis import given
from hypothesis import strategies as st

PRINTABLE = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=64)


def test_the_example_of_rfc_7677() -> None:
    assert derive("pencil", base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")) == (
        "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ=="
        "$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
    )


@given(PRINTABLE, PRINTABLE)
def test_the_salt_tells_nothing_of_the_password(one: str, other: str) -> None:
    salts = {verifier(password, "forge").split("$")[1] for password in (one, other)}
    assert len(salts) == 1
    assert (verifier(one, "forge") == verifier(other, "forge")) == (one == other)
    assert verifier(one, "forge") != verifier(one, "drone")


@pytest.mark.parametrize("password", ["", "mot de passe à moi", "a\tb", "a\n"])
def test_what_programs_would_not_agree_on_is_refused(password: str) -> None:
    with pytest.raises(ValueError, match=r"^the password of forge is empty or is not printable ASCII"):
        verifier(password, "forge")
