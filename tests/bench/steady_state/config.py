"""What pyinfra reads first: paramiko learns the standard's name of a key exchange that it has under an older one.

The roles' sshd offers `curve25519-sha256` (RFC 8731), which is `curve25519-sha256@libssh.org` to paramiko 4, the newest
that pyinfra takes. Ciphers, signatures and certificates are as for everybody else.
"""

from paramiko import Transport

NAME = "curve25519-sha256"

if NAME not in Transport._kex_info:
    Transport._kex_info[NAME] = Transport._kex_info[f"{NAME}@libssh.org"]
    Transport._preferred_kex = (NAME, *Transport._preferred_kex)
