"""Documentation of `aurore.infra.borrowed_socket`, which runs on the controller: plugins/action/borrowed_socket.py."""

from __future__ import annotations

DOCUMENTATION = r"""
module: borrowed_socket
author: Collège technique d'Aurore
version_added: 0.1.0
short_description: Run a command that needs a Unix socket of another host
description:
  - Makes a Unix socket of another host appear on this one, runs a command, and takes it away again. A server that lets
    in whoever comes by its socket, such as PostgreSQL, can so be used from another host, without a password, without a
    port, and without a change of its configuration.
  - What goes through it goes through the control machine, by two connections of SSH, like C(scp -3). Neither host must
    be able to reach the other, and nothing is forwarded by SSH itself, which our hosts refuse. It is as fast as the
    slower of the two.
  - The other host needs C(/usr/bin/python3), 3.8 or newer, and nothing else. A host that is not in the inventory is
    given to Ansible by C(-i NAME,).
  - When the connection is lost, the command's connections end, and the module fails.
options:
  argv:
    description: The command and its arguments.
    type: list
    elements: str
    required: true
  socket:
    description:
      - The path at which the socket appears here. Its directory is made, and nobody but O(user) may enter it.
      - One run at a time uses it. Where somebody listens already, the module fails, and leaves that one alone. The file
        by which runs know of each other, with C(.lock) after the same name, stays there.
    type: path
    required: true
  user:
    description: Who may use it here.
    type: str
    required: true
  lender:
    description: The host that has the server, as the inventory calls it.
    type: str
    required: true
  lent_socket:
    description: The path of the socket there.
    type: path
    required: true
  lent_user:
    description: Who connects to it there.
    type: str
    required: true
attributes:
  check_mode:
    support: none
    description: In check mode the command is not run; a task whose command changes nothing has C(check_mode=false).
  diff_mode:
    support: none
  platform:
    support: full
    platforms: posix
seealso:
  - module: ansible.builtin.command
"""

EXAMPLES = r"""
- name: See which databases the old server has
  aurore.infra.borrowed_socket:
    argv: [runuser, -u, postgres, --, psql, --host=/run/old-server, --list]
    socket: /run/old-server/.s.PGSQL.5432
    user: postgres
    lender: old.example.org
    lent_socket: /var/run/postgresql/.s.PGSQL.5432
    lent_user: postgres
"""

RETURN = r"""
rc:
  description: The command's exit status.
  returned: when it was run
  type: int
stdout:
  description: What it wrote.
  returned: when it was run
  type: str
stdout_lines:
  description: The same, in lines.
  returned: when it was run
  type: list
  elements: str
stderr:
  description: What it wrote on standard error.
  returned: when it was run
  type: str
"""
