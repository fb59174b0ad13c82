"""What a host finds at its first boot, as cloud-init would give it: who it is, and whom it lets in."""

import uuid

from .archive import File, Link
from .authorities import Keypair
from .fleet import Host

HOST_KEY = "/etc/ssh/ssh_host_ed25519_key"
AUTHORITIES = "/etc/ssh/provisioning_authorities.pub"

# Until the role ssh_server says more. sshd takes the first value that it reads: the role's files come before this one.
SSHD = f"""\
HostKey {HOST_KEY}
HostCertificate {HOST_KEY}-cert.pub
TrustedUserCAKeys {AUTHORITIES}
PasswordAuthentication no
"""


def files(host: Host, key: Keypair, certificate: str, user_authority: str) -> dict[str, File | Link]:
    """Write the files of a host.

    Args:
        host: The host.
        key: Its SSH key.
        certificate: The host authority's certificate for that key.
        user_authority: Public key of the authority whose certificates let people in.
    """
    return {
        "/etc/hostname": File(f"{host.name}\n"),
        "/etc/hosts": File(f"127.0.0.1 localhost\n::1 localhost\n{host.address} {host.fqdn} {host.name}\n"),
        "/etc/machine-id": File(f"{uuid.uuid4().hex}\n", 0o444),
        # The image has this machine's.
        "/etc/resolv.conf": File(""),
        HOST_KEY: File(key.private, 0o600),
        f"{HOST_KEY}.pub": File(key.public),
        f"{HOST_KEY}-cert.pub": File(certificate),
        AUTHORITIES: File(user_authority),
        "/etc/ssh/sshd_config.d/90-provisioning.conf": File(SSHD),
    }
