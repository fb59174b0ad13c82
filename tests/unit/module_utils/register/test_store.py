"""The register on the disk: whole or not at all, completed after an interruption, one writer at a time."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from ansible_collections.aurore.infra.plugins.module_utils.register import store
from ansible_collections.aurore.infra.plugins.module_utils.register.certificate import CertificateError

from .conftest import sign

if TYPE_CHECKING:
    from pathlib import Path

    from ansible_collections.aurore.infra.plugins.module_utils.register.store import Register

    from .conftest import Key


class KilledError(BaseException):
    """The power goes."""


def test_a_certificate_is_entered(register: Register, authority: Key, ann: Key) -> None:
    text = sign(authority, ann, 5)
    line = register.enter(text)
    assert register.published == {"5-ann.pub": text}
    assert store.file.line_of(register.certificates[0]) == line
    assert register.published_serials == {5}
    for serial in (4, 5):
        with pytest.raises(CertificateError, match=f"the serial {serial} was used already"):
            register.enter(sign(authority, ann, serial))
    assert list(register.published) == ["5-ann.pub"]


@pytest.mark.parametrize("step", range(4))
def test_a_run_that_was_killed_is_completed(
    register: Register, authority: Key, ann: Key, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """Before and after each rename. A certificate that got out is in the register at the end, once."""
    text = sign(authority, ann)
    left = step
    rename = os.replace

    def killed(*paths: object) -> None:
        nonlocal left
        left -= 1
        if left == -1:
            raise KilledError
        rename(*paths)  # type: ignore[arg-type]
        left -= 1
        if left == -1:
            raise KilledError

    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(KilledError):
        register.enter(text)
    monkeypatch.setattr(os, "replace", rename)
    completed = register.complete([authority.fingerprint])
    assert [line.serial for line in completed] == ([1] if step in {1, 2} else [])
    assert [one.serial for one in register.certificates] == ([] if step == 0 else [1])
    assert register.complete([authority.fingerprint]) == []
    assert list(register.published) == ([] if step == 0 else ["1-ann.pub"])


def test_only_our_authorities_certificates_are_completed(
    register: Register, authority: Key, ann: Key, tmp_path: Path
) -> None:
    register.directory.mkdir()
    (register.directory / "1-ann.pub").write_text(sign(authority, ann, 1))
    (register.directory / "2-bob.pub").write_text(sign(authority, ann, 2))  # another's name
    (register.directory / "3-ann.pub").write_text("nothing")
    (register.directory / "notes.pub").write_text("nothing")
    assert register.complete(["SHA256:another"]) == []
    assert [line.serial for line in register.complete([authority.fingerprint])] == [1]
    assert register.published_serials == {1, 2, 3}


def test_times_within_a_day_have_no_line(register: Register, authority: Key, ann: Key) -> None:
    with pytest.raises(CertificateError, match="it does not begin and end with a day of UTC"):
        register.enter(sign(authority, ann, 1, "ann", "root", ("20261125", "20271223"), "-V", "+1m:+2d"))


def _enter_next(directory: Path, texts: list[str]) -> None:
    register = store.Register(directory)
    with register.locked():
        register.enter(texts[len(register.certificates)])


def test_two_at_once(register: Register, authority: Key, ann: Key) -> None:
    texts = [sign(authority, ann, serial) for serial in range(1, 9)]
    # The lock is one of open files, so that threads are to it what processes are.
    with ThreadPoolExecutor(len(texts)) as writers:
        list(writers.map(lambda _: _enter_next(register.path.parent, texts), texts))
    assert [one.serial for one in register.certificates] == list(range(1, 9))
    assert len(register.published) == 8


def test_permissions_stay(register: Register, authority: Key, ann: Key) -> None:
    register.path.chmod(0o640)
    register.enter(sign(authority, ann))
    assert register.path.stat().st_mode & 0o777 == 0o640
