"""apt-cacher-ng: each package is downloaded once for all hosts, and it is their only way to packages."""

import os
import pwd
import socket
import subprocess
from pathlib import Path

from . import processes
from .context import Lab
from .errors import LabError
from .fleet import Fleet
from .image import Mirrors

PORT = 3142
# The user that the Debian package makes.
USER = "apt-cacher-ng"


# --- What must be


def configuration(lab: Lab, address: str, proxy: str) -> str:
    """Write acng.conf."""
    lines = [
        f"CacheDir: {lab.cache}/packages",
        f"LogDir: {lab.cache}/log",
        f"BindAddress: {address}",
        f"Port: {PORT}",
        "SupportDir: /usr/lib/apt-cacher-ng",
        # None: it would be outside the lab.
        "SocketPath:",
        "ForeGround: 1",
        # Nothing here lives long enough to become stale.
        "ExThreshold: 0",
    ]
    return "\n".join([*lines, *([f"Proxy: {proxy}"] if proxy else [])]) + "\n"


def through_cache(url: str) -> str:
    """Write a mirror's URL so that the cache may read it: what hosts fetch by HTTPS themselves cannot be cached."""
    return f"http://HTTPS///{url.removeprefix('https://')}" if url.startswith("https://") else url


def proxy_url(fleet: Fleet) -> str:
    """Give the URL of the cache, as hosts reach it."""
    return f"http://{fleet.control_ipv4}:{PORT}"


def reachable_by_others(directory: Path) -> bool:
    """Tell whether another user can get to a directory."""
    return all(parent.stat().st_mode & 0o001 for parent in directory.parents)


# --- Doing it


def ensure(lab: Lab, fleet: Fleet, mirrors: Mirrors) -> None:
    """Start the cache, unless it runs.

    Raises:
        LabError: When it does not answer, or something else does.
    """
    address = (fleet.control_ipv4, PORT)
    if any(processes.find(*_words(lab))) and _answers(address):
        return
    processes.end(*_words(lab))
    if _answers(address):
        problem = f"port {PORT} is taken by a program that is not the lab's"
        raise LabError("package cache", problem, f"stop it: `ss -ltnp 'sport = :{PORT}'` says which one it is")
    user = pwd.getpwnam(USER) if reachable_by_others(lab.cache) else pwd.getpwuid(os.geteuid())
    for name in ("etc", "packages", "log"):
        (lab.cache / name).mkdir(exist_ok=True)
        os.chown(lab.cache / name, user.pw_uid, user.pw_gid)
    lab.write(lab.cache / "etc/acng.conf", configuration(lab, fleet.control_ipv4, mirrors.proxy))
    log = lab.logs / "packages.log"
    with log.open("w") as messages:
        subprocess.Popen(  # noqa: S603 - an argument list
            ("/usr/sbin/apt-cacher-ng", *_words(lab)),
            stdin=subprocess.DEVNULL,
            stdout=messages,
            stderr=messages,
            start_new_session=True,
            user=user.pw_uid,
            group=user.pw_gid,
            extra_groups=[],
        )
    if not processes.wait_for(lambda: _answers(address), seconds=10):
        problem = log.read_text().strip() or f"nothing answers at {address[0]}:{PORT}"
        raise LabError("package cache", problem, f"see {log} and {lab.cache}/log")


def stop(lab: Lab) -> None:
    """Stop the cache."""
    processes.end(*_words(lab))


def _words(lab: Lab) -> tuple[str, str]:
    return ("-c", f"{lab.cache}/etc")


def _answers(address: tuple[str, int]) -> bool:
    try:
        socket.create_connection(address, timeout=1).close()
    except OSError:
        return False
    return True
