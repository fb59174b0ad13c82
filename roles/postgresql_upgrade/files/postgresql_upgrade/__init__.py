"""A new major version of PostgreSQL for the cluster: rehearsed on a copy, real, and back.

Runs on members as the database's user, step by step, each of which can be done twice. Who has them done on all members
in the right order is the role postgresql_upgrade. Servers, programs and comparisons are those of `restore_drill`, which
every member has.
"""
