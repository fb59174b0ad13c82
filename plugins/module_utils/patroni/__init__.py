"""Patroni: its API, what a host has of a cluster, and what must not be done to it."""
