"""Mirrors plugins/module_utils/packages."""
