"""How people and Ansible get to the hosts."""

import os
import textwrap
from collections.abc import Iterable

import yaml

from . import authorities, packages
from .context import Lab
from .fleet import Fleet, Host
from .image import Mirrors


def ssh_config(lab: Lab, hosts: Iterable[Host], control_path: str) -> str:
    """Write the configuration for `ssh -F`: every host under its names, certificates both ways, no questions."""
    parts = [f"Host {' '.join(dict.fromkeys((host.name, host.fqdn)))}\n  HostName {host.address}\n" for host in hosts]
    common = f"""\
Host *
  User root
  IdentityFile "{lab.ssh}/id_ed25519"
  CertificateFile "{lab.ssh}/id_ed25519-cert.pub"
  IdentitiesOnly yes
  IdentityAgent none
  StrictHostKeyChecking yes
  UserKnownHostsFile "{lab.ssh}/known_hosts"
  GlobalKnownHostsFile /dev/null
  ConnectTimeout 5
  ServerAliveInterval 5
  ServerAliveCountMax 3
  ControlMaster auto
  ControlPath "{control_path}/lab-%C"
  ControlPersist 10m
"""
    return "\n".join([*parts, common])


def fleet_file(names: dict[str, str], proxy: str, mirrors: Mirrors, keys: dict[str, str]) -> str:
    """Write the fleet.yml that takes the place of the model's.

    Args:
        names: The model's.
        proxy: URL of the cache of packages.
        mirrors: The machine's Debian mirrors.
        keys: Public keys of the authorities `user`, `emergency` and `host`, and the certificate of `tls`.
    """
    values = {
        "names": names,
        "packages": {
            "mirror": packages.through_cache(mirrors.debian),
            "security_mirror": packages.through_cache(mirrors.security),
            "proxy": proxy,
        },
        "authorities": {
            "users": [keys["user"].strip()],
            "emergency": keys["emergency"].strip(),
            "host": keys["host"].strip(),
        },
    }
    lines = textwrap.indent(keys["tls"], "    ")
    return f"{yaml.safe_dump(values, sort_keys=False, width=10_000)}  tls: |\n{lines}"


def ensure(lab: Lab, fleet: Fleet, mirrors: Mirrors) -> None:
    """Write the files of SSH and of the inventory."""
    control_path = lab.owner.home / ".ansible/cp"
    if not control_path.is_dir():
        # Ansible's own; it makes it the same way.
        for directory in (control_path.parent, control_path):
            directory.mkdir(mode=0o700, exist_ok=True)
            os.chown(directory, lab.owner.uid, lab.owner.gid)
    keys = {
        "user": authorities.user_authority_key(lab).read_text(),
        "emergency": authorities.emergency_authority_key(lab).read_text(),
        "host": authorities.host_authority_key(lab).read_text(),
        "tls": authorities.tls_authority_certificate(lab).read_text(),
    }
    lab.write(lab.ssh / "config", ssh_config(lab, fleet.hosts, str(control_path)))
    lab.write(lab.ssh / "known_hosts", f"@cert-authority * {keys['host']}")
    names = yaml.safe_load((lab.base_model / "fleet.yml").read_text())["names"]
    lab.write(lab.model / "fleet.yml", fleet_file(names, packages.proxy_url(fleet), mirrors, keys))
