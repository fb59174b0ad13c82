"""Only we can make a token, and only the right one is accepted."""

from __future__ import annotations

import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rt_office import tokens

KEY = b"k" * 32
NICKS = st.text(string.ascii_lowercase + string.digits + "-", min_size=1, max_size=12)
ALPHABET = string.ascii_lowercase + "234567"


def test_a_token_has_160_bits_in_lower_case() -> None:
    made = tokens.token(KEY, 2027, "ann")
    assert len(made) == 32
    assert {*made} <= {*ALPHABET}


def test_a_token_is_known() -> None:
    # Computed once by other means: `printf 'answer\0002027\000ann' | openssl dgst -sha256 -mac HMAC -macopt key:kkk…`.
    assert tokens.token(KEY, 2027, "ann") == "hl5kbjxeutqja5mr5sl54vusa3ge46cg"


@pytest.mark.parametrize(
    "other",
    [
        tokens.token(KEY, 2027, "bob"),
        tokens.token(KEY, 2028, "ann"),
        tokens.token(b"l" * 32, 2027, "ann"),
        tokens.key_mark(KEY, 2027),
    ],
)
def test_key_campaign_person_and_purpose_all_count(other: str) -> None:
    assert other != tokens.token(KEY, 2027, "ann")


def test_a_short_key_is_refused() -> None:
    with pytest.raises(tokens.WeakKeyError, match="31 octets"):
        tokens.token(b"k" * 31, 2027, "ann")


@given(NICKS, st.integers(2000, 9999))
def test_it_is_found_where_mail_programs_put_it(nick: str, year: int) -> None:
    made = tokens.token(KEY, year, nick)
    for text in (
        f"rt+{made}@example.org",
        f"Re: question [ref-{made}]",
        f"<rt-{year}-0-{made}@log.example.org>",
        f"RT+{made.upper()}@EXAMPLE.ORG",
        made,
    ):
        assert tokens.owners(tokens.candidates(text), {nick: made, "zed": "a" * 32}) == {nick}


@given(st.text(ALPHABET + string.ascii_uppercase + "-_@+.éÉ\u0131\u212a ", max_size=80))
@example("a" * 31)
@example("a" * 33)
def test_no_other_word_is_accepted(text: str) -> None:
    own = {nick: tokens.token(KEY, 2027, nick) for nick in ("ann", "bob")}
    assert tokens.owners(tokens.candidates(text), own) == set()


@given(st.integers(0, 31), st.sampled_from(ALPHABET), st.sampled_from(["ann", "bob"]))
def test_not_even_with_one_letter_changed(place: int, letter: str, nick: str) -> None:
    own = {nick: tokens.token(KEY, 2027, nick) for nick in ("ann", "bob")}
    changed = own[nick][:place] + letter + own[nick][place + 1 :]
    assert tokens.owners(tokens.candidates(changed), own) == ({nick} if changed == own[nick] else set())


def test_a_part_of_a_longer_word_is_no_token() -> None:
    made = tokens.token(KEY, 2027, "ann")
    for text in (f"a{made}", f"{made}2", f"é{made}", made[:-1], f"{made}9"):
        assert tokens.candidates(text) == []
