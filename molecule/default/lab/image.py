"""Debian's root file system, made by mmdebstrap: there is no registry to ask."""

import hashlib
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from . import progress
from .archive import File, Link, archive
from .commands import run
from .context import Lab
from .errors import LabError
from .podman import Podman

SUITE = "trixie"
REPOSITORY = "localhost/aurore-lab"

# What a fresh Debian of production has, and no more: what a role needs, the role installs.
PACKAGES = (
    "ca-certificates",
    "dbus",
    "iproute2",
    "nftables",
    "openssh-server",
    "procps",
    "python3",
    "python3-apt",
    "sudo",
    "systemd",
    "systemd-sysv",
    # As an installation of Debian has it; chrony takes its place.
    "systemd-timesyncd",
)

# Units that deal with a real machine's devices and kernel, of which a container sees its host's.
MASKED = (
    "audit-rules.service",
    "auditd.service",
    "dev-hugepages.mount",
    "nvmf-autoconnect.service",
    "proc-sys-fs-binfmt_misc.automount",
    "sys-fs-fuse-connections.mount",
    "sys-kernel-debug.mount",
    "sys-kernel-tracing.mount",
    "systemd-modules-load.service",
)

# What makes a container out of a machine's root file system.
FILES = {
    # Podman mounts over these: a role could not replace /etc/hostname, and journals would not outlive a boot.
    "/etc/systemd/system/own-files.service": """\
[Unit]
Description=Uncover the files that podman mounted over
DefaultDependencies=no
Before=systemd-journal-flush.service sysinit.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=-/usr/bin/umount /etc/hostname /var/log/journal

[Install]
WantedBy=sysinit.target
""",
    # Of the kernel's settings, only the network's are the container's own; the others are the machine's.
    "/etc/systemd/system/systemd-sysctl.service.d/lab.conf": """\
[Service]
ExecStart=
ExecStart=/usr/lib/systemd/systemd-sysctl --prefix=/net
""",
    # The clock is the machine's.
    "/etc/systemd/system.conf.d/lab.conf": """\
[Manager]
CapabilityBoundingSet=~CAP_SYS_TIME
""",
    # It serves time all the same, and leaves the clock alone (-x).
    "/etc/systemd/system/chrony.service.d/lab.conf": """\
[Unit]
ConditionCapability=

[Service]
ExecStart=
ExecStart=!/usr/sbin/chronyd -x $DAEMON_OPTS
""",
    # The kernel's messages are the machine's.
    "/etc/systemd/journald.conf.d/10-lab.conf": """\
[Journal]
ReadKMsg=no
""",
}


@dataclass(frozen=True)
class Mirrors:
    """Where Debian packages come from, as this machine knows it.

    Attributes:
        debian: URL of the archive.
        security: URL of the security archive.
        proxy: The proxy that this machine's apt uses, or nothing.
    """

    debian: str
    security: str
    proxy: str = ""


# --- What must be


def recipe() -> str:
    """Give the image's tag: another one when anything of the recipe changes."""
    parts = json.dumps([SUITE, PACKAGES, MASKED, FILES], sort_keys=True)
    return hashlib.sha256(parts.encode()).hexdigest()[:12]


def tag() -> str:
    """Give the image's name."""
    return f"{REPOSITORY}:{recipe()}"


def machine_mirrors(targets: str, proxy: str = "") -> Mirrors | None:
    """Read the machine's Debian mirrors out of apt's own account of its sources.

    Args:
        targets: Lines `origin|label|URL`, as `apt-get indextargets` writes them.
        proxy: The machine's proxy for apt.

    Returns:
        The mirrors, or None when this is no Debian or apt has not looked yet.
    """
    found: dict[str, str] = {}
    for line in targets.splitlines():
        origin, label, url = line.split("|")
        if origin == "Debian":
            found.setdefault(label, listed_mirror(url).rstrip("/"))
    if "Debian" not in found or "Debian-Security" not in found:
        return None
    return Mirrors(found["Debian"], found["Debian-Security"], proxy)


def listed_mirror(url: str) -> str:
    """Resolve apt's `mirror+file:/list` to the first mirror of the list."""
    if not url.startswith("mirror+file:"):
        return url
    return Path(urlsplit(url).path).read_text().split()[0]


