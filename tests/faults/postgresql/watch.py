"""Run on each member: says ten times a second what the member's own server is.

Lines, each with the time: `start` once, then `replica`, `down` when it does not answer, or `primary` when it has
acknowledged a write, with the time at which that was asked for. A primary that acknowledges nothing says nothing.
"""

from __future__ import annotations

import sys
import threading
import time

import psycopg2

PACE = 0.1


WRITE = "SELECT pg_logical_emit_message(true, 'aurore-watch', '')"
"""A transaction that leaves nothing but a record in the log, and is acknowledged as all others are."""


def note(when: float, what: str, more: str = "") -> None:
    """Say it, with the time of the kernel that all hosts of the lab share."""
    sys.stdout.write(f"{when:.4f} {what} {more}\n")
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
            if cursor.fetchone()[0]:
                note(asked, "replica")
            else:
                cursor.execute(WRITE)
                note(time.monotonic(), "primary", f"{asked:.4f}")
    except psycopg2.Error:
        connection = None
        note(asked, "down")
    pace.wait(PACE)
