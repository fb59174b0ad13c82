"""Look-ups hold in a model that breaks rules, too."""

from __future__ import annotations

from ansible_collections.aurore.infra.plugins.module_utils.model.index import Index, by_name
from ansible_collections.aurore.infra.plugins.module_utils.model.schema import Model

from .fleet import fleet


def broken(**parts: object) -> Index:
    """An index of the fleet with some of its parts replaced."""
    model = fleet()
    return Index(Model(**{name: parts.get(name, getattr(model, name)) for name in Model.__dataclass_fields__}))


def test_of_two_with_one_name_the_first_counts() -> None:
    first, second = fleet().guests[:2]
    assert list(by_name([first, second, first])) == ["db-north", "db-south"]


def test_sites() -> None:
    index = Index(fleet())
    assert {name: index.site_of(host) for name, host in index.hosts.items()} == {
        "node-north": "north",
        "node-south": "south",
        "db-north": "north",
        "db-south": "south",
        "mail": "north",
        "dns": None,
        "log": None,
        "relay": "away",
    }
    assert index.systems_of(index.hosts["dns"]) == {"ours"}
    assert index.systems_of(index.hosts["relay"]) == {"theirs"}


def test_what_does_not_exist_is_left_out() -> None:
    index = broken(sites=(), networks=(), nodes=(), services=())
    mail = index.hosts["mail"]
    assert index.site_of(mail) is None
    assert index.systems_of(mail) == frozenset()
    assert index.networks_of(mail) == {}
    assert [host.name for host in index.carriers["mail_server"]] == ["mail"]
