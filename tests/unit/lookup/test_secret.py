"""aurore.infra.secret reads a real store, and says what is wrong without saying the secret."""

from __future__ import annotations

import fcntl
import os
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import lookup_loader
from ansible.template import Templar, trust_as_template
from ansible_collections.aurore.infra.plugins.lookup import secret

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.unit.conftest import Store

WORD = "correct horse battery staple"


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    """Each test starts in a process that has read nothing."""
    secret.show.cache_clear()
    yield
    secret.show.cache_clear()


@pytest.fixture(scope="module", autouse=True)
def _entries(store: Store) -> None:
    store.insert("mail/postmaster", f"{WORD}\nlogin: postmaster\n")
    store.insert("dkim/key", "-----BEGIN\nline\n")
    store.insert("odd/empty", "\nsecond line only\n")
    store.insert("odd/blank", "\n")
    store.insert("odd/binary", b"\xff\xfe secret\n")
    store.insert("-dash", "dashing\n")


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that the look-up runs; they do run."""
    seen: list[list[str]] = []
    run = subprocess.run

    def record(command: list[str], **options: Any) -> Any:
        seen.append(command)
        return run(command, **options)

    monkeypatch.setattr(secret.subprocess, "run", record)
    return seen


def template(text: str, variables: dict[str, Any]) -> Any:
    return Templar(loader=DataLoader(), variables=variables).template(trust_as_template(text))


def read(store: Store, *names: str, **options: Any) -> list[str]:
    plugin = lookup_loader.get("aurore.infra.secret", loader=DataLoader(), templar=Templar(loader=DataLoader()))
    found: list[str] = plugin.run(list(names), variables=store.variables, **options)
    return found


def test_returns_the_first_line(store: Store) -> None:
    assert template("{{ lookup('aurore.infra.secret', 'mail/postmaster') }}", store.variables) == WORD


def test_returns_the_whole_entry(store: Store) -> None:
    assert read(store, "dkim/key", whole=True) == ["-----BEGIN\nline\n"]


def test_returns_one_secret_for_each_name(store: Store) -> None:
    assert read(store, "dkim/key", "mail/postmaster", "-dash") == ["-----BEGIN", WORD, "dashing"]


def test_asks_once_per_process(store: Store, calls: list[list[str]]) -> None:
    read(store, "mail/postmaster", "mail/postmaster")
    read(store, "mail/postmaster", whole=True)
    assert calls == [["pass", "show", "--", "mail/postmaster"]]


def test_variables_may_be_templates(store: Store, tmp_path: Path) -> None:
    variables = {
        "lab": str(store.directory.parent),
        "secrets_directory": trust_as_template("{{ lab }}/store"),
        "secrets_gnupg_home": trust_as_template("{{ lab }}/gnupg"),
    }
    assert template("{{ lookup('aurore.infra.secret', 'mail/postmaster') }}", variables) == WORD


def test_the_home_directory_is_resolved(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(store.directory.parent))
    variables = {"secrets_directory": "~/store", "secrets_gnupg_home": "~/gnupg"}
    assert template("{{ lookup('aurore.infra.secret', 'mail/postmaster') }}", variables) == WORD


def test_without_variables_the_environment_decides(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSWORD_STORE_DIR", str(store.directory))
    monkeypatch.setenv("GNUPGHOME", str(store.gnupg_home))
    assert template("{{ lookup('aurore.infra.secret', 'mail/postmaster') }}", {}) == WORD


def test_without_anything_gnupg_chooses_its_home(store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("GNUPGHOME", raising=False)
    (tmp_path / ".gnupg").symlink_to(store.gnupg_home)
    (tmp_path / ".password-store").symlink_to(store.directory)
    assert template("{{ lookup('aurore.infra.secret', 'mail/postmaster') }}", {}) == WORD


def test_decryptions_of_a_store_take_turns(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    run = subprocess.run

    def refuse_company(command: list[str], **options: Any) -> Any:
        descriptor = os.open(store.directory, os.O_RDONLY)
        with pytest.raises(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(descriptor)
        return run(command, **options)

    monkeypatch.setattr(secret.subprocess, "run", refuse_company)
    assert read(store, "mail/postmaster") == [WORD]
    # And the store is free afterwards.
    descriptor = os.open(store.directory, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(descriptor)


@pytest.mark.parametrize(
    "name", ["mail/nobody", "mail", "../gnupg/pubring", "mail/../mail/postmaster", "/etc/hosts", ""]
)
def test_what_is_no_entry_is_named(store: Store, name: str) -> None:
    with pytest.raises(secret.SecretError) as caught:
        read(store, name)
    assert f"no secret {name!r} in the store {store.directory}" in str(caught.value)
    assert f"pass insert --multiline {name}" in str(caught.value)


def test_a_store_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(AnsibleError, match=r"no store .*/nowhere.*secrets_directory"):
        template("{{ lookup('aurore.infra.secret', 'a/b') }}", {"secrets_directory": str(tmp_path / "nowhere")})


def test_pass_that_is_not_installed_is_named(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(secret.SecretError, match=r"'mail/postmaster'.*`pass` is not installed.*setup"):
        read(store, "mail/postmaster")


def test_an_entry_for_other_keys_is_named(store: Store, tmp_path: Path) -> None:
    stranger = tmp_path / "g"
    stranger.mkdir(mode=0o700)
    variables = {"secrets_directory": str(store.directory), "secrets_gnupg_home": str(stranger)}
    try:
        with pytest.raises(AnsibleError) as caught:
            template("{{ lookup('aurore.infra.secret', 'mail/postmaster') }}", variables)
    finally:
        subprocess.run(["gpgconf", "--homedir", str(stranger), "--kill", "all"], check=True)
    message = str(caught.value)
    assert "'mail/postmaster'" in message
    assert str(store.directory) in message
    assert "No secret key" in message
    assert "pass show mail/postmaster" in message
    assert WORD not in message


def test_a_failure_without_words_has_its_status(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "pass"
    program.write_text(f"#!/bin/sh\necho '{WORD}'\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(secret.SecretError, match="exit status 3") as caught:
        read(store, "mail/postmaster")
    assert WORD not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "whole", "what"),
    [
        ("odd/empty", False, "first line of the entry 'odd/empty'"),
        ("odd/blank", True, "entry 'odd/blank'"),
    ],
)
def test_a_secret_is_never_empty(store: Store, name: str, whole: bool, what: str) -> None:
    with pytest.raises(secret.SecretError, match=f"The {what} .* is empty"):
        read(store, name, whole=whole)


def test_what_is_not_text_is_named_without_its_bytes(store: Store) -> None:
    with pytest.raises(secret.SecretError, match=r"'odd/binary'.*not UTF-8") as caught:
        read(store, "odd/binary")
    assert caught.value.__cause__ is None
    assert "xff" not in str(caught.value)
