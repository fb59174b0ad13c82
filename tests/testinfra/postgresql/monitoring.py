"""A Prometheus on the monitoring's host for as long as a test runs: nothing is installed, and all is removed."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import yaml

from ..conftest import ROOT, SSH_CONFIG, connect, eventually, inventory, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType


def carrying(service: str) -> list[str]:
    """The hosts that carry a service."""
    return sorted(name for name, variables in inventory().items() if service in variables["model_services"])


MONITORING = carrying("prometheus")[0]
TARGETS = {
    "node": (9100, [*carrying("postgresql"), *carrying("backup_repository")]),
    "postgresql": (9187, carrying("postgresql")),
    "pgbouncer": (9127, carrying("postgresql")),
    "patroni": (8008, carrying("postgresql")),
    "haproxy": (8404, carrying("postgresql")),
    "etcd": (2381, carrying("etcd")),
    "pgbackrest": (9854, carrying("backup_repository")),
}
"""What is asked for metrics, as the README of the role metrics says: port and hosts of each job."""

ALERTS = "roles/metrics/files/alerts"
PLACE, UNIT, ADDRESS = "/srv/aurore-alerts", "aurore-alerts", "127.0.0.1:9090"
TLS = {"ca_file": "ca.crt", "cert_file": "host.crt", "key_file": "host.key"}


def fqdn(name: str) -> str:
    """A host's full name."""
    return str(inventory()[name]["model_fqdn"])


def rules() -> list[dict[str, Any]]:
    """All alerts."""
    files = sorted((ROOT / ALERTS).glob("*.yml"))
    return [rule for file in files for group in yaml.safe_load(file.read_text())["groups"] for rule in group["rules"]]


@contextmanager
def unpacked() -> Iterator[None]:
    """Have the rules, their tests and Debian's programs on the monitoring's host."""
    unpacking = f"""set -eu
        rm -rf {PLACE}; mkdir -p {PLACE}; cd {PLACE}
        tar --extract --file=- --no-same-owner
        apt-get -qq update
        apt-get -qq --option APT::Sandbox::User=root download prometheus promtool
        for package in *.deb; do dpkg-deb --extract "$package" .; done"""
    packing = f"tar --create --file=- {ALERTS} tests/alerts"
    run("bash", "-ec", f'set -o pipefail; {packing} | ssh -F "$0" "$1" "$2"', str(SSH_CONFIG), MONITORING, unpacking)
    yield
    connect(MONITORING).check_output(f"systemctl stop {UNIT}.service 2>/dev/null; rm -rf {PLACE}")


def promtool(words: str) -> str:
    """What promtool says there; it must be content."""
    return connect(MONITORING).check_output(f"cd {PLACE} && usr/bin/promtool {words} 2>&1")


def last_words(failed: list[dict[str, str]]) -> str:
    """What units have last said that have failed, by the labels of their alerts."""
    hosts = {fqdn(name): name for name in inventory()}
    words = "journalctl --quiet --no-pager --output=cat --lines=8 --unit=%s"
    return "\n".join(connect(hosts[one["instance"]]).run(words, one["name"]).stdout for one in failed)


@dataclass
class Prometheus:
    """Collects and evaluates as the monitoring does, only sooner: every other second, and alerts hardly wait."""

    waits: str = "4s"

    def __enter__(self) -> Self:
        """Start it, and see that it has asked everybody."""
        self._write("prometheus.yml", self._configuration())
        sooner = [rule | ({"for": self.waits} if "for" in rule else {}) for rule in rules()]
        self._write("rules.yml", {"groups": [{"name": "all", "rules": sooner}]})
        connect(MONITORING).check_output(
            f"systemd-run --quiet --collect --unit={UNIT} --property=SupplementaryGroups=tls --property=DynamicUser=yes"
            f" --property=StateDirectory={UNIT} {PLACE}/usr/bin/prometheus --config.file={PLACE}/prometheus.yml"
            f" --storage.tsdb.path=/var/lib/{UNIT} --web.listen-address={ADDRESS}"
        )
        assert eventually(self._has_asked), connect(MONITORING).check_output(f"journalctl --lines 20 --unit {UNIT}")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Stop it, and remove what it has collected."""
        connect(MONITORING).check_output(
            f"systemctl stop {UNIT}.service; rm -rf /var/lib/private/{UNIT} /var/lib/{UNIT}"
        )

    def targets(self) -> list[dict[str, Any]]:
        """Whom it asks, and how that went."""
        asked = connect(MONITORING).run(f"curl --silent --fail http://{ADDRESS}/api/v1/targets")
        return json.loads(asked.stdout)["data"]["activeTargets"] if asked.rc == 0 else []

    def query(self, expression: str) -> list[dict[str, str]]:
        """The labels of all series that an expression finds now."""
        ask = f"curl --silent --fail-with-body http://{ADDRESS}/api/v1/query --data-urlencode %s"
        answer = json.loads(connect(MONITORING).check_output(ask, f"query={expression}"))
        return [one["metric"] for one in answer["data"]["result"]]

    def about(self, alert: str) -> list[dict[str, str]]:
        """The labels of an alert that fires, for each of its series."""
        return self.query(f'ALERTS{{alertstate="firing", alertname="{alert}"}}')

    def firing(self) -> dict[str, set[str]]:
        """The alerts that fire, and the hosts for which they do; an empty name for the whole cluster."""
        found: dict[str, set[str]] = {}
        for labels in self.query('ALERTS{alertstate="firing"}'):
            found.setdefault(labels["alertname"], set()).add(labels.get("instance", ""))
        return found

    def _has_asked(self) -> bool:
        # Of whom it has not asked yet it says the year one.
        targets = self.targets()
        return bool(targets) and not any(one["lastScrape"].startswith("0001") for one in targets)

    def _configuration(self) -> dict[str, Any]:
        jobs = [
            {
                "job_name": job,
                "scheme": "https",
                "tls_config": {name: f"/etc/aurore/tls/{file}" for name, file in TLS.items()},
                "static_configs": [{"targets": [f"{fqdn(host)}:{port}" for host in hosts]}],
                "relabel_configs": [{"source_labels": ["__address__"], "regex": "(.*):.*", "target_label": "instance"}],
            }
            for job, (port, hosts) in TARGETS.items()
        ]
        # The exporter of PostgreSQL takes a second to be sure that it is down.
        sooner = {"scrape_interval": "2s", "scrape_timeout": "2s", "evaluation_interval": "1s"}
        return {"global": sooner, "rule_files": ["rules.yml"], "scrape_configs": jobs}

    def _write(self, name: str, content: object) -> None:
        run("ssh", "-F", str(SSH_CONFIG), MONITORING, f"cat >{PLACE}/{name}", input=json.dumps(content))
