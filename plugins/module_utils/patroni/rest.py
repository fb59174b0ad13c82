"""A client of Patroni's REST API (https://patroni.readthedocs.io/en/latest/rest_api.html)."""

from __future__ import annotations

import base64
import http.client
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping


class PatroniError(Exception):
    """Patroni did not do what it was asked."""


class PatroniUnavailableError(PatroniError):
    """It did not answer."""


class Patroni:
    """One member's API.

    Attributes:
        address: Address and port, as `<address>:<port>`.
    """

    def __init__(
        self, address: str, context: ssl.SSLContext, credentials: tuple[str, str] | None = None, timeout: float = 10.0
    ) -> None:
        """Connects to nothing yet.

        Args:
            address: Address and port, as `<address>:<port>`.
            context: What both sides prove themselves with.
            credentials: Name and password, for calls that change something.
            timeout: Seconds to connect, and again to answer.
        """
        self.address = address
        self._context = context
        self._timeout = timeout
        self._headers = {"Content-Type": "application/json"}
        if credentials:
            encoded = base64.b64encode(":".join(credentials).encode()).decode()
            self._headers["Authorization"] = f"Basic {encoded}"

    def get(self, path: str) -> Any:
        """What is at a path, from JSON.

        Raises:
            PatroniUnavailableError: Nobody answered.
            PatroniError: The answer is a refusal, or no JSON.
        """
        return self._call("GET", path, None)

    def put(self, path: str, content: Mapping[str, Any]) -> Any:
        """Replaces what is at a path.

        Raises:
            PatroniUnavailableError: Nobody answered.
            PatroniError: The answer is a refusal, or no JSON.
        """
        return self._call("PUT", path, json.dumps(content))

    def post(self, path: str, content: Mapping[str, Any]) -> str:
        """Has something done; what it says about it.

        Raises:
            PatroniUnavailableError: Nobody answered.
            PatroniError: The answer is a refusal.
        """
        return self._ask("POST", path, json.dumps(content))

    def _call(self, method: str, path: str, body: str | None) -> Any:
        try:
            return json.loads(self._ask(method, path, body))
        except ValueError as problem:
            raise PatroniError(f"Patroni at {self.address} answers {method} {path} with no JSON") from problem

    def _ask(self, method: str, path: str, body: str | None) -> str:
        host, _, port = self.address.rpartition(":")
        connection = http.client.HTTPSConnection(host, int(port), timeout=self._timeout, context=self._context)
        try:
            connection.request(method, path, body, self._headers)
            response = connection.getresponse()
            text = response.read().decode()
        except (OSError, http.client.HTTPException) as problem:
            reason = str(problem) or type(problem).__name__
            raise PatroniUnavailableError(f"Patroni at {self.address} does not answer: {reason}") from problem
        finally:
            connection.close()
        if response.status != http.client.OK:
            said = text.strip() or response.reason
            raise PatroniError(f"Patroni at {self.address} refuses {method} {path}: {response.status} {said}")
        return text
