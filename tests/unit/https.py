"""An HTTPS server that asks for a certificate, and an authority to sign what both sides show."""

from __future__ import annotations

import ipaddress
import json
import socket
import ssl
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ADDRESS = "127.0.0.1"


@dataclass(frozen=True)
class Proofs:
    """What a host proves itself with, and knows others by: paths of PEM files."""

    authority: str
    certificate: str
    key: str


def proofs(directory: Path) -> Proofs:
    """Return those of a host with this machine's address, from an authority of their own."""
    directory.mkdir()
    now, signer, key = (
        datetime.now(UTC),
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP256R1()),
    )
    title = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
    since, until = now - timedelta(hours=1), now + timedelta(hours=1)
    identifier = x509.SubjectKeyIdentifier.from_public_key(signer.public_key())
    authority = (
        x509.CertificateBuilder(title, title, signer.public_key(), 1, since, until)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.KeyUsage(*[False] * 5, True, False, False, False), critical=True)
        .add_extension(identifier, critical=False)
        .sign(signer, SHA256())
    )
    certificate = (
        x509.CertificateBuilder(title, x509.Name([]), key.public_key(), 2, since, until)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(ADDRESS))]), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
        .sign(signer, SHA256())
    )
    files = {
        "ca.crt": authority.public_bytes(Encoding.PEM),
        "host.crt": certificate.public_bytes(Encoding.PEM),
        "host.key": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    }
    for name, content in files.items():
        (directory / name).write_bytes(content)
    return Proofs(*(str(directory / name) for name in files))


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    content: Any


class RefusalError(Exception):
    """What an answer raises to refuse."""

    def __init__(self, status: int, content: str) -> None:
        super().__init__(content)
        self.status = status
        self.content = content


@dataclass
class Server:
    """Answers in JSON, and remembers what it was asked."""

    shown: Proofs
    answer: Callable[[Asked], Any]
    asked: list[Asked] = field(default_factory=list)
    silent: bool = False
    """Whether it hangs up instead of answering."""

    def __post_init__(self) -> None:
        self._connections: set[socket.socket] = set()
        self._server = ThreadingHTTPServer((ADDRESS, 0), self._handler())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(self.shown.authority)
        context.load_cert_chain(self.shown.certificate, self.shown.key)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    @property
    def endpoint(self) -> tuple[str, int]:
        """Its address and port."""
        return ADDRESS, self.port

    @property
    def paths(self) -> list[str]:
        """What it was asked for."""
        return [one.path for one in self.asked]

    def hang_up(self) -> None:
        """Close the connections that are open, as a server that restarts does."""
        for connection in self._connections.copy():
            # It may have been closed already, while its thread has not noticed yet.
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def stop(self) -> None:
        """Be gone."""
        self._server.shutdown()
        self._server.server_close()
        self.hang_up()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                server._connections.add(self.connection)

            def finish(self) -> None:
                server._connections.discard(self.connection)
                super().finish()

            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                content = json.loads(self.rfile.read(length)) if length else None
                asked = Asked(self.command, self.path, dict(self.headers), content)
                server.asked.append(asked)
                if server.silent:
                    self.close_connection = True
                    return
                try:
                    status, text = 200, server.answer(asked)
                except RefusalError as refusal:
                    status, text = refusal.status, refusal.content
                body = (text if isinstance(text, str) else json.dumps(text)).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self) -> None:
                self.do_POST()

            def do_PUT(self) -> None:
                self.do_POST()

            def log_message(self, *_: object) -> None:
                """Nothing is shown."""

        return Handler
