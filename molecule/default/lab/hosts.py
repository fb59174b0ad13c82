"""The hosts: containers that boot systemd in the namespaces of the network."""

import hashlib
import resource
import socket
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import UTC, datetime
from functools import partial

from . import authorities, firstboot, image, network, processes, progress
from .archive import archive
from .commands import CommandError, run
from .context import Lab
from .errors import LabError
from .fleet import Fleet, Host
from .podman import CGROUP_PARENT, LABEL, Container, Podman

BOOT_SECONDS = 90
# What a machine gives its services; a container may not pass what this machine allows, nor podman its own limits.
WANTED_LIMITS = {"nofile": (resource.RLIMIT_NOFILE, 524_288), "nproc": (resource.RLIMIT_NPROC, 32_768)}
AGAIN = "make lab again: it goes on from here; or make unlab and start anew"


# --- What must be


def steps(container: Container | None) -> tuple[str, ...]:
    """Decide what brings a container up.

    Args:
        container: As podman sees it.

    Returns:
        Steps among `remove`, `create`, `stop`, `start`, `thaw`.
    """
    if container is None:
        return ("create", "start")
    match container.state:
        case "running":
            return ()
        case "paused":
            return ("thaw",)
        case "stopping":
            # Whoever was stopping it was killed, perhaps before it was told: it may run until somebody does.
            return ("stop", "start")
        case _ if container.started and container.state != "removing":
            return ("start",)
        case _:
            # Whether it got all its files, or still has them, is unknown.
            return ("remove", "create", "start")


def origin(host: Host) -> str:
    """Digest what a host gets when it is made, and never again: its certificate's names, its addresses and routes."""
    return hashlib.sha256(repr((host.names, host.interfaces)).encode()).hexdigest()[:12]


def outdated(found: Mapping[str, Container], fleet: Fleet, wanted: Sequence[Host]) -> dict[str, str]:
    """Find the containers that cannot stay as they are.

    Args:
        found: All containers.
        fleet: All hosts of the model.
        wanted: The hosts to bring up; when these are all, what the model does not have must go.

    Returns:
        Why each of them cannot stay.
    """
    changed = {host.name for host in wanted if host.name in found and found[host.name].origin != origin(host)}
    unknown = found.keys() - {host.name for host in fleet.hosts} if len(wanted) == len(fleet.hosts) else set()
    return dict.fromkeys(sorted(changed), "it is made anew: the model gives it other names, addresses or routes") | (
        dict.fromkeys(sorted(unknown), "it is removed: the model no longer has it")
    )


def create_command(host: Host, limits: Iterable[str]) -> tuple[str, ...]:
    """Write the arguments of podman that create a host's container."""
    return (
        *("create", "--quiet", "--name", host.name, "--hostname", host.name, "--label", f"{LABEL}={origin(host)}"),
        *("--network", f"ns:{network.NAMESPACES / network.namespace(host.name)}"),
        # Roles own these files.
        *("--dns=none", "--no-hosts"),
        *("--privileged", "--systemd=always", "--pids-limit=-1", "--shm-size=1g"),
        *(f"--ulimit={limit}" for limit in limits),
        *("--cgroup-parent", CGROUP_PARENT),
        *(image.tag(), "/lib/systemd/systemd"),
    )


def allowed_limits() -> list[str]:
    """Write the limits of open files and processes that this machine lets a container have."""
    written = []
    for name, (kind, wanted) in WANTED_LIMITS.items():
        hard = resource.getrlimit(kind)[1]
        value = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        written.append(f"{name}={value}:{value}")
    return written


# --- Doing it


def remove(podman: Podman, names: Sequence[str]) -> None:
    """Remove hosts with all that is on them, and their cables."""
    if names:
        podman.run("rm", "--force", "--ignore", "--time", "0", *names)
    for name in names:
        network.remove(name)


