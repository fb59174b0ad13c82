"""How long it takes to find a role's steady state in place: with our action, pyinfra, Mitogen, and Ansible's modules.

    .venv/bin/python tests/bench/bench_steady_state.py [--hosts 12] [--without mail,www] [--rounds 3]

The state is declared once, in `steady_state/state.yml`: 60 items, which each variant reads from there. Our action
brings it to guests of the lab. Then the variants run in turns, over connections that are open already and with nothing
left to do; a variant that would change something, or misses a host, ends the benchmark. The table shows medians. In the
end everything is removed from the hosts again.

Each variant is as its authors advise. Ansible and Mitogen have what this repository's `ansible.cfg` sets (pipelining,
persistent connections, no facts, enough forks), and an inventory of nothing but these hosts. pyinfra skips its first
pass over the hosts (`--yes`), and connects by itself: it cannot use OpenSSH's connections.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().with_name("steady_state")
SSH_CONFIG = ROOT / ".lab/ssh/config"
HOST_KEY = "/etc/ssh/ssh_host_ed25519_key.pub"
KINDS = ("packages", "users", "directories", "links", "files", "absent", "units")
AIMS = {"pyinfra": 3, "Ansible": 30}
"""How many times faster ours has to be, by the clock."""
LIMIT = 600
"""Seconds that one run may take."""
RECAP = re.compile(r"^(\S+)\s+: ok=(\d+)\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)", re.MULTILINE)


class Failure(Exception):  # noqa: N818 - it is a sentence for a person
    """Why there is nothing to compare."""


@dataclass(frozen=True)
class Run:
    """One run of a variant: what it wrote, its seconds by the clock and its seconds of this machine's processors."""

    output: str
    wall: float
    cpu: float


@dataclass
class Variant:
    """A way to bring the state: its command, what it has in its environment, and how to read what it did."""

    name: str
    command: list[str]
    verdict: Callable[[str], dict[str, str]]
    """What is wrong, by host; every host that is named in the output is a key. Nothing wrong is an empty string."""
    environment: dict[str, str] = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list)

    @property
    def wall(self) -> float:
        """Median of seconds by the clock."""
        return median(run.wall for run in self.runs)

    @property
    def cpu(self) -> float:
        """Median of processor seconds."""
        return median(run.cpu for run in self.runs)


# --- What is there


