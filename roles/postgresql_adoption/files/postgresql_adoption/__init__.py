"""Adopts a database of another server, rehearsed and real.

Runs on the primary as the database's user, while the old server's socket is at hand (`aurore.infra.borrowed_socket`).
Servers, programs and comparisons are those of `restore_drill`, which every member has.
"""