def up(podman: Podman, hosts: Sequence[Host]) -> None:
    """Bring hosts up and wait until each lets us in.

    Raises:
        LabError: When hosts did not come up; what failed on each, and its journal, are shown before.
    """
    found = podman.containers()
    missing = any("create" in steps(found.get(host.name)) for host in hosts)
    authority = authorities.host_authority(podman.lab) if missing else ""
    failures: list[LabError] = []

    def bring(host: Host) -> tuple[str, float]:
        start = time.monotonic()
        for step in steps(found.get(host.name)):
            _do(podman, host, step, authority)
        return await_login(podman.lab, host), time.monotonic() - start

    # Starting is our processors' work, waiting is not: a few at a time keeps both busy.
    with ThreadPoolExecutor(max_workers=8) as pool:
        tasks = {pool.submit(bring, host): host for host in hosts}
        for task in as_completed(tasks):
            host = tasks[task]
            try:
                state, seconds = task.result()
            except LabError as error:
                failures.append(error)
                progress.say(f"    {host.name:<20} FAILED")
            else:
                if steps(found.get(host.name)):
                    progress.say(f"    {host.name:<20} {state:<9} {seconds:5.1f} s")
    if failures:
        raise _told(podman, failures)
    if not any(steps(found.get(host.name)) for host in hosts):
        progress.say("    all were up already")


def _told(podman: Podman, failures: Sequence[LabError]) -> LabError:
    """Show what failed on each host, with its journal, and sum it up."""
    for failure in failures:
        progress.say(f"\n{failure}\n{journal(podman, failure.place)}")
    names = ", ".join(failure.place for failure in failures)
    several = LabError("hosts", "they did not come up; see above what failed on each", AGAIN, names)
    return several if len(failures) > 1 else failures[0]


def _do(podman: Podman, host: Host, step: str, authority: str) -> None:
    actions: dict[str, Callable[[], object]] = {
        "remove": partial(podman.run, "rm", "--force", "--ignore", "--time", "0", host.name),
        "create": partial(_create, podman, host, authority),
        "stop": partial(podman.run, "stop", "--time", "0", host.name),
        "start": partial(boot, podman, host),
        "thaw": partial(podman.run, "unpause", host.name),
    }
    try:
        actions[step]()
    except CommandError as error:
        raise LabError(step, str(error), AGAIN, host.name) from error


def boot(podman: Podman, host: Host) -> None:
    """Start a container that does not run."""
    network.forget_rules(host.name)
    podman.run("start", host.name, daemon=True)


def _create(podman: Podman, host: Host, authority: str) -> None:
    key = authorities.new_keypair(host.fqdn)
    principals = [*host.names, *host.addresses]
    certificate = authorities.sign_host_key(authority, key.public, host.fqdn, principals, datetime.now(UTC))
    user_authority = authorities.user_authority_key(podman.lab).read_text()
    podman.run(*create_command(host, allowed_limits()))
    podman.run("cp", "-", f"{host.name}:/", stdin=archive(firstboot.files(host, key, certificate, user_authority)))


def await_login(lab: Lab, host: Host) -> str:
    """Wait until a host lets us in by SSH and has ended its boot.

    Returns:
        What systemd says.

    Raises:
        LabError: When it does not within BOOT_SECONDS.
    """

    def listens() -> bool:
        try:
            socket.create_connection((host.address, 22), timeout=1).close()
        except OSError:
            return False
        return True

    if not processes.wait_for(listens, BOOT_SECONDS, interval=0.1):
        problem = f"nothing listens at {host.address} port 22 after {BOOT_SECONDS} s"
        raise LabError("boot", problem, AGAIN, host.name)
    # It ends with a status when systemd is not content, which is an answer all the same.
    question = "systemctl is-system-running --wait || true"
    try:
        answer = run(
            ("ssh", "-F", str(lab.ssh / "config"), "-o", "BatchMode=yes", host.name, question),
            owner=lab.owner,
            timeout=BOOT_SECONDS,
        )
    except CommandError as error:
        raise LabError("login", str(error), f"ssh -v -F {lab.ssh}/config {host.name}", host.name) from error
    return answer.strip()


def journal(podman: Podman, name: str) -> str:
    """Show what a host has to say: its journal's warnings, or its console when it does not run."""
    said = ""
    for command in ("exec {} journalctl -p warning -n 30 --no-pager", "logs --tail 30 {}"):
        try:
            said = podman.run(*command.format(name).split())
            break
        except CommandError as error:
            said = str(error)
    return f"--- {name}: the last warnings of its journal, or what it printed\n{said.rstrip()}"
