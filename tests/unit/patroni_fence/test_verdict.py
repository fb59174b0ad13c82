"""What follows from a look, for whatever can be seen."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from patroni_fence.verdict import Verdict, judge
from patroni_fence.view import View

PATIENCE = 10
SILENT = View("a", "77", PATIENCE, frozenset("bc"), frozenset("bc"))

names = st.sampled_from("abcd")
views = st.builds(
    View,
    leader=st.one_of(st.none(), names),
    lease=st.sampled_from(["", "77"]),
    silent=st.integers(-1, 25),
    synchronous=st.frozensets(names),
    votes=st.frozensets(names),
)


@pytest.mark.parametrize(
    ("view", "verdict"),
    [
        (SILENT, Verdict.END),
        (replace(SILENT, votes=frozenset("bcd")), Verdict.END),
        (replace(SILENT, synchronous=frozenset("b"), votes=frozenset("b")), Verdict.END),
        (replace(SILENT, votes=frozenset("b")), Verdict.FENCE),
        (replace(SILENT, votes=frozenset()), Verdict.FENCE),
        # A replica that need not have what was acknowledged.
        (replace(SILENT, synchronous=frozenset("c")), Verdict.FENCE),
        (replace(SILENT, synchronous=frozenset()), Verdict.FENCE),
        (replace(SILENT, silent=PATIENCE - 1), Verdict.LISTEN),
        (replace(SILENT, leader="b"), Verdict.LISTEN),
        (replace(SILENT, lease=""), Verdict.LISTEN),
        (replace(SILENT, leader=None), Verdict.AWAIT),
    ],
)
def test_what_a_replica_does(view: View, verdict: Verdict) -> None:
    assert judge(view, "b", PATIENCE) is verdict


@given(view=views, me=names)
def test_a_term_ends_only_when_nobody_can_acknowledge_anything(view: View, me: str) -> None:
    if judge(view, me, PATIENCE) is Verdict.END:
        assert view.leader not in {None, me}
        assert view.lease
        assert view.silent >= PATIENCE
        assert me in view.synchronous
        assert view.synchronous <= view.votes


@given(view=views, me=names)
def test_nobody_is_fenced_who_is_alive_or_not_there(view: View, me: str) -> None:
    if view.leader is None:
        assert judge(view, me, PATIENCE) is Verdict.AWAIT
    elif view.leader == me or not view.lease or view.silent < PATIENCE:
        assert judge(view, me, PATIENCE) is Verdict.LISTEN
    else:
        assert judge(view, me, PATIENCE) in {Verdict.FENCE, Verdict.END}


@given(view=views, me=names, more=st.frozensets(names))
def test_a_vote_more_ends_no_less(view: View, me: str, more: frozenset[str]) -> None:
    if judge(view, me, PATIENCE) is Verdict.END:
        assert judge(replace(view, votes=view.votes | more), me, PATIENCE) is Verdict.END


@given(view=views, me=names, vote=names)
def test_with_a_vote_missing_no_term_ends(view: View, me: str, vote: str) -> None:
    if vote in view.synchronous:
        assert judge(replace(view, votes=view.votes - {vote}), me, PATIENCE) is not Verdict.END
