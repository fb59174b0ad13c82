"""The look-up ``aurore.infra.secret``: the one place where the repository reads the association's secrets."""

from __future__ import annotations

DOCUMENTATION = r"""
name: secret
author: Collège technique d'Aurore
version_added: 0.1.0
short_description: Read a secret from the association's C(pass) store
description:
  - Runs C(pass show) on the control machine and returns what the entry holds. The store is the one that the inventory
    names, so that the lab and production use the same names of entries with different stores.
  - An entry is decrypted once per process, however often it is asked for. Decryptions of one store wait for each other,
    because a GnuPG agent that is asked by twenty forks at once runs out of its locked memory.
  - Whatever is missing is an error. A secret is never empty.
options:
  _terms:
    description: Names of entries, as given to C(pass show), such as V(ssh/host-authority).
    required: true
    type: list
    elements: str
  whole:
    description:
      - Return the whole entry, with its line ends, rather than its first line.
      - For keys. By convention the first line of any other entry is the secret, and the rest is for people.
    type: bool
    default: false
  directory:
    description: The store. Templates and C(~) are resolved.
    type: str
    default: ~/.password-store
    vars:
      - name: secrets_directory
    env:
      - name: PASSWORD_STORE_DIR
  gnupg_home:
    description:
      - GnuPG's home, with the key that opens the store. Templates and C(~) are resolved.
      - Without it, GnuPG's own choice.
    type: str
    vars:
      - name: secrets_gnupg_home
    env:
      - name: GNUPGHOME
notes:
  - A task or an item that carries a secret sets C(no_log).
  - Forks have no terminal. Where C(pinentry) asks in the terminal rather than in a window, C(export GPG_TTY=$(tty))
    first, or open an entry with C(pass show) just before, so that the agent remembers.
seealso:
  - name: pass
    description: The standard UNIX password manager.
    link: https://www.passwordstore.org
"""

EXAMPLES = r"""
- name: Set the database's password
  community.postgresql.postgresql_user:
    name: nextcloud
    password: "{{ lookup('aurore.infra.secret', 'postgresql/nextcloud') }}"
  no_log: true

- name: Install a private key, which is a whole entry
  ansible.builtin.copy:
    content: "{{ lookup('aurore.infra.secret', 'dkim/auro.re', whole=true) }}"
    dest: /etc/dkim/auro.re.key
    mode: "0600"
  no_log: true

# Rather in group_vars, so that roles need not know that there is a store:
# nextcloud_database_password: "{{ lookup('aurore.infra.secret', 'postgresql/nextcloud') }}"
"""

RETURN = r"""
_raw:
  description: One value for each name, in their order.
  type: list
  elements: str
  sample: [correct horse battery staple]
"""

import fcntl
import functools
import os
import subprocess
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from ansible.errors import AnsibleError
from ansible.plugins.lookup import LookupBase

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class SecretError(AnsibleError):  # type: ignore[misc]  # Ansible is not typed
    """An entry that cannot be read; says which, in which store, and what to do."""


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Hold the store's lock. The directory itself is locked: no file is left in a store that people commit."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@functools.cache
def show(name: str, directory: Path, gnupg_home: Path | None) -> str:
    """Return what `pass show` prints for an entry.

    Raises:
        SecretError: there is no such entry or store, or it cannot be decrypted.
    """
    if not directory.is_dir():
        raise SecretError(
            f"The secret {name!r} cannot be read: there is no store {directory}. Clone the association's store there, "
            "or say where it is in the variable secrets_directory."
        )
    path = PurePosixPath(name)
    # `pass show` lists a directory, and succeeds: only a file is an entry.
    if path.is_absolute() or ".." in path.parts or not (directory / f"{name}.gpg").is_file():
        raise SecretError(
            f"There is no secret {name!r} in the store {directory}. Correct the name, run `git pull` in the store, "
            f"or add it with `pass insert --multiline {name}`."
        )
    environment = os.environ | {"PASSWORD_STORE_DIR": str(directory), "LC_ALL": "C.UTF-8"}
    if gnupg_home:
        environment["GNUPGHOME"] = str(gnupg_home)
    try:
        with _locked(directory):
            answer = subprocess.run(  # noqa: S603 (argv, no shell; the name is an existing file)
                ["pass", "show", "--", name],  # noqa: S607 (wherever the RT's system has it)
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
            )
    except FileNotFoundError:
        raise SecretError(
            f"The secret {name!r} cannot be read: the program `pass` is not installed. Run `.ci/setup lab`, "
            "or install it with the system's package manager."
        ) from None
    if answer.returncode:
        # Only GnuPG's complaint: standard output may hold a part of the secret.
        complaint = " ".join(answer.stderr.decode(errors="replace").split()) or f"exit status {answer.returncode}"
        raise SecretError(
            f"The secret {name!r} of the store {directory} cannot be decrypted: {complaint}. Check with "
            f"`pass show {name}` that your key is unlocked and is one of those in the store's .gpg-id."
        )
    try:
        return answer.stdout.decode()
    except UnicodeDecodeError:
        # `from None`: the exception carries the bytes.
        raise SecretError(f"The secret {name!r} of the store {directory} is not UTF-8 text.") from None


class LookupModule(LookupBase):  # type: ignore[misc]  # Ansible is not typed
    """Reads entries of the store."""

    def run(self, terms: list[str], variables: Mapping[str, Any] | None = None, **kwargs: Any) -> list[str]:
        """Return the secret of each name in `terms`."""
        self.set_options(var_options=variables, direct=kwargs)
        directory = self._path("directory")
        assert directory is not None, "the option has a default"
        return [self._secret(name, directory, self._path("gnupg_home")) for name in terms]

    def _path(self, option: str) -> Path | None:
        """Return an option as a path. Ansible gives variables to look-ups as they are written, templates and all."""
        value = self._templar.template(self.get_option(option))
        return Path(value).expanduser().absolute() if value else None

    def _secret(self, name: str, directory: Path, gnupg_home: Path | None) -> str:
        entry = show(name, directory, gnupg_home)
        secret = entry if self.get_option("whole") else entry.split("\n", 1)[0]
        if not secret.strip():
            part = "entry" if self.get_option("whole") else "first line of the entry"
            raise SecretError(f"The {part} {name!r} in the store {directory} is empty: `pass edit {name}`.")
        return secret