def say(text: str) -> None:
    """Tell how far it is; what it found goes to standard output."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def items() -> int:
    """The number of items of the state; the list of packages is one."""
    state = yaml.safe_load((HERE / "state.yml").read_text(encoding="utf-8"))
    return sum(1 if kind == "packages" else len(state[kind]) for kind in KINDS)


def program(name: str) -> str:
    """The path of a program of the virtual environment."""
    return str(Path(sys.executable).with_name(name))


def check_environment() -> None:
    """See whether everything is installed and the lab was made.

    Raises:
        Failure: It is not.
    """
    missing = [name for name in ("mitogen", "ansible_mitogen", "pyinfra") if find_spec(name) is None]
    if missing:
        raise Failure(f"{', '.join(missing)} is not installed; run `make setup`")
    if not SSH_CONFIG.is_file():
        raise Failure("there is no lab; run `make lab`")


def guests(count: int, without: set[str]) -> list[str]:
    """The names of the lab's first guests, but for some.

    Raises:
        Failure: There are fewer.
    """
    command = [program("ansible-inventory"), "--inventory", "inventory/lab.yml", "--list"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    found = [name for name in json.loads(listed)["guests"]["hosts"] if name not in without]
    if len(found) < count:
        raise Failure(f"the lab has {len(found)} guests, not {count}")
    return found[:count]


def greet(host: str) -> str:
    """Connect to a host, and leave the connection open.

    Returns:
        Its line for `known_hosts`: pyinfra cannot check a host's certificate, but its key, which came over a connection
        that was checked.

    Raises:
        Failure: It does not answer.
    """
    ssh = ["ssh", "-F", str(SSH_CONFIG)]
    settings = subprocess.run([*ssh, "-G", host], check=True, capture_output=True, text=True).stdout
    address = dict(line.split(" ", 1) for line in settings.splitlines() if " " in line)["hostname"]
    answer = subprocess.run([*ssh, host, f"cat {HOST_KEY}"], capture_output=True, text=True, timeout=30)
    if answer.returncode:
        raise Failure(f"{host} does not answer; run `make lab`: {answer.stderr.strip()}")
    return f"{address} {' '.join(answer.stdout.split()[:2])}\n"


def write_inputs(directory: Path, hosts: list[str]) -> None:
    """Write the inventory of these hosts, and their keys."""
    variables = {"ansible_user": "root", "ansible_ssh_common_args": f"-F {SSH_CONFIG}"}
    inventory = {"all": {"hosts": dict.fromkeys(hosts), "vars": variables}}
    (directory / "inventory.yml").write_text(yaml.safe_dump(inventory), encoding="utf-8")
    with ThreadPoolExecutor(len(hosts)) as pool:
        (directory / "known_hosts").write_text("".join(pool.map(greet, hosts)), encoding="utf-8")


# --- The variants


def playbook(directory: Path, name: str) -> list[str]:
    """The command that runs one of the playbooks."""
    return [program("ansible-playbook"), "--inventory", str(directory / "inventory.yml"), str(HERE / name)]


def variants(directory: Path, hosts: list[str]) -> list[Variant]:
    """What is compared; ours first, then by what they are expected to take."""
    mitogen = find_spec("ansible_mitogen")
    assert mitogen is not None
    assert mitogen.origin is not None
    strategy = {
        "ANSIBLE_STRATEGY": "mitogen_linear",
        "ANSIBLE_STRATEGY_PLUGINS": str(Path(mitogen.origin).parent / "plugins/strategy"),
    }
    pyinfra = [program("pyinfra"), "--yes", "--json", "--parallel", str(len(hosts))]
    pyinfra += ["--data", f"ssh_config_file={SSH_CONFIG}", "--data", "ssh_strict_host_key_checking=yes"]
    pyinfra += ["--data", f"ssh_known_hosts_file={directory / 'known_hosts'}"]
    pyinfra += ["--config", str(HERE / "config.py"), "--group-data", str(HERE / "group_data")]
    pyinfra += [",".join(hosts), str(HERE / "deploy.py")]
    return [
        Variant("ours", playbook(directory, "ours.yml"), ansible_verdict),
        Variant("pyinfra", pyinfra, pyinfra_verdict),
        Variant("Mitogen", playbook(directory, "plain.yml"), ansible_verdict, strategy),
        Variant("Ansible", playbook(directory, "plain.yml"), ansible_verdict),
    ]


def ansible_verdict(output: str) -> dict[str, str]:
    """What is wrong with each host, by the recapitulation of `ansible-playbook`."""
    verdict = {}
    for host, ok, *counts in RECAP.findall(output):
        names = ("changed", "unreachable", "failed")
        wrong = [f"{count} {name}" for name, count in zip(names, counts, strict=True) if count != "0"]
        verdict[host] = ", ".join(wrong) or ("" if ok != "0" else "nothing was done")
    return verdict


def pyinfra_verdict(output: str) -> dict[str, str]:
    """What is wrong with each host, by what pyinfra says of its operations."""
    try:
        operations = json.loads(output[output.index("{") :])["results"]["operations"]
    except (ValueError, KeyError, TypeError):
        return {}
    counts: dict[str, dict[str, int]] = {}
    for operation in operations:
        for word, key in (("changed", "success"), ("failed", "error"), ("unchanged", "no_change")):
            for host in operation[key]:
                of_host = counts.setdefault(host, dict.fromkeys(("changed", "failed", "unchanged"), 0))
                of_host[word] += 1
    wanted = items()
    return {host: pyinfra_host(of_host, wanted) for host, of_host in counts.items()}


def pyinfra_host(counts: dict[str, int], wanted: int) -> str:
    """What is wrong with one host, by the numbers of its operations."""
    wrong = [f"{counts[word]} {word}" for word in ("changed", "failed") if counts[word]]
    done = sum(counts.values())
    return ", ".join(wrong) or ("" if done == wanted else f"{done} operations, not {wanted}")


# --- Running


def run(directory: Path, command: list[str], environment: dict[str, str] | None = None) -> tuple[Run, bool]:
    """Run a command; return what was measured, and whether it succeeded."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "PYINFRA_"))}
    settings = {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}
    # The configuration names the collections' directory relative to itself; pyinfra writes its log where it runs.
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(
        command,
        cwd=directory,
        env=inherited | settings | (environment or {}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    wall, after = time.monotonic() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    output = done.stdout if done.returncode == 0 else done.stdout + done.stderr
    return Run(output, wall, cpu), done.returncode == 0


def measure(directory: Path, variant: Variant, hosts: list[str]) -> None:
    """Run a variant once, and keep what was measured.

    Raises:
        Failure: It failed, left a host out, or changed something although nothing was to be done.
    """
    one, is_success = run(directory, variant.command, variant.environment)
    verdict = variant.verdict(one.output)
    wrong = {host: verdict.get(host, "missing") for host in hosts if verdict.get(host, "missing")}
    if wrong or not is_success:
        told = [f"  {host}: {what}" for host, what in wrong.items()]
        tail = [f"  | {line}" for line in one.output.strip().splitlines()[-25:]]
        head = f"{variant.name} did not find the state in place, so there is nothing to compare."
        raise Failure("\n".join([head, *told, "The end of what it wrote:", *tail]))
    variant.runs.append(one)
    say(f"    {variant.name:<8} {one.wall:>7.2f} s, {one.cpu:>7.2f} s of processor")


def play(directory: Path, name: str) -> None:
    """Run a playbook that may change something.

    Raises:
        Failure: It failed.
    """
    one, is_success = run(directory, playbook(directory, name))
    if not is_success:
        raise Failure(f"{name} failed:\n{one.output.strip()}")


def compare(directory: Path, compared: list[Variant], hosts: list[str], rounds: int) -> None:
    """Bring the state, let the variants take turns, and remove the state."""
    try:
        say(f"==> Bringing the state to {len(hosts)} hosts")
        play(directory, "ours.yml")
        for number in range(1, rounds + 1):
            say(f"==> Round {number} of {rounds}")
            for variant in compared:
                measure(directory, variant, hosts)
    finally:
        say("==> Removing the state")
        play(directory, "remove.yml")


# --- Telling


def table(compared: list[Variant]) -> str:
    """The medians, as Markdown; ratios are to ours."""
    ours = compared[0]
    rows = [
        f"| {one.name:<7} | {one.wall:>6.2f} | {one.wall / ours.wall:>6.1f} "
        f"| {one.cpu:>15.2f} | {one.cpu / ours.cpu:>6.1f} |"
        for one in compared
    ]
    head = ["| variant | wall s |  ratio | controller CPU s |  ratio |", "|---|--:|--:|--:|--:|"]
    return "\n".join([*head, *rows])


def aims(compared: list[Variant]) -> str:
    """Whether ours is as much faster as it has to be."""
    wall = {one.name: one.wall for one in compared}
    ratios = {name: wall[name] / wall["ours"] for name in AIMS}
    told = ", ".join(f"{ratios[name]:.1f} times faster than {name} (aim: {aim})" for name, aim in AIMS.items())
    return f"{'Aims met' if all(ratios[name] >= aim for name, aim in AIMS.items()) else 'AIMS MISSED'}: {told}."


def terminated(*_: Any) -> None:
    """End as if by Ctrl-C, so that the hosts are left as they were."""
    raise KeyboardInterrupt


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description="Times a steady state with our action, pyinfra, Mitogen and Ansible.")
    parser.add_argument("--hosts", type=int, default=12)
    parser.add_argument("--without", default="", help="guests to leave alone, such as one that is being worked on")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, terminated)
    try:
        check_environment()
        hosts = guests(options.hosts, set(options.without.split(",")))
        with tempfile.TemporaryDirectory() as name:
            directory = Path(name)
            write_inputs(directory, hosts)
            compared = variants(directory, hosts)
            compare(directory, compared, hosts, options.rounds)
    except (Failure, subprocess.SubprocessError) as failure:
        sys.exit(f"bench: {failure}")
    sys.stdout.write(f"{items()} items in place on {len(hosts)} hosts; medians of {options.rounds} runs\n\n")
    sys.stdout.write(f"{table(compared)}\n\n{aims(compared)}\n")


if __name__ == "__main__":
    main()
