"""Two people open the emergency authority, one does not."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
from ansible_collections.aurore.infra.plugins.module_utils.model.keys import AUTHORITIES, check_public_key, fingerprint
from ansible_collections.aurore.infra.plugins.module_utils.register import emergency, file, signing, store
from ansible_collections.aurore.infra.plugins.module_utils.register.certificate import read
from cryptography.hazmat.primitives.serialization import load_ssh_private_key

from .conftest import TODAY

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Key


@pytest.fixture(scope="module")
def made() -> emergency.Authority:
    """An authority with three holders."""
    return emergency.make(3)


def request(made: emergency.Authority, key: Key) -> signing.Request:
    """What is asked for in an emergency."""
    line = file.Line(
        9, "ann", ("root",), TODAY, emergency.last_day(TODAY), key.fingerprint, fingerprint(made.public)
    )  # fmt: skip
    return signing.Request(line, key.line)


@pytest.mark.parametrize(
    "kind", [("-t", "ed25519"), ("-t", "ecdsa", "-b", "384"), ("-t", "rsa", "-b", "3072")], ids=" ".join
)
def test_any_two_shares_sign(made: emergency.Authority, make_key: Callable[..., Key], kind: tuple[str, ...]) -> None:
    key = make_key(*kind)
    for pair in itertools.permutations(made.shares, 2):
        certificate = read(emergency.sign(request(made, key), made.private, pair))
        assert certificate.is_signed
        assert store.line_of(certificate) == request(made, key).line
        assert certificate.extensions == ("permit-pty",)


def test_shares_are_typed_as_people_type(made: emergency.Authority, ann: Key) -> None:
    first, second, _ = made.shares
    typed = [f"  {first.upper()}\n", second.replace(" ", "   ")]
    assert read(emergency.sign(request(made, ann), made.private, typed)).is_signed


def test_what_does_not_open_it(made: emergency.Authority, ann: Key) -> None:
    first, second, _ = made.shares
    other = emergency.make(2)
    words = first.split()
    changed = " ".join([*words[:-1], "zero" if words[-1] != "zero" else "academic"])
    for shares, why in [
        ([first, first], "the same share was typed twice: two people are needed"),
        ([first, f"{first} "], "the same share was typed twice"),
        ([first, ""], "the shares do not fit together"),
        ([first, "correct horse battery staple"], "the shares do not fit together"),
        ([changed, second], "the shares do not fit together"),
        ([first, other.shares[0]], "the shares do not fit together"),
        (other.shares, "the shares fit together, but do not open the key in the store"),
    ]:
        with pytest.raises(emergency.EmergencyError) as refused:
            emergency.sign(request(made, ann), made.private, shares)
        assert str(refused.value).startswith(why)
        assert words[5] not in str(refused.value)
        assert refused.value.__cause__ is None
        assert refused.value.__suppress_context__ or refused.value.__context__ is None


def test_the_stored_key_is_encrypted(made: emergency.Authority) -> None:
    with pytest.raises(TypeError, match="password"):
        load_ssh_private_key(made.private.encode(), None)
    assert check_public_key(made.public, AUTHORITIES) == made.public
    assert len(set(made.shares)) == 3
    assert {len(share.split()) for share in made.shares} == {20}


@pytest.mark.parametrize("holders", [-1, 0, 1, 17])
def test_too_few_or_too_many_holders(holders: int) -> None:
    with pytest.raises(emergency.EmergencyError, match=f"^{holders} shares cannot be made: between 2 and 16 people"):
        emergency.make(holders)


def test_a_security_key_cannot_be_signed(made: emergency.Authority, ann: Key) -> None:
    asked = request(made, ann)._replace(key="sk-ssh-ed25519@openssh.com AAAA")
    with pytest.raises(emergency.EmergencyError, match="choose another of the person's keys"):
        emergency.sign(asked, made.private, made.shares[:2])
