"""This host's Patroni, by its own configuration: where it is, and what proves that one may ask."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible_collections.aurore.infra.plugins.module_utils.etcd.client import tls
from ansible_collections.aurore.infra.plugins.module_utils.patroni.rest import Patroni, PatroniError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping

    from ansible_collections.aurore.infra.plugins.module_utils.patroni.whole import Session, View

    type Run = Callable[[list[str]], tuple[int, str, str]]

SESSIONS = """\
SELECT coalesce(json_agg(one), '[]') FROM (
  SELECT pid, usename AS "user", datname AS database, application_name AS application,
    coalesce(extract(epoch FROM clock_timestamp() - xact_start), 0)::float AS seconds,
    application_name LIKE 'pgBackRest [backup]%' AS is_backup
  FROM pg_stat_activity
  WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
    AND (xact_start IS NOT NULL OR application_name LIKE 'pgBackRest [backup]%')
  ORDER BY xact_start
) one"""
"""Clients in a transaction, and backups, which are in none."""


@dataclass(frozen=True)
class Local:
    """This host's Patroni.

    Attributes:
        config: Its configuration.
    """

    config: Mapping[str, Any]

    def patroni(self, address: str = "", timeout: float = 5.0) -> Patroni:
        """The API of a member; this host's where no address is given."""
        rest = self.config["restapi"]
        who = rest["authentication"]
        return Patroni(
            address or rest["connect_address"],
            tls(rest["cafile"], rest["certfile"], rest["keyfile"]),
            (who["username"], who["password"]),
            timeout,
        )

    def view(self, run: Run) -> View:
        """What this member knows.

        Args:
            run: Runs a command: status, output, errors.
        """
        found: View = {"cluster": None, "problems": [], "sessions": [], "pending": {}}
        patroni = self.patroni()
        try:
            found["cluster"] = patroni.get("/cluster")
            found["pending"] = patroni.get("/patroni").get("pending_restart_reason", {})
        except PatroniError as problem:
            found["problems"].append(str(problem))
        try:
            found["sessions"] = self.sessions(run)
        except PatroniError as problem:
            found["problems"].append(str(problem))
        if problem_of_etcd := self.etcd_problem():
            found["problems"].append(problem_of_etcd)
        return found

    def sessions(self, run: Run) -> list[Session]:
        """The clients of this host's server.

        Raises:
            PatroniError: It does not answer.
        """
        psql = [f"{self.config['postgresql']['bin_dir']}/psql", "-XAqtc", SESSIONS, "postgres"]
        status, output, errors = run(["runuser", "-u", "postgres", "--", *psql])
        if status != 0:
            raise PatroniError(f"PostgreSQL does not answer: {errors.strip()}")
        sessions: list[Session] = json.loads(output)
        return sessions

    def etcd_problem(self) -> str:
        """What is wrong with this host's member of etcd; empty where nothing is, or where there is none."""
        etcd = self.config["etcd3"]
        own = self.config["restapi"]["connect_address"].rpartition(":")[0]
        endpoint = next((one for one in etcd["hosts"] if one.rpartition(":")[0] == own), "")
        return unhealthy(endpoint, tls(etcd["cacert"], etcd["cert"], etcd["key"])) if endpoint else ""


def unhealthy(endpoint: str, context: ssl.SSLContext) -> str:
    """What is wrong with a member of etcd. It is well when it has a majority that agrees with it on a read."""
    host, _, port = endpoint.rpartition(":")
    connection = http.client.HTTPSConnection(host, int(port), timeout=5.0, context=context)
    try:
        connection.request("GET", "/health")
        response = connection.getresponse()
        said = response.read().decode().strip()
    except (OSError, http.client.HTTPException) as problem:
        return f"etcd does not answer: {str(problem) or type(problem).__name__}"
    finally:
        connection.close()
    return "" if response.status == http.client.OK else f"etcd is not well: {said}"


def read(path: str) -> Local:
    """Reads the configuration.

    Raises:
        OSError: It cannot be read.
    """
    text = Path(path).read_text()
    import yaml  # here, for it is where Patroni is, which needs it

    return Local(yaml.safe_load(text))
