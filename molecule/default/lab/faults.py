"""Accidents for the tests: a host loses its power or its network, or freezes."""

from collections.abc import Iterable

from . import hosts, network
from .fleet import Host, Interface
from .podman import Podman


def power_off(podman: Podman, host: Host) -> None:
    """Kill all processes of a host at once. Its network stays: peers see connections end."""
    podman.run("kill", host.name)


def power_on(podman: Podman, host: Host) -> None:
    """Start a host that was powered off; it boots with the disk that it had."""
    hosts.boot(podman, host)


def freeze(podman: Podman, host: Host) -> None:
    """Stop the time of all processes of a host: the kernel still answers for it."""
    podman.run("pause", host.name)


def thaw(podman: Podman, host: Host) -> None:
    """Let a frozen host go on."""
    podman.run("unpause", host.name)


def unplug(host: Host, only: str = "") -> None:
    """Pull cables out of the switch, as a dead host looks to its peers: nothing ends, nothing answers.

    Args:
        host: The host.
        only: The one interface, or nothing for all.
    """
    for interface in _interfaces(host, only):
        network.set_port(host.name, interface, connected=False)


def plug(host: Host, only: str = "") -> None:
    """Put cables back."""
    for interface in _interfaces(host, only):
        network.set_port(host.name, interface, connected=True)


def _interfaces(host: Host, only: str) -> Iterable[Interface]:
    return [interface for interface in host.interfaces if only in {"", interface.name}]
