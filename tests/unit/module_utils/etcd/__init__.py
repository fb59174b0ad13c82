"""Mirrors plugins/module_utils/etcd."""
