"""From the token to a login as root, and back: signing, revocation, two authorities, the emergency."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pexpect
import pytest
import yaml

from tests.testinfra import playbook
from tests.testinfra.conftest import LAB, PLAIN, ROOT, SSH_CONFIG, connect, eventually, inventory, run
from tests.testinfra.playbook import refused, succeeded

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

MODEL = LAB / "model"
PEOPLE = LAB / "ssh/people"
PROVIDER = str(next(Path("/usr/lib").glob("**/libsofthsm2.so")))
PIN = (LAB / "token/pin").read_text().strip()
SHARES = [(PEOPLE / f"share-{number}").read_text().strip() for number in (1, 2, 3)]
ME = "lucille"
DENIED = "Permission denied (publickey)"


@dataclass
class Said:
    """What a playbook has shown on the terminal, and how it ended."""

    text: str
    status: int | None


SAID: list[str] = []
"""Everything that any terminal has shown, in which secrets are searched for."""


def play(name: str, *answers: str, token: Path = LAB / "token", options: tuple[str, ...] = ()) -> Said:
    """Run an operation on a terminal, as a person does who answers its questions."""
    argv = ["--inventory", "inventory/lab.yml", f"playbooks/operations/{name}.yml", *options]
    environment = {**os.environ, **PLAIN, "SOFTHSM2_CONF": str(token / "softhsm2.conf"), "COLUMNS": "1000"}
    child = pexpect.spawn(
        "ansible-playbook", argv, cwd=str(ROOT), env=environment, encoding="utf-8", timeout=120, dimensions=(50, 1000)
    )
    text = ""
    left = list(answers)
    while child.expect([r"PIN of the token '[^']*': ", r"\(nothing is shown\): ", pexpect.EOF]) < 2:
        text += f"{child.before}{child.after}"
        child.sendline(left.pop(0))
    text += str(child.before)
    child.close()
    SAID.append(text)
    return Said(text, child.exitstatus)


def sign(nick: str, *options: str, pin: str = PIN, token: Path = LAB / "token") -> Said:
    """Sign somebody's key, with all that Ansible can tell."""
    more = ("-vvvv", "--diff", "-e", f"rt={nick}", "-e", f"token_provider={PROVIDER}", *options)
    return play("sign_rt", pin, token=token, options=more)


def apply(*hosts: str) -> None:
    """Have hosts do what the register says."""
    limit = ("--limit", ",".join(hosts)) if hosts else ()
    succeeded(playbook.play("playbooks/base.yml", *limit))


def register_lines() -> list[dict[str, object]]:
    """The register."""
    found: list[dict[str, object]] = yaml.safe_load((MODEL / "certificates.yml").read_text())["certificates"]
    return found


def published(nick: str) -> Path:
    """The last certificate of somebody."""
    serials = [line["serial"] for line in register_lines() if line["person"] == nick]
    return MODEL / f"certificates/{serials[-1]}-{nick}.pub"


def come(
    host: str, nick: str, certificate: Path | None = None, command: str = "true"
) -> subprocess.CompletedProcess[str]:
    """Come with somebody's key and certificate, over a connection of one's own."""
    key = LAB / "ssh/id_ed25519" if nick == ME else PEOPLE / nick
    kept = [
        line for line in SSH_CONFIG.read_text().splitlines() if not re.match(r"\s+(Identity|Certificate|Control)", line)
    ]
    with tempfile.NamedTemporaryFile("w", suffix=".config") as config:
        mine = [f"  IdentityFile {key}", f"  CertificateFile {certificate or published(nick)}", "  IdentitiesOnly yes"]
        config.write("\n".join([*kept, *mine, ""]))
        config.flush()
        return run("ssh", "-F", config.name, "-o", "BatchMode=yes", host, command, check=False)


