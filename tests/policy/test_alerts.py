"""An alert tells whoever it wakes what to do, and its tests show when it fires."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from .house import Finding, Repository, found, hold

if TYPE_CHECKING:
    from collections.abc import Iterator

SEVERITIES = {"critical", "warning"}


def _alerts(repository: Repository) -> Iterator[tuple[str, Any]]:
    for path, _ in repository.matching("roles/*/files/alerts/*.yml"):
        for group in repository.yaml(path)["groups"]:
            yield from ((path, rule) for rule in group["rules"])


def _headings(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        if match := re.match(r"#+ (.+)", line):
            yield number, match[1]


def untold(repository: Repository) -> Iterator[Finding]:
    """Alerts that lack what a person needs, or whose runbook has no heading with their name."""
    for path, rule in _alerts(repository):
        name, notes = rule["alert"], rule.get("annotations", {})
        if rule.get("labels", {}).get("severity") not in SEVERITIES:
            yield Finding(path, rule.line, f"{name} has none of the severities {', '.join(sorted(SEVERITIES))}")
        if not notes.get("summary"):
            yield Finding(path, rule.line, f"{name} has no summary")
        page, _, anchor = notes.get("runbook", "").partition("#")
        if not page.startswith("docs/runbooks/") or anchor != name.lower():
            yield Finding(path, rule.line, f"the runbook of {name} is not docs/runbooks/….md#{name.lower()}")
        elif name not in {heading for _, heading in _headings(repository.files.get(page, ""))}:
            yield Finding(path, rule.line, f"{page} has no heading {name}")


def unheard(repository: Repository) -> Iterator[Finding]:
    """Headings of pages about alerts, for alerts that do not exist."""
    alerts = {rule["alert"] for _, rule in _alerts(repository)}
    for path, text in repository.matching("docs/runbooks/*-alerts.md"):
        for number, heading in _headings(text):
            if re.fullmatch(r"(?:[A-Z]+[a-z]+\w*){2,}", heading) and heading not in alerts:
                yield Finding(path, number, f"there is no alert {heading}")


def untested(repository: Repository) -> Iterator[Finding]:
    """Alerts that no test of promtool's sees both fire and be quiet."""
    seen: set[tuple[str, bool]] = set()
    for path, _ in repository.matching("tests/alerts/*.yml"):
        for test in repository.yaml(path)["tests"]:
            seen.update((case["alertname"], bool(case["exp_alerts"])) for case in test["alert_rule_test"])
    for path, rule in _alerts(repository):
        for fires, what in ((True, "in which it fires"), (False, "in which it is quiet")):
            if (rule["alert"], fires) not in seen:
                yield Finding(path, rule.line, f"{rule['alert']} has no case {what}")


def repeated(repository: Repository) -> Iterator[Finding]:
    """Alerts with one name."""
    names: set[str] = set()
    for path, rule in _alerts(repository):
        if rule["alert"] in names:
            yield Finding(path, rule.line, f"there is another alert {rule['alert']}")
        names.add(rule["alert"])


def test_an_alert_says_what_to_do(repository: Repository) -> None:
    hold(untold, "Write for whoever is woken by it: severity, summary, and a section of a runbook.", repository)


def test_runbooks_are_about_alerts_that_exist(repository: Repository) -> None:
    hold(unheard, "Correct the heading, or remove the section.", repository)


def test_an_alert_is_seen_to_fire_and_to_be_quiet(repository: Repository) -> None:
    hold(untested, "Add the case to tests/alerts/.", repository)


def test_an_alert_has_a_name_of_its_own(repository: Repository) -> None:
    hold(repeated, "Rename one.", repository)


def test_the_checkers_see_what_is_wrong() -> None:
    rule = "    - alert: DiskFull\n      labels: {severity: warning}\n      annotations: {summary: Full, runbook: %s}\n"
    rules = "groups:\n  - name: a\n    rules:\n"
    alerts, page = "roles/a/files/alerts/a.yml", "docs/runbooks/a-alerts.md"
    good = {alerts: rules + rule % f"{page}#diskfull", page: "# Alerts\n\n## DiskFull\n"}
    assert found(untold, good) == found(unheard, good) == found(repeated, good) == []
    assert found(untold, good | {page: "# Alerts\n"}) == [f"{alerts}:4"]
    assert found(untold, good | {alerts: rules + rule % f"{page}#disk"}) == [f"{alerts}:4"]
    assert found(untold, good | {alerts: rules + "    - alert: DiskFull\n"}) == [f"{alerts}:4"] * 3
    assert found(unheard, good | {page: "## DiskFull\n\n## What to do\n\n## Disk\n\n## DiskEmpty\n"}) == [f"{page}:7"]
    assert found(repeated, good | {alerts: good[alerts] + rule % "x"}) == [f"{alerts}:7"]
    assert found(untested, good) == [f"{alerts}:4"] * 2
    case = "tests: [{alert_rule_test: [{alertname: DiskFull, exp_alerts: [%s]}]}]"
    assert found(untested, good | {"tests/alerts/a.yml": case % "{}"}) == [f"{alerts}:4"]
    both = {"tests/alerts/a.yml": case % "", "tests/alerts/b.yml": case % "{}"}
    assert found(untested, good | both) == []
