"""aurore.infra.borrowed_socket from the task to the server, over Ansible's local connection."""

from __future__ import annotations

import getpass
import socket
import threading
from typing import TYPE_CHECKING, Any

import pytest
from ansible.errors import AnsibleActionFail, AnsibleError

from tests.unit.action_call import load

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ME = getpass.getuser()
CLIENT = """
import socket, sys
client = socket.socket(socket.AF_UNIX)
client.connect(sys.argv[1])
print(client.recv(100).decode())
sys.exit(int(sys.argv[2]))
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """The path of a server's socket, who greets."""
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(tmp_path / "server"))
    listening.listen()

    def greet() -> None:
        with listening:
            while True:
                try:
                    with listening.accept()[0] as connection:
                        connection.sendall(b"bonjour")
                except OSError:
                    return

    threading.Thread(target=greet, daemon=True).start()
    yield str(tmp_path / "server")
    listening.shutdown(socket.SHUT_RDWR)


def run(tmp_path: Path, *, check: bool = False, status: int = 0, **changes: Any) -> dict[str, Any]:
    """Run the task, as a worker does."""
    near = str(tmp_path / "near/socket")
    args = {
        "argv": ["/usr/bin/python3", "-c", CLIENT, near, str(status)],
        "socket": near,
        "user": ME,
        "lender": "git",
        "lent_socket": str(tmp_path / "server"),
        "lent_user": ME,
    } | changes
    action = load("aurore.infra.borrowed_socket", args, check=check)
    hostvars = {"git": {"ansible_connection": "ansible.builtin.local", "ansible_host": "198.51.100.7"}}
    result: dict[str, Any] = action.run(task_vars={"hostvars": hostvars})
    return result


@pytest.mark.usefixtures("server")
def test_the_command_reaches_the_server(tmp_path: Path) -> None:
    result = run(tmp_path)
    assert (result["rc"], result["stdout_lines"], result["changed"]) == (0, ["bonjour"], True)
    assert not (tmp_path / "near/socket").exists()


@pytest.mark.usefixtures("server")
def test_a_command_that_fails(tmp_path: Path) -> None:
    result = run(tmp_path, status=3)
    assert (result["failed"], result["rc"], result["msg"]) == (True, 3, "bonjour")


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(AnsibleActionFail, match=r"git: wire: there is no .*server: does the server run"):
        run(tmp_path)


@pytest.mark.usefixtures("server")
def test_one_at_work_is_not_disturbed(tmp_path: Path) -> None:
    (tmp_path / "near").mkdir()
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(tmp_path / "near/socket"))
        other.listen()
        with pytest.raises(AnsibleActionFail, match=r"this host: wire: .*near/socket is in use: await the end"):
            run(tmp_path)
        assert (tmp_path / "near/socket").exists()


def test_a_host_that_the_inventory_does_not_know(tmp_path: Path) -> None:
    with pytest.raises(AnsibleActionFail, match=r"the inventory has no old.example.org: give it to Ansible, -i"):
        run(tmp_path, lender="old.example.org")


def test_what_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(AnsibleError, match="lender"):
        run(tmp_path, lender=None)


def test_nothing_is_run_in_check_mode(tmp_path: Path) -> None:
    assert run(tmp_path, check=True)["skipped"]
