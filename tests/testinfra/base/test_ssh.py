"""Root comes in with a certificate of ours, and nothing else comes in at all."""

from __future__ import annotations

import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ..conftest import LAB, PLAIN, SSH_CONFIG, run

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator, Mapping

    from testinfra.host import Host

DENIED = "Permission denied (publickey)"


def ssh(
    *options: str,
    host: str = "git",
    command: str = "true",
    config: Path = SSH_CONFIG,
    env: Mapping[str, str] = PLAIN,
) -> subprocess.CompletedProcess[str]:
    """A connection of its own, without whatever master is open."""
    alone = ("-o", "ControlMaster=no", "-o", "ControlPath=none", "-o", "BatchMode=yes")
    return run("ssh", *options, "-F", str(config), *alone, host, command, check=False, env=env)


@contextmanager
def agent() -> Iterator[dict[str, str]]:
    """An SSH agent, as variables."""
    said = run("ssh-agent", "-s").stdout
    variables = dict(re.findall(r"(SSH_\w+)=([^;]+);", said))
    try:
        yield variables
    finally:
        run("ssh-agent", "-k", env=variables)


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """A fresh private key."""
    path = tmp_path / "key"
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path))
    return path


def issue(key: Path, *, principals: str = "root", validity: str = "-5m:+1h", authority: Path | None = None) -> None:
    """Sign a key with the lab's user authority, in its token, or with another one."""
    if authority is None:
        library = next(path for path in Path("/usr/lib").glob("**/libsofthsm2.so"))
        signer = ["-s", str(LAB / "ssh/user_ca.pub"), "-D", str(library)]
    else:
        signer = ["-s", str(authority)]
    token = {
        "SOFTHSM2_CONF": str(LAB / "token/softhsm2.conf"),
        "SSH_ASKPASS": str(LAB / "token/askpass"),
        "SSH_ASKPASS_REQUIRE": "force",
    }
    argv = ["ssh-keygen", "-q", *signer, "-I", "a test", "-n", principals, "-z", "4711", "-V", validity, f"{key}.pub"]
    run(*argv, env=token)


def come_with(key: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Come with a key, and the certificate beside it if there is one; without the lab's own."""
    lines = [line for line in SSH_CONFIG.read_text().splitlines() if not line.strip().startswith(("Identity", "Cert"))]
    config = key.with_name("config")
    config.write_text("\n".join([*lines, f"  IdentityFile {key}", "  IdentitiesOnly yes", "  IdentityAgent none", ""]))
    return ssh(*options, config=config)


def test_root_comes_in_with_a_certificate_and_sees_the_host_s(each: Host) -> None:
    name = each.backend.get_hostname()
    done = ssh("-v", host=name, command="id --user --name")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "root"
    assert "Server host certificate: ssh-ed25519-cert-v01@openssh.com" in done.stderr
    assert "id_ed25519-cert" in done.stderr


def test_a_certificate_of_ours_is_enough(key: Path) -> None:
    issue(key)
    done = come_with(key)
    assert done.returncode == 0, done.stderr


def test_a_principal_of_one_of_the_host_s_groups_is_enough(key: Path) -> None:
    issue(key, principals="forge")
    assert come_with(key).returncode == 0


@pytest.mark.parametrize(
    ("principals", "validity"),
    [
        pytest.param("root", "-2h:-1h", id="expired"),
        pytest.param("root", "+1h:+2h", id="not yet valid"),
        pytest.param("postgresql", "-5m:+1h", id="for a group that the host is not in"),
    ],
)
def test_a_certificate_that_does_not_fit_is_refused(key: Path, principals: str, validity: str) -> None:
    issue(key, principals=principals, validity=validity)
    done = come_with(key)
    assert done.returncode == 255
    assert DENIED in done.stderr


def test_another_authority_s_certificate_is_refused(key: Path, tmp_path: Path) -> None:
    authority = tmp_path / "authority"
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(authority))
    issue(key, authority=authority)
    done = come_with(key)
    assert done.returncode == 255
    assert DENIED in done.stderr


def test_a_plain_key_is_refused_even_if_it_is_in_authorized_keys(key: Path) -> None:
    public = Path(f"{key}.pub").read_text().strip()
    added = ssh(command=f"install -d -m 700 /root/.ssh && echo '{public}' > /root/.ssh/authorized_keys")
    assert added.returncode == 0, added.stderr
    try:
        done = come_with(key)
        assert done.returncode == 255
        assert DENIED in done.stderr
    finally:
        ssh(command="rm -r /root/.ssh")


@pytest.mark.parametrize("method", ["password", "keyboard-interactive"])
def test_passwords_are_not_even_asked_for(method: str) -> None:
    done = ssh("-o", f"PreferredAuthentications={method}")
    assert done.returncode == 255
    assert DENIED in done.stderr


def test_nobody_but_root_comes_in(key: Path) -> None:
    issue(key, principals="root,nobody")
    done = come_with(key, "-l", "nobody")
    assert done.returncode == 255


def test_a_host_with_another_authority_s_certificate_is_refused_without_a_question(tmp_path: Path) -> None:
    other = tmp_path / "other"
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(other))
    known = tmp_path / "known_hosts"
    known.write_text(f"@cert-authority * {Path(f'{other}.pub').read_text()}")
    done = ssh("-o", f"UserKnownHostsFile={known}")
    assert done.returncode == 255
    assert "Host key verification failed" in done.stderr


def test_an_agent_is_not_forwarded() -> None:
    with agent() as environment:
        # The lab's configuration hides the agent.
        shown = f"IdentityAgent={environment['SSH_AUTH_SOCK']}"
        asked = ssh("-v", "-A", "-o", shown, command="printf '%s' \"${SSH_AUTH_SOCK:-}\"", env=environment)
    assert "Requesting authentication agent forwarding" in asked.stderr
    assert (asked.returncode, asked.stdout) == (0, "")


def test_a_display_is_not_forwarded() -> None:
    asked = ssh("-v", "-Y", command="printf '%s' \"${DISPLAY:-}\"", env={"DISPLAY": "127.0.0.1:7"})
    assert "Requesting X11 forwarding" in asked.stderr
    assert "X11 forwarding request failed" in asked.stderr
    assert (asked.returncode, asked.stdout) == (0, "")


def test_ports_are_not_forwarded() -> None:
    done = ssh("-o", "ExitOnForwardFailure=yes", "-W", "127.0.0.1:22")
    assert done.returncode == 255
    assert "administratively prohibited" in done.stderr
