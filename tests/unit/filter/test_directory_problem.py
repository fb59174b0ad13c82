"""A failure of a module, as a template has it explained."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

SETTINGS = {"uri": "ldap://d", "group": "cn=rt", "bind_dn": "cn=o", "entry": "directory/o", "ca": "/ca"}
FAILURE = {"failed": True, "msg": "Cannot bind to the server.", "details": "{'desc': 'Invalid credentials'}"}


def explained(settings: dict[str, str]) -> object:
    templar = Templar(loader=DataLoader(), variables={"failure": FAILURE, "settings": settings})
    return templar.template(trust_as_template("{{ failure | aurore.infra.directory_problem(**settings) }}"))


def test_a_failure_is_explained_with_the_settings() -> None:
    assert explained(SETTINGS) == (
        "the directory refuses the password of cn=o; compare the store's entry directory/o with it "
        "(Cannot bind to the server. {'desc': 'Invalid credentials'})"
    )


def test_a_setting_that_is_missing_is_an_error() -> None:
    with pytest.raises(AnsibleError, match="entry"):
        explained({name: value for name, value in SETTINGS.items() if name != "entry"})
