"""Run on the office's host, between a command and Postfix: kills the command at a chosen moment of their conversation.

    python3 - PORT MOMENT COMMAND…

Moments: `connected` (nothing was said yet), `half` (half of the content has reached Postfix), `content` (all of it has,
and the answer is not there yet), `taken` (Postfix has answered that it took the message, and nobody has heard it).
"""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading

port, moment, *argv = sys.argv[1:]
listener = socket.create_server(("127.0.0.1", int(port)))
command = subprocess.Popen(argv)


def kill() -> None:
    """Kill the command, and see it dead."""
    command.send_signal(signal.SIGKILL)
    command.wait()


def answers(server: socket.socket, client: socket.socket) -> None:
    """Hand on what Postfix says."""
    while data := server.recv(65536):
        if moment == "taken" and b"queued as" in data:
            kill()
            break
        if moment == "content" and b"queued as" in data:
            break
        client.sendall(data)


client, _ = listener.accept()
if moment == "connected":
    kill()
else:
    server = socket.create_connection(("127.0.0.1", 25))
    speaking = threading.Thread(target=answers, args=(server, client))
    speaking.start()
    content = b""
    is_content = False
    while data := client.recv(65536):
        is_content = is_content or content.endswith(b"data\r\n")
        if is_content and moment == "half":
            server.sendall(data[: len(data) // 2])
            kill()
            break
        content += data
        if moment == "content" and content.endswith(b"\r\n.\r\n"):
            kill()
            server.sendall(data)
            break
        server.sendall(data)
    if moment == "half":
        server.shutdown(socket.SHUT_RDWR)
    speaking.join()
    server.close()
sys.exit(0 if command.wait() == -signal.SIGKILL else f"the command ended with {command.returncode}")
