"""Mirrors plugins/module_utils/identity."""
