"""The network: a namespace per host, and one router whose bridges are the model's networks.

The router has the gateways' addresses and routes between the networks. There is no address translation and no default
route: packets leave the lab nowhere. The control machine has one cable into the network `control`.

Namespaces, addresses and routes outlive the containers, as switches and cables outlive a server's reboot. What a host
has told its kernel about packets does not.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from ipaddress import IPv4Network, IPv6Network, ip_interface, ip_network
from pathlib import Path

from .commands import CommandError, run
from .errors import LabError
from .fleet import Address, Fleet, Host, Interface, Prefix

ROUTER = "aurore-router"
CONTROL_DEVICE = "aurore-control"
NAMESPACES = Path("/run/netns")
FORWARD = "cd /proc/sys/net && echo 1 >ipv4/ip_forward && echo 1 >ipv6/conf/all/forwarding"
ANEW = "make unlab, then make lab"


def namespace(host: str) -> str:
    """Name the namespace of a host."""
    return f"aurore-{host}"


def port(host: str, interface: str) -> str:
    """Name the router's end of a host's cable, as `ip -n aurore-router link set NAME down` takes it.

    It is an alternative name: the kernel's own names end after 15 characters.
    """
    return f"{host}.{interface}"


def device(name: str, kind: str) -> str:
    """Give a device the name that the kernel takes, the same at every run."""
    return f"{kind}-{hashlib.blake2s(name.encode(), digest_size=5).hexdigest()}"


def hardware_address(name: str) -> str:
    """Give a device an address that stays the same when it is made anew: neighbours remember it for half a minute."""
    return ":".join(f"{one:02x}" for one in (0x02, *hashlib.blake2s(name.encode(), digest_size=5).digest()))


# --- What must be, as lines for `ip -batch`


def router_lines(fleet: Fleet, hosts: Iterable[Host], existing: set[str]) -> Iterator[str]:
    """Plan the router: bridges, gateways' addresses and the hosts' cables.

    Args:
        fleet: The networks.
        hosts: The hosts to connect.
        existing: Names that the router's devices have.
    """
    yield "link set lo up"
    for network in fleet.networks:
        bridge = device(network.name, "br")
        if bridge not in existing:
            # Snooping would drop neighbour discovery: nothing here sends the queries that it lives from.
            yield f"link add {bridge} address {hardware_address(network.name)} type bridge mcast_snooping 0"
        if network.name not in existing:
            yield f"link property add dev {bridge} altname {network.name}"
        yield f"link set {bridge} up"
        for gateway in network.gateways:
            yield address_line(gateway, bridge)
    for host in hosts:
        for interface in host.interfaces:
            name = port(host.name, interface.name)
            end = device(name, "port")
            if end not in existing:
                peer = f"name {interface.name} address {hardware_address(name)} netns {namespace(host.name)}"
                yield f"link add {end} type veth peer {peer}"
            if name not in existing:
                yield f"link property add dev {end} altname {name}"
            yield f"link set {end} master {device(interface.network, 'br')} up"


def host_lines(host: Host) -> Iterator[str]:
    """Plan a host's namespace: addresses and routes."""
    yield "link set lo up"
    for interface in host.interfaces:
        yield f"link set {interface.name} up"
        for address in interface.addresses:
            yield address_line(address, interface.name)
    for interface in host.interfaces:
        for route in interface.routes:
            yield f"route replace {route.to} via {route.via} dev {interface.name}"


def control_lines(fleet: Fleet) -> Iterator[str]:
    """Plan the control machine's own namespace: its address in `control`, routes to the lab's other networks."""
    yield f"link set {CONTROL_DEVICE} up"
    for address in fleet.control_addresses:
        yield address_line(address, CONTROL_DEVICE)
    gateways = {gateway.version: gateway.ip for gateway in fleet.control_network.gateways}
    for network in fleet.networks:
        if network is not fleet.control_network:
            for prefix in network.prefixes:
                yield f"route replace {prefix} via {gateways[prefix.version]} dev {CONTROL_DEVICE}"


def address_line(address: Address, name: str) -> str:
    """Plan one address. Nobody else can have it, so that it need not be looked for first (nodad)."""
    return f"address replace {address} dev {name}{' nodad' if address.version == 6 else ''}"


def conflicts(fleet: Fleet, routes: Iterable[tuple[str, str]]) -> list[str]:
    """List the machine's own routes that the lab's addresses would shadow.

    Args:
        fleet: The lab's networks.
        routes: Destination and device of the machine's routes.
    """
    ours: list[Prefix] = [prefix for network in fleet.networks for prefix in network.prefixes]
    found = []
    for destination, name in routes:
        if destination == "default" or name == CONTROL_DEVICE:
            continue
        theirs = ip_network(destination, strict=False)
        if any(overlaps(theirs, prefix) for prefix in ours):
            found.append(f"{destination} by {name}")
    return found


def surplus(fleet: Fleet, present: Iterable[Address]) -> list[str]:
    """List addresses of the router and the control machine that the model has no more."""
    ours = {gateway for network in fleet.networks for gateway in network.gateways}
    return sorted(map(str, {*present} - ours - {*fleet.control_addresses}))


def overlaps(one: IPv4Network | IPv6Network, other: IPv4Network | IPv6Network) -> bool:
    """Tell whether two prefixes share addresses; those of different versions share none."""
    if isinstance(one, IPv4Network):
        return isinstance(other, IPv4Network) and one.overlaps(other)
    return isinstance(other, IPv6Network) and one.overlaps(other)