@contextmanager
def kept() -> Iterator[None]:
    """Put the lab's people, authorities and register back as they were."""
    with tempfile.TemporaryDirectory() as copy:
        shutil.copytree(MODEL, copy, dirs_exist_ok=True)
        try:
            yield
        finally:
            shutil.rmtree(MODEL / "certificates")
            shutil.copytree(copy, MODEL, dirs_exist_ok=True)


@pytest.fixture(scope="module", autouse=True)
def _as_it_was() -> Iterator[None]:
    """Leave the lab as it was, and its hosts without what was revoked here."""
    with kept():
        yield
    apply()


@pytest.fixture(scope="module")
def erdnaxe() -> Said:
    """An RT whose key was signed."""
    before = len(register_lines())
    said = sign("erdnaxe", "-e", "again=true")
    assert said.status == 0, said.text
    assert len(register_lines()) == before + 1
    return said


@pytest.fixture(scope="module")
def elkmaennchen() -> Said:
    """Another one, who is to be disturbed by nothing."""
    said = sign("elkmaennchen", "-e", "again=true")
    assert said.status == 0, said.text
    return said


# --- Signing


def test_what_was_signed(erdnaxe: Said) -> None:
    line = register_lines()[-1]
    today = line["since"]
    assert isinstance(today, date)
    year_later = today.replace(year=today.year + 1, day=28 if (today.month, today.day) == (2, 29) else today.day)
    listing = run("ssh-keygen", "-L", "-f", str(published("erdnaxe")), env={"TZ": "UTC"}).stdout
    assert 'Key ID: "erdnaxe"' in listing
    assert f"Serial: {line['serial']}\n" in listing
    assert f"Valid: from {today}T00:00:00 to {year_later + timedelta(weeks=4)}T00:00:00\n" in listing
    assert re.search(
        r"Principals: \n\s+root\n\s+Critical Options: \(none\)\n\s+Extensions: \n\s+permit-pty\s*$", listing
    )
    assert f"{published('erdnaxe')}, valid until {year_later + timedelta(weeks=4)}." in erdnaxe.text
    assert "Next: git add inventory/model" in erdnaxe.text


def test_root_comes_in_and_the_log_host_knows_who_it_was(erdnaxe: Said) -> None:
    done = come("git", "erdnaxe", command="cat /proc/self/sessionid")
    assert done.returncode == 0, done.stderr
    serial = register_lines()[-1]["serial"]
    expected = rf'id="erdnaxe" serial={serial} authority=SHA256:\S+ from=\S+ session={done.stdout.strip()}$'

    def lines() -> str:
        asked = "journalctl --directory /var/log/journal/remote/git.adm.auro.re --quiet --output cat -t record-session"
        return connect("log").run(f"{asked} --lines 20").stdout

    assert eventually(lambda: re.search(rf"session opened: user=root {expected}", lines(), re.MULTILINE)), lines()


def test_refusals_write_nothing(erdnaxe: Said, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in MODEL.rglob("*") if path.is_file()}
    (tmp_path / "softhsm2.conf").write_text(f"directories.tokendir = {tmp_path}\n")
    people = yaml.safe_load((MODEL / "people.yml").read_text())
    for said, why in (
        (sign("erdnaxe"), "erdnaxe has the certificate "),
        (sign("elkmaennchen", "-e", "again=true", "--check"), "nothing is signed in check mode"),
        (sign("nobody"), "nobody has the nick 'nobody'"),
        (sign("erdnaxe", "-e", "again=true", pin="12345678"), "nothing was signed: the PIN is wrong"),
        (sign("erdnaxe", "-e", "again=true", token=tmp_path), "no token with a key was found: plug it in"),
        (play("sign_rt"), "Say whose key to sign: -e rt=NICK, one of lucille, erdnaxe, elkmaennchen"),
    ):
        assert said.status == 2, said.text
        assert why in said.text
    yesterday = date.today() - timedelta(days=1)  # noqa: DTZ011 - as people see it
    people["people"][2]["mandate"]["until"] = yesterday
    weak = run("sh", "-c", 'ssh-keygen -q -t rsa -b 2048 -N "" -f "$0/weak" && cat "$0/weak.pub"', str(tmp_path)).stdout
    with kept():
        (MODEL / "people.yml").write_text(yaml.safe_dump(people))
        said = sign("elkmaennchen", "-e", "again=true")
        assert (said.status, f"the mandate of elkmaennchen runs from 2025-01-01 to {yesterday}" in said.text) == (
            2,
            True,
        )
        for key, rule in (
            (weak.strip(), "wrong-value: 'keys' is 'ssh-rsa"),
            (people["people"][1]["keys"][0], "shared-key"),
        ):
            people["people"][2]["keys"] = [key]
            (MODEL / "people.yml").write_text(yaml.safe_dump(people))
            said = sign("elkmaennchen", "-e", "again=true")
            assert said.status != 0
            assert ".lab/model/people.yml:" in said.text
            assert rule in said.text
    assert {path: path.read_bytes() for path in MODEL.rglob("*") if path.is_file()} == before


