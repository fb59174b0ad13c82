"""The decision whether a certificate still serves."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from ansible_collections.aurore.infra.plugins.module_utils.identity.certificate import (
    CLOCK_SKEW,
    Certificate,
    IdentityError,
    Wanted,
    draft,
    now,
    shortcomings,
)
from hypothesis import given
from hypothesis import strategies as st

NOW = datetime(2031, 1, 5, 12, tzinfo=UTC)
WANTED = Wanted.of("git.adm.auro.re", ["git", "git.auro.re"], ["2001:db8::12", "192.0.2.12"], 365, 90)
IDEAL = draft(WANTED, "SHA256:key", "SHA256:authority", NOW)

moments = st.datetimes(datetime(2000, 1, 1), datetime(2090, 1, 1)).map(  # noqa: DTZ001 (hypothesis wants naive bounds)
    lambda moment: moment.replace(tzinfo=UTC, microsecond=0)
)
words = st.sampled_from(["a", "b", "git", "git.adm.auro.re", "192.0.2.12"])
certificates = st.builds(
    Certificate,
    identity=words,
    names=st.frozensets(words),
    key=words,
    authority=words,
    not_before=moments,
    not_after=moments,
)
wishes = st.builds(
    lambda names, addresses, renew, more: Wanted.of("git.adm.auro.re", names, addresses, renew + more, renew),
    st.lists(st.from_regex(r"[a-z]{1,8}(\.[a-z]{1,8}){0,2}", fullmatch=True), max_size=4),
    st.lists(st.ip_addresses().map(str), max_size=4),
    st.integers(1, 2000),
    st.integers(1, 2000),
)


def test_a_wish_has_each_name_and_address_once_and_in_order() -> None:
    first = Wanted.of("git.adm.auro.re", ["www", "git", "git"], ["192.0.2.12", "2001:DB8:0::12", "192.0.2.2"], 9, 1)
    again = Wanted.of("git.adm.auro.re", ["git", "git.adm.auro.re", "www"], reversed(first.addresses), 9, 1)
    assert first == again
    assert first.names == ("git.adm.auro.re", "git", "www")
    assert first.addresses == ("192.0.2.2", "192.0.2.12", "2001:db8::12")


@pytest.mark.parametrize(
    ("identity", "names", "addresses", "days", "renew", "message"),
    [
        ("Git.auro.re", [], [], 365, 90, "'Git.auro.re' is not a host name"),
        ("git.auro.re", ["*.auro.re"], [], 365, 90, r"'\*.auro.re' is not a host name"),
        ("git.auro.re", [""], [], 365, 90, "'' is not a host name"),
        ("git.auro.re", ["git,root"], [], 365, 90, "'git,root' is not a host name"),
        (f"{'a' * 60}.auro.re", [], [], 365, 90, "longer than the 64 characters"),
        ("git.auro.re", [], ["192.0.2.300"], 365, 90, "not an address: '192.0.2.300'"),
        ("git.auro.re", [], [], 90, 90, "every run would issue"),
        ("git.auro.re", [], [], 90, 0, "between 0 and valid_days"),
    ],
)
def test_a_wish_that_cannot_be_granted_is_refused(
    identity: str, names: list[str], addresses: list[str], days: int, renew: int, message: str
) -> None:
    with pytest.raises(IdentityError, match=message):
        Wanted.of(identity, names, addresses, days, renew)


def test_now_is_in_whole_seconds_of_utc() -> None:
    assert now().microsecond == 0
    assert abs(now() - datetime.now(UTC)) < timedelta(minutes=1)


def test_a_draft_says_what_is_wanted() -> None:
    assert (
        Certificate(
            identity="git.adm.auro.re",
            names=frozenset({"git.adm.auro.re", "git", "git.auro.re", "192.0.2.12", "2001:db8::12"}),
            key="SHA256:key",
            authority="SHA256:authority",
            not_before=NOW - timedelta(hours=1),
            not_after=NOW + timedelta(days=365),
        )
        == IDEAL
    )


def test_a_draft_does_not_outlive_its_authority() -> None:
    end = NOW + timedelta(days=100)
    assert draft(WANTED, "k", "a", NOW, authority_ends=end).not_after == end
    assert draft(WANTED, "k", "a", NOW, authority_ends=NOW + timedelta(days=999)) == draft(WANTED, "k", "a", NOW)


def test_it_is_described_for_people() -> None:
    assert IDEAL.describe() == (
        "identity: git.adm.auro.re\nnames:\n  192.0.2.12\n  2001:db8::12\n  git\n  git.adm.auro.re\n  git.auro.re\n"
        "key: SHA256:key\nauthority: SHA256:authority\n"
        "valid from: 2031-01-05 11:00:00 UTC\nvalid until: 2032-01-05 12:00:00 UTC\n"
    )


@pytest.mark.parametrize(
    ("current", "reasons"),
    [
        (None, ["there is none"]),
        ("gibberish", ["it cannot be read: gibberish"]),
        (IDEAL, []),
        (replace(IDEAL, key="SHA256:other"), ["it is for another key than the host's"]),
        (replace(IDEAL, authority="SHA256:other"), ["another authority signed it"]),
        (replace(IDEAL, identity="www"), ["its identity is 'www'"]),
        (replace(IDEAL, names=IDEAL.names - {"git", "192.0.2.12"}), ["it lacks 192.0.2.12, git"]),
        (replace(IDEAL, names=IDEAL.names | {"mail"}), ["it should not have mail"]),
        (
            replace(IDEAL, not_before=NOW + timedelta(seconds=1)),
            ["it is not valid before 2031-01-05 12:00:01 UTC"],
        ),
        (replace(IDEAL, not_after=NOW + WANTED.renew_before), []),
        (
            replace(IDEAL, not_after=NOW + WANTED.renew_before - timedelta(seconds=1)),
            ["it ends on 2031-04-05 11:59:59 UTC"],
        ),
        (replace(IDEAL, not_after=NOW - timedelta(days=1)), ["it ends on 2031-01-04 12:00:00 UTC"]),
        (replace(IDEAL, not_after=IDEAL.not_after + CLOCK_SKEW), []),
        (
            replace(IDEAL, not_after=IDEAL.not_after + timedelta(hours=2)),
            ["it lasts too long, until 2032-01-05 14:00:00 UTC"],
        ),
        (
            replace(IDEAL, key="k", authority="a"),
            ["it is for another key than the host's", "another authority signed it"],
        ),
    ],
)
def test_each_reason_is_given(current: Certificate | str | None, reasons: list[str]) -> None:
    assert shortcomings(current, IDEAL, WANTED, NOW) == reasons


def test_near_the_authoritys_end_a_certificate_that_lasts_as_long_is_left_alone() -> None:
    end = NOW + timedelta(days=10)
    ideal = draft(WANTED, "k", "a", NOW, authority_ends=end)
    assert shortcomings(replace(ideal, not_before=NOW - timedelta(days=300)), ideal, WANTED, NOW) == []
    assert shortcomings(replace(ideal, not_after=end - timedelta(days=1)), ideal, WANTED, NOW) != []


@given(wishes, moments, st.integers(0, 86400 * 4000), st.one_of(st.none(), st.integers(1, 86400 * 4000)))
def test_what_was_just_issued_serves_until_it_is_time_to_renew(
    wanted: Wanted, at: datetime, later: int, authority_lives: int | None
) -> None:
    ends = None if authority_lives is None else at + timedelta(seconds=authority_lives)
    issued = draft(wanted, "key", "authority", at, authority_ends=ends)
    moment = at + timedelta(seconds=later)
    ideal = draft(wanted, "key", "authority", moment, authority_ends=ends)
    is_time = issued.not_after - moment < wanted.renew_before and issued.not_after != ends
    assert bool(shortcomings(issued, ideal, wanted, moment)) == is_time
    # And issuing mends it: the next run has nothing to do.
    assert shortcomings(ideal, ideal, wanted, moment) == []


@given(certificates, wishes, moments)
def test_whatever_the_host_has_only_what_serves_is_kept(current: Certificate, wanted: Wanted, at: datetime) -> None:
    ideal = draft(wanted, "a", "b", at)
    serves = (
        (current.key, current.authority, current.identity, current.names)
        == (ideal.key, ideal.authority, ideal.identity, ideal.names)
        and current.not_before <= at
        and at + wanted.renew_before <= current.not_after <= ideal.not_after + CLOCK_SKEW
    )
    assert (shortcomings(current, ideal, wanted, at) == []) == serves
