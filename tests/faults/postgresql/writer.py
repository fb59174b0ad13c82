"""Run on a client: inserts numbered rows, one by one, and says what became of each.

    python3 writer.py TABLE CONNECTION-STRING

Lines, each with the time: `connected ADDRESS`, `sent N`, `acknowledged N`, `error TEXT`. What an application does, and
no more: it connects when it has no connection, and never sends a row again. All timeouts are the connection string's.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
import time

import psycopg2

PACE = 0.05
"""Seconds between two rows."""

table, conninfo = sys.argv[1:]


def note(what: str) -> None:
    """Say it, with the time of the kernel that all hosts of the lab share."""
    sys.stdout.write(f"{time.monotonic():.4f} {what}\n")
    sys.stdout.flush()


connection = None
number = 0
pace = threading.Event()
while True:
    try:
        if connection is None:
            connection = psycopg2.connect(conninfo)
            connection.autocommit = True
            with socket.socket(fileno=os.dup(connection.fileno())) as peer:
                note(f"connected {peer.getpeername()[0] if peer.family != socket.AF_UNIX else 'socket'}")
        number += 1
        note(f"sent {number}")
        with connection.cursor() as cursor:
            cursor.execute(f"INSERT INTO {table} VALUES (%s)", (number,))
        note(f"acknowledged {number}")
    except psycopg2.Error as error:
        note(f"error {' '.join(str(error).split())}")
        if connection is not None and connection.closed:
            connection = None
    pace.wait(PACE)
