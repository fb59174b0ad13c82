"""The records and the files fit together."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields

import pytest
from ansible_collections.aurore.infra.plugins.module_utils.model.schema import FILES, Model

from .fleet import fleet


def test_each_part_of_the_model_is_in_one_file() -> None:
    assert sorted(key for keys in FILES.values() for key in keys) == sorted(item.name for item in fields(Model))


def test_records_know_their_place() -> None:
    model = fleet()
    network = model.networks[1]
    assert str(network.ipv4) == "192.0.2.32/27"
    assert network.at("ipv4") == ("networks.yml", 30)
    assert network.at() == ("networks.yml", 26)
    assert model.guests[2].at("addresses", "public") == ("guests.yml", 24)
    assert model.rented[0].at("services", "dns_secondary") == ("rented.yml", 7)


def test_records_do_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        fleet().guests[0].memory = 1  # type: ignore[misc]
