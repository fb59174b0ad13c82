"""What the modules that speak to etcd share: options, which plugins/doc_fragments/etcd_client.py documents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ansible_collections.aurore.infra.plugins.module_utils.etcd.client import Etcd, tls

if TYPE_CHECKING:
    from collections.abc import Mapping

CLIENT: dict[str, dict[str, Any]] = {
    "endpoints": {"type": "list", "elements": "str", "required": True},
    "authority": {"type": "path", "default": "/etc/aurore/tls/ca.crt"},
    "certificate": {"type": "path", "default": "/etc/aurore/tls/nameless.crt"},
    "key": {"type": "path", "default": "/etc/aurore/tls/host.key", "no_log": False},
}
"""Their part of an argument specification."""


def client(options: Mapping[str, Any], credentials: tuple[str, str] | None = None) -> Etcd:
    """Return a client made of a module's options.

    Args:
        options: The module's.
        credentials: A user of etcd and their password; None while etcd asks for none.

    Raises:
        OSError: A file cannot be read, or holds no certificate or no key.
    """
    endpoints = [(address, int(port)) for address, _, port in (one.rpartition(":") for one in options["endpoints"])]
    return Etcd(endpoints, tls(options["authority"], options["certificate"], options["key"]), credentials)