def test_a_certificate_opens_what_its_person_administers() -> None:
    people = yaml.safe_load((MODEL / "people.yml").read_text())
    people["people"][2]["administers"] = ["forge"]
    with kept():
        (MODEL / "people.yml").write_text(yaml.safe_dump(people))
        assert sign("elkmaennchen", "-e", "again=true").status == 0
        assert register_lines()[-1]["principals"] == ["forge"]
        assert come("git", "elkmaennchen").returncode == 0
        done = come("www", "elkmaennchen")
        assert (done.returncode, DENIED in done.stderr) == (255, True)


# --- Revocation


def test_who_is_dismissed_is_locked_out_and_nobody_else(erdnaxe: Said, elkmaennchen: Said) -> None:
    assert [come(host, "erdnaxe").returncode for host in ("git", "www")] == [0, 0]
    said = play("revoke_rt", options=("--diff", "-e", "rt=erdnaxe", "-e", "reason='Mandate ended'"))
    assert said.status == 0, said.text
    assert "Next: playbooks/site.yml, at once" in said.text
    # Until then hosts are behind, which the command says, of each.
    checked = play("check_register", options=("-e", "max_age_days=0"))
    assert checked.status == 2
    assert all(f"{host} lacks " in checked.text for host in inventory())
    apply("git", "www")
    for host in ("git", "www"):
        done = come(host, "erdnaxe")
        assert (done.returncode, DENIED in done.stderr) == (255, True)
        assert [come(host, nick).returncode for nick in ("elkmaennchen", ME)] == [0, 0]
    checked = play("check_register", options=("-e", "max_age_days=0"))
    told = [host for host in inventory() if f"{host} lacks " in checked.text]
    assert told == [host for host in inventory() if host not in {"git", "www"}]
    serial = next(line["serial"] for line in register_lines() if line["person"] == "erdnaxe" and "revoked" in line)
    listing = connect("git").check_output("ssh-keygen -Q -l -f /etc/ssh/revoked_keys")
    assert f"serial: {serial}" in listing.splitlines()


def test_nobody_is_left_outside(erdnaxe: Said) -> None:
    """Whoever revokes the last certificate hears of it before any host does."""
    with kept():
        for nick in {str(line["person"]) for line in register_lines()}:
            assert play("revoke_rt", options=("-e", f"rt={nick}", "-e", "reason=Everybody")).status == 0
        assert "nobody could log in again" in refused(playbook.play("playbooks/base.yml", "--limit", "git"))
        assert come("git", ME).returncode == 0


