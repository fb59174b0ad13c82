"""A client of etcd's API, by the standard library alone: it runs in modules and in daemons on hosts.

It speaks the JSON gateway (https://etcd.io/docs/v3.5/dev-guide/api_grpc_gateway/): keys and values are in base64, and
numbers of 64 bits are text.
"""

from __future__ import annotations

import base64
import http.client
import json
import ssl
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

UNAUTHENTICATED = 16
"""gRPC's code for a token that is not, or no longer, good."""

STALE = "etcdserver: revision of auth store is old"
"""What etcd says of a token from before a change of users; a new one is good."""

UNAVAILABLE = 14
"""gRPC's code for a member that cannot serve now, such as one that knows no leader; another one may."""

ACCEPT = {"Accept": "application/json"}
"""The header by which etcd tells a client of its gateway from the gateway itself, whose certificate it would take for
the user's."""


class EtcdError(Exception):
    """etcd did not do what it was asked."""


class EtcdUnavailableError(EtcdError):
    """No endpoint answered."""


class EtcdRefusedError(EtcdError):
    """An endpoint answered with a refusal.

    Attributes:
        code: gRPC's.
    """

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


def tls(authority: str, certificate: str, key: str) -> ssl.SSLContext:
    """What both sides prove themselves with: paths of PEM files."""
    context = ssl.create_default_context(cafile=authority)
    context.load_cert_chain(certificate, key)
    return context


def encode(text: str) -> str:
    """A key or a value as the gateway takes it."""
    return base64.b64encode(text.encode()).decode()


def decode(text: str) -> str:
    """What `encode` made."""
    return base64.b64decode(text).decode()


def end_of(prefix: str) -> str:
    """The first key after all keys with this prefix, for `range_end`."""
    return prefix[:-1] + chr(ord(prefix[-1]) + 1)


class Etcd:
    """A connection to a cluster; another member is asked when one does not answer.

    Attributes:
        endpoints: Addresses and ports, the one that answered last first.
    """

    def __init__(
        self,
        endpoints: Sequence[tuple[str, int]],
        context: ssl.SSLContext,
        credentials: tuple[str, str] | None = None,
        timeout: float = 3.0,
    ) -> None:
        """Connects to nothing yet.

        Args:
            endpoints: Addresses and ports, the preferred one first.
            context: Of `tls`.
            credentials: A user's name and password.
            timeout: Seconds for one endpoint to connect, and again to answer.
        """
        self.endpoints = list(endpoints)
        self._context = context
        self._credentials = credentials
        self._timeout = timeout
        self._token: str | None = None
        self._connection: http.client.HTTPSConnection | None = None

    def call(self, path: str, request: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Has a method of the API called.

        Args:
            path: Such as `/v3/kv/range`.
            request: Its message.

        Raises:
            EtcdUnavailableError: No endpoint answered.
            EtcdRefusedError: One did, with a refusal.
        """
        if self._credentials and self._token is None:
            self._authenticate(self._credentials)
        try:
            return self._ask(path, request or {})
        except EtcdUnavailableError:
            # A member waits until it knows as much as the one that gave the token. One of an etcd that was made anew
            # since may never, so the next call begins with another token.
            self._token = None
            raise
        except EtcdRefusedError as refused:
            if not self._credentials or (refused.code != UNAUTHENTICATED and STALE not in str(refused)):
                raise
        self._authenticate(self._credentials)
        return self._ask(path, request or {})

    def accepts(self, name: str, password: str) -> bool:
        """Whether this is a user's password.

        Raises:
            EtcdUnavailableError: No endpoint answered.
            EtcdRefusedError: For another reason than the password.
        """
        try:
            self._ask("/v3/auth/authenticate", {"name": name, "password": password})
        except EtcdRefusedError as refused:
            if "authentication failed" in str(refused):
                return False
            raise
        return True

    def _authenticate(self, credentials: tuple[str, str]) -> None:
        self._token = None
        answer = self._ask("/v3/auth/authenticate", {"name": credentials[0], "password": credentials[1]})
        self._token = answer["token"]

    def _ask(self, path: str, request: Mapping[str, Any]) -> dict[str, Any]:
        problems = []
        for _ in range(len(self.endpoints)):
            address, port = self.endpoints[0]
            try:
                return self._post(path, json.dumps(request))
            except (OSError, http.client.HTTPException, EtcdRefusedError) as problem:
                if isinstance(problem, EtcdRefusedError) and problem.code != UNAVAILABLE:
                    raise
                problems.append(f"{address}:{port}: {str(problem) or type(problem).__name__}")
                self._hang_up()
                self.endpoints.append(self.endpoints.pop(0))
        raise EtcdUnavailableError(f"no member of etcd answers: {'; '.join(problems)}")

    def _post(self, path: str, body: str) -> dict[str, Any]:
        # A connection that was open may have been closed by the other side meanwhile: that says nothing about it.
        if self._connection is not None:
            try:
                return self._exchange(self._connection, path, body)
            except ConnectionError:
                self._hang_up()
        address, port = self.endpoints[0]
        self._connection = http.client.HTTPSConnection(address, port, timeout=self._timeout, context=self._context)
        return self._exchange(self._connection, path, body)

    def _exchange(self, connection: http.client.HTTPSConnection, path: str, body: str) -> dict[str, Any]:
        headers = {"Content-Type": "application/json", **ACCEPT}
        if self._token:
            headers["Authorization"] = self._token
        connection.request("POST", path, body, headers)
        response = connection.getresponse()
        text = response.read()
        try:
            answer: dict[str, Any] = json.loads(text)
        except ValueError:
            raise EtcdRefusedError(f"{path}: {response.status} {response.reason}", -1) from None
        if response.status != http.client.OK:
            raise EtcdRefusedError(str(answer.get("message") or answer.get("error")), int(answer.get("code", -1)))
        return answer

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
