"""Restores of PostgreSQL from the repository: rehearsed from a timer, of single tables, of the whole cluster.

Runs on a member of the cluster as the database's user, without a controller.
"""