def sources_of(mirrors: Mirrors | None) -> list[str]:
    """Write the sources for mmdebstrap: none means its own defaults."""
    if mirrors is None:
        return []
    return [
        f"deb {mirrors.debian} {SUITE} main",
        f"deb {mirrors.debian} {SUITE}-updates main",
        f"deb {mirrors.security} {SUITE}-security main",
    ]


def mirrors_of(sources: str, proxy: str = "") -> Mirrors:
    """Read the mirrors out of the sources.list that mmdebstrap left in an image."""
    urls = {words[2]: words[1] for words in map(str.split, sources.splitlines()) if words and words[0] == "deb"}
    return Mirrors(urls[SUITE], urls[f"{SUITE}-security"], proxy)


def overlay() -> bytes:
    """Pack what the image has beside Debian's packages."""
    entries: dict[str, File | Link] = {path: File(content) for path, content in FILES.items()}
    entries |= {f"/etc/systemd/system/{unit}": Link("/dev/null") for unit in MASKED}
    entries["/etc/systemd/system/sysinit.target.wants/own-files.service"] = Link("../own-files.service")
    return archive(entries)


def mmdebstrap(lab: Lab, mirrors: Mirrors | None) -> list[str]:
    """Write the command that makes the root file system and sends it to standard output."""
    return [
        # Whoever kills us with -9 must not find mounts or a process left behind.
        *("setpriv", "--pdeathsig", "TERM", "unshare", "--mount"),
        *("mmdebstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}"),
        # Losing power costs a lab nothing; translations of package descriptions, time.
        *("--dpkgopt=force-unsafe-io", '--aptopt=Acquire::Languages "none"'),
        f"--customize-hook=tar-in {lab.image}/overlay.tar /",
        # Every host gets its own at its first boot.
        '--customize-hook=rm "$1"/etc/ssh/ssh_host_*',
        f"--customize-hook=download /etc/apt/sources.list {lab.image}/sources.list",
        *(SUITE, "-", *sources_of(mirrors)),
    ]


# --- Doing it


def known_mirrors(lab: Lab) -> Mirrors | None:
    """Find the mirrors: the machine's, else those that mmdebstrap chose for the image, else none yet."""
    targets = run(("apt-get", "indextargets", "--format", "$(ORIGIN)|$(LABEL)|$(REPO_URI)", "Created-By: Packages"))
    proxy = run(("apt-config", "shell", "proxy", "Acquire::http::Proxy")).partition("=")[2].strip().strip("'")
    chosen = lab.image / "sources.list"
    return machine_mirrors(targets, proxy) or (mirrors_of(chosen.read_text(), proxy) if chosen.exists() else None)


def ensure(podman: Podman) -> None:
    """Build the image, if there is none of this recipe."""
    images = json.loads(podman.run("images", "--format", "json") or "[]")
    if any(tag() in image.get("Names", ()) for image in images):
        return
    with progress.step("Building the Debian image, once"):
        _build(podman)


def _build(podman: Podman) -> None:
    lab = podman.lab
    for leftover in lab.image.glob("mmdebstrap.*"):
        shutil.rmtree(leftover)
    (lab.image / "overlay.tar").write_bytes(overlay())
    mirrors = known_mirrors(lab)
    # /tmp may refuse device files.
    environment = os.environ | {"TMPDIR": str(lab.image)} | ({"http_proxy": mirrors.proxy} if mirrors else {})
    log = lab.logs / "image.log"
    partial = f"{REPOSITORY}:partial"
    with log.open("w") as messages:
        maker = subprocess.Popen(  # noqa: S603 - an argument list
            mmdebstrap(lab, mirrors),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=messages,
            env=environment,
            pass_fds=lab.inheritance,
        )
        taker = subprocess.Popen(  # noqa: S603 - an argument list
            podman.command("import", "--quiet", "-", partial),
            stdin=maker.stdout,
            stdout=subprocess.DEVNULL,
            stderr=messages,
            pass_fds=lab.inheritance,
        )
        assert maker.stdout is not None
        maker.stdout.close()
        statuses = (maker.wait(), taker.wait())
    if any(statuses):
        last_lines = "\n    ".join(log.read_text().strip().splitlines()[-8:])
        problem = f"mmdebstrap or podman failed:\n    {last_lines}"
        raise LabError("image", problem, f"see {log}; does `apt update` work here?")
    # Only now is it known to be whole.
    podman.run("tag", partial, tag())
    podman.run("untag", partial, partial)
    # What killed runs left.
    podman.run("image", "prune", "--force")