def test_a_login_that_the_register_does_not_know_is_found(tmp_path: Path) -> None:
    """Somebody has used the token, and told nobody."""
    key = tmp_path / "key"
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key))
    token = {
        "SOFTHSM2_CONF": str(LAB / "token/softhsm2.conf"),
        "SSH_ASKPASS": str(LAB / "token/askpass"),
        "SSH_ASKPASS_REQUIRE": "force",
    }
    signer = ("-s", str(LAB / "ssh/user_ca.pub"), "-D", PROVIDER)
    run("ssh-keygen", "-q", *signer, "-I", "mallory", "-n", "root", "-z", "666", f"{key}.pub", env=token)
    shutil.copy(key, PEOPLE / "mallory")
    try:
        assert come("www", "mallory", Path(f"{key}-cert.pub")).returncode == 0
    finally:
        (PEOPLE / "mallory").unlink()

    def told() -> str:
        return play("check_register").text

    expected = r"www\.adm\.auro\.re: a login at \S+ from \S+ that the register does not explain: serial 666, mallory"
    assert eventually(lambda: re.search(expected, told())), told()


# --- Two authorities


@pytest.fixture
def next_token(tmp_path: Path) -> Path:
    """The token that is to take over."""
    token = tmp_path / "token"
    (token / "objects").mkdir(parents=True)
    (token / "softhsm2.conf").write_text(f"directories.tokendir = {token}/objects\n")
    environment = {"SOFTHSM2_CONF": str(token / "softhsm2.conf"), "PIN": PIN}
    for words in (
        "--init-token --slot-index 0 --label next --so-pin env:PIN",
        "--token-label next --login --login-type so --so-pin env:PIN --init-pin --pin env:PIN",
        "--token-label next --login --pin env:PIN --keypairgen --key-type EC:prime256v1 --label users",
    ):
        run("pkcs11-tool", "--module", PROVIDER, *words.split(), env=environment)
    return token


def test_one_token_takes_over_from_another(elkmaennchen: Said, next_token: Path) -> None:
    environment = {"SOFTHSM2_CONF": str(next_token / "softhsm2.conf")}
    authority = " ".join(run("ssh-keygen", "-D", PROVIDER, env=environment).stdout.split()[:2])
    fleet = yaml.safe_load((MODEL / "fleet.yml").read_text())
    old = fleet["authorities"]["users"][0]
    with kept():
        said = sign("erdnaxe", "-e", "again=true", token=next_token)
        assert (said.status, "which is no user authority of the model" in said.text) == (2, True)
        fleet["authorities"]["users"] = [old, authority]
        (MODEL / "fleet.yml").write_text(yaml.safe_dump(fleet))
        # Trusted before it signs.
        said = sign("erdnaxe", "-e", "again=true", token=next_token)
        assert (said.status, "signed nothing yet, and these hosts do not trust it: " in said.text) == (2, True), (
            said.text[-3000:]
        )
        apply()
        said = sign("erdnaxe", "-e", "again=true", token=next_token)
        assert said.status == 0, said.text
        # Both count.
        assert [come("git", nick).returncode for nick in ("erdnaxe", "elkmaennchen", ME)] == [0, 0, 0]
        # The old one stays until its last certificate ends.
        fleet["authorities"]["users"] = [authority]
        (MODEL / "fleet.yml").write_text(yaml.safe_dump(fleet))
        ran = playbook.play("playbooks/base.yml", "--limit", "git")
        assert ran.returncode != 0
        assert "authority-in-use: " in ran.stdout + ran.stderr
        assert come("git", "elkmaennchen").returncode == 0


# --- The emergency


def test_two_people_let_somebody_in_without_the_token() -> None:
    with kept():
        for answers in ((SHARES[0], SHARES[0]), (SHARES[0], "correct horse battery staple")):
            said = play("sign_emergency", *answers, options=("-vvvv", "-e", "rt=erdnaxe"))
            assert said.status == 2, said.text
        said = play("sign_emergency", SHARES[2], SHARES[0], options=("-vvvv", "--diff", "-e", "rt=erdnaxe"))
        assert said.status == 0, said.text
        line = register_lines()[-1]
        assert isinstance(line["since"], date)
        assert line["until"] == line["since"] + timedelta(days=2)
        done = come("git", "erdnaxe")
        assert done.returncode == 0, done.stderr


