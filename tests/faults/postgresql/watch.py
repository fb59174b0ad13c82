"""Run on each member: says ten times a second what the member's own server is.

Lines, each with the time: `start` once, then `primary`, `replica`, or `down` when it does not answer.
"""

from __future__ import annotations

import sys
import threading
import time

import psycopg2

PACE = 0.1


def note(when: float, what: str) -> None:
    """Say it, with the time of the kernel that all hosts of the lab share."""
    sys.stdout.write(f"{when:.4f} {what}\n")
    sys.stdout.flush()


note(time.monotonic(), "start")
connection = None
pace = threading.Event()
while True:
    asked = time.monotonic()
    try:
        if connection is None:
            connection = psycopg2.connect("host=/var/run/postgresql dbname=postgres user=postgres connect_timeout=2")
            connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_is_in_recovery()")
            note(asked, "replica" if cursor.fetchone()[0] else "primary")
    except psycopg2.Error:
        connection = None
        note(asked, "down")
    pace.wait(PACE)
