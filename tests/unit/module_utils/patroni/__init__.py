"""Mirrors plugins/module_utils/patroni."""
