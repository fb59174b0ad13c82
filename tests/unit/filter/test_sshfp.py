"""Records are those that ssh-keygen writes."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.aurore.infra.plugins.filter.sshfp import FilterModule, sshfp

KINDS = [("ed25519", "256"), ("ecdsa", "256"), ("ecdsa", "384"), ("ecdsa", "521"), ("rsa", "3072")]


@pytest.mark.parametrize(("kind", "bits"), KINDS)
def test_records_are_ssh_keygen_s(tmp_path: Path, kind: str, bits: str) -> None:
    path = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-N", "", "-t", kind, "-b", bits, "-f", str(path)], check=True)
    asked = ["ssh-keygen", "-r", "git.example.org.", "-f", f"{path}.pub"]
    theirs = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    ours = FilterModule().filters()["sshfp"]([{"names": ["git.example.org"], "key": Path(f"{path}.pub").read_text()}])
    assert ours.strip() in theirs.splitlines()


@pytest.mark.parametrize("host", [{}, {"names": ["a.b"], "key": "x"}, {"names": ["a.b"], "key": "sk-x AAAA"}, 5])
def test_what_has_no_record(host: object) -> None:
    with pytest.raises(AnsibleFilterError, match="no record can be made of"):
        sshfp([host])  # type: ignore[list-item]