# --- Hosts, as clients know them


def test_what_clients_need_to_know_the_hosts(tmp_path: Path) -> None:
    said = play("publish_host_keys")
    assert said.status == 0, said.text
    known = MODEL / "certificates/known_hosts"
    assert len(known.read_text().splitlines()) == 1
    for name in ("git", "git.adm.auro.re", inventory()["git"]["ansible_host"]):
        looked = run("ssh-keygen", "-F", name, "-f", str(known), check=False)
        assert "@cert-authority" in looked.stdout, name
    done = run(
        *("ssh", "-F", str(SSH_CONFIG), "-o", f"UserKnownHostsFile={known}", "-o", "ControlPath=none"),
        *("-o", "HostKeyAlias=git.adm.auro.re", "git", "true"),
        check=False,
    )
    assert done.returncode == 0, done.stderr
    theirs = connect("git").check_output("ssh-keygen -r git.adm.auro.re. -f /etc/ssh/ssh_host_ed25519_key.pub")
    ours = (MODEL / "certificates/sshfp.zone").read_text().splitlines()
    assert [line for line in ours if line.startswith("git.adm.auro.re. ")] == [
        line for line in theirs.splitlines() if " SSHFP 4 2 " in line
    ]


# --- Secrets


def secrets() -> dict[str, bytes]:
    """What must be in its place and nowhere else. Of the key, the line with its private half."""
    host = run(
        "pass", "show", "ssh/host-authority", env={"PASSWORD_STORE_DIR": f"{LAB}/pass", "GNUPGHOME": f"{LAB}/gnupg"}
    ).stdout
    stored = {"host authority": host.splitlines()[4], "PIN": PIN}
    return {name: text.encode() for name, text in (stored | {f"share {one.split()[3]}": one for one in SHARES}).items()}


def test_secrets_are_in_no_output_no_process_and_no_other_file(erdnaxe: Said) -> None:
    """Whatever this module has had people do, on terminals that showed all that Ansible can tell."""
    wanted = secrets()
    seen = {"terminals": "\n".join(SAID).encode()}
    for process in Path("/proc").glob("[0-9]*"):
        for name in ("cmdline", "environ"):
            try:
                seen[f"{process}/{name}"] = (process / name).read_bytes()
            except OSError:  # it has ended
                continue
    places = {LAB / "token", PEOPLE, LAB / "pass", LAB / "gnupg", LAB / "storage", LAB / "cache"}
    for directory in (LAB, Path(tempfile.gettempdir()), Path.home() / ".ansible"):
        for path in directory.rglob("*"):
            # Links are not followed: what they lead to is looked at where it is, unless it is a device.
            is_ours = path.is_file() and not path.is_symlink() and not places.intersection(path.parents)
            if is_ours and path.stat().st_size < 10_000_000:
                seen[str(path)] = path.read_bytes()
    assert [(where, name) for where, text in seen.items() for name, secret in wanted.items() if secret in text] == []


@pytest.mark.parametrize("host", ["git", "log"])
def test_secrets_reach_no_host(erdnaxe: Said, host: str) -> None:
    patterns = "\n".join(text.decode() for text in secrets().values())
    look = "journalctl --sync; { journalctl --quiet --all --merge; cat /etc/ssh/* /etc/aurore/tls/*; } 2>/dev/null"
    search = "grep --fixed-strings --count --file=/dev/fd/3"
    # By standard input: what is on a command line would be in the journal of commands.
    done = run(
        *("ssh", "-F", str(SSH_CONFIG), host, f"exec 3<&0 </dev/null; {look} | {search}"), check=False, input=patterns
    )
    assert (done.returncode, done.stdout.strip()) == (1, "0"), done.stderr