# --- Doing it


def prepare(fleet: Fleet) -> None:
    """Make the router's namespace, which comes before everything else.

    Podman's mount namespace sees what is mounted in /run/netns later only if that is a mount by itself already.

    Raises:
        LabError: When the lab's addresses are not free, or those that it has are no longer the model's.
    """
    _ensure_namespace(ROUTER)
    _refuse_conflicts(fleet)


def up(fleet: Fleet, hosts: Sequence[Host]) -> None:
    """Make or mend the network of some hosts; what is right stays as it is."""
    for host in hosts:
        _ensure_namespace(namespace(host.name))
    # Bridges are in the router only; what the hosts' namespaces forward is for their own roles to say.
    run(("ip", "netns", "exec", ROUTER, "sh", "-c", FORWARD))
    _batch(router_lines(fleet, hosts, _device_names(ROUTER)), ROUTER)
    for host in hosts:
        _batch(host_lines(host), namespace(host.name), host.name)
    _connect_control(fleet)


def remove(host: str) -> None:
    """Remove a host's namespace and its cables."""
    if namespace(host) in namespaces():
        # The kernel removes a namespace's own ends some time later; a new cable could meet the old one's other end.
        _batch((f"link delete {one}" for one in _device_names(ROUTER) if one.startswith(port(host, ""))), ROUTER, host)
        run(("ip", "netns", "delete", namespace(host)))


def down() -> None:
    """Remove every namespace of the lab, with all that is in it, and the control machine's cable."""
    for name in namespaces():
        run(("ip", "netns", "delete", name))
    _remove_control_device()
    # `ip netns` leaves its directory behind, mounted on itself.
    if NAMESPACES.is_dir() and not any(NAMESPACES.iterdir()):
        if f" {NAMESPACES} " in Path("/proc/self/mountinfo").read_text():
            run(("umount", str(NAMESPACES)))
        NAMESPACES.rmdir()


def namespaces() -> list[str]:
    """List the lab's namespaces."""
    return sorted(path.name for path in NAMESPACES.glob("aurore-*"))


def inhabitants() -> Iterator[int]:
    """Yield the processes that run in the lab's namespaces."""
    for name in namespaces():
        with suppress(CommandError):  # a namespace that a killed run left half made
            yield from map(int, run(("ip", "netns", "pids", name)).split())


def forget_rules(host: str) -> None:
    """Empty a host's packet filter, which a kernel that boots begins without."""
    run(("ip", "netns", "exec", namespace(host), "nft", "flush", "ruleset"))


def set_port(host: str, interface: Interface, *, connected: bool) -> None:
    """Plug a cable in or pull it out, at the switch's end: the host sees its link go."""
    run(("ip", "-n", ROUTER, "link", "set", port(host, interface.name), "up" if connected else "down"))


def _ensure_namespace(name: str) -> None:
    path = NAMESPACES / name
    if path.exists():
        if path.stat().st_dev == Path("/proc/self/ns/net").stat().st_dev:
            return
        # `ip netns add` was killed between making the file and mounting the namespace on it.
        path.unlink()
    run(("ip", "netns", "add", name))


def _device_names(name: str) -> set[str]:
    devices = json.loads(run(("ip", "-json", "-n", name, "link", "show")) or "[]")
    return {one for link in devices for one in (link["ifname"], *link.get("altnames", ()))}


def _connect_control(fleet: Fleet) -> None:
    end = device(CONTROL_DEVICE, "port")
    if end not in _device_names(ROUTER):
        _remove_control_device()
        run(("ip", "link", "add", CONTROL_DEVICE, "type", "veth", "peer", "name", end, "netns", ROUTER))
    _batch([f"link set {end} master {device(fleet.control_network.name, 'br')} up"], ROUTER)
    _batch(control_lines(fleet))


def _remove_control_device() -> None:
    if (Path("/sys/class/net") / CONTROL_DEVICE).exists():
        run(("ip", "link", "delete", CONTROL_DEVICE))


def _batch(lines: Iterable[str], name: str = "", place: str = "") -> None:
    where = ("-n", name) if name else ()
    try:
        run(("ip", *where, "-batch", "-"), stdin="\n".join(lines).encode())
    except CommandError as error:
        raise LabError("network", str(error), ANEW, place) from error


def _refuse_conflicts(fleet: Fleet) -> None:
    routes = [
        (route["dst"], route.get("dev", "")) for family in ("-4", "-6")
        for route in json.loads(run(("ip", family, "-json", "route", "show")) or "[]")
    ]  # fmt: skip
    if found := conflicts(fleet, routes):
        raise LabError(
            "network",
            f"this machine uses addresses of the lab: {', '.join(found)}",
            "choose other prefixes under `readdress` in inventory/lab.yml",
        )
    if found := surplus(fleet, _addresses(ROUTER) | _addresses("", CONTROL_DEVICE)):
        raise LabError("network", f"the lab has addresses that the model no longer has: {', '.join(found)}", ANEW)


def _addresses(name: str, of_device: str = "") -> set[Address]:
    where = ("-n", name) if name else ()
    links = json.loads(run(("ip", "-json", *where, "address", "show", "scope", "global")) or "[]")
    return {
        ip_interface(f"{one['local']}/{one['prefixlen']}")
        for link in links
        for one in link.get("addr_info", ())
        if one and of_device in {"", link["ifname"]}
    }
