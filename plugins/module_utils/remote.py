"""One round trip to a host: a program of our own instead of a module of Ansible's.

Ansible sends a module as a zipped package that the host unpacks and compiles, which costs half a second. An agent is
one file of Python that uses the standard library alone; it goes to `/usr/bin/python3 -I -` on its standard input, over
the connection that is open, and answers in JSON on its last line.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible.errors import AnsibleActionFail

if TYPE_CHECKING:
    from types import ModuleType

    from ansible.plugins.action import ActionBase


def ask(action: ActionBase, agent: ModuleType, request: object) -> dict[str, Any]:
    """Have an agent serve a request on the host.

    Args:
        action: The action plugin at work.
        agent: The agent's module; its function `main` takes the request as JSON and writes the answer.
        request: Anything that JSON holds. It travels on standard input, so it may hold secrets.

    Returns:
        The answer.

    Raises:
        AnsibleActionFail: The host's Python did not answer.
    """
    assert agent.__file__ is not None
    program = f"{Path(agent.__file__).read_text()}\n\nmain({json.dumps(request)!r})\n"
    done = action._low_level_execute_command("/usr/bin/python3 -I -", in_data=program.encode())
    try:
        # The last line: a login may greet before.
        answer: dict[str, Any] = json.loads(done["stdout"].splitlines()[-1])
    except (IndexError, ValueError):
        said = [*done["stdout"].splitlines(), *done["stderr"].splitlines(), f"exit status {done['rc']}"]
        raise AnsibleActionFail(
            f"/usr/bin/python3 on the host did not answer: {' / '.join(said[-3:])}. Is it installed (package "
            "python3), and does the connection support pipelining?"
        ) from None
    return answer
