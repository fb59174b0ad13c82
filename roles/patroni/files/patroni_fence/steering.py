"""Keeps the leader of etcd away from the primary: the loss of one host is then not the loss of both.

A new leader of etcd is elected within two seconds, and counts each lease from its beginning; this adds to the time
without a primary.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from .etcd import EtcdError

if TYPE_CHECKING:
    from .etcd import Etcd

PORT = 2379


def steer(etcd: Etcd) -> bool:
    """Hands etcd's leadership on, if this host's member has it.

    Args:
        etcd: A client of this host's member alone, which knows whom it follows.

    Returns:
        Whether it did.

    Raises:
        EtcdError: etcd did not answer, or refused.
    """
    status = etcd.call("/v3/maintenance/status")
    me = status["header"]["member_id"]
    if status.get("leader") != me:
        return False
    for member in etcd.call("/v3/cluster/member/list").get("members", []):
        if member["ID"] != me and not member.get("isLearner"):
            try:
                etcd.call("/v3/maintenance/transfer-leadership", {"targetID": member["ID"]})
            except EtcdError as problem:
                logging.info("etcd's leadership does not go to %s: %s", member.get("name"), problem)
            else:
                logging.info("etcd's leadership goes to %s, away from the primary", member.get("name"))
                return True
    return False
