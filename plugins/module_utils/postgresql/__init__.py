"""PostgreSQL's parameters, and what is declared to be in a cluster.

Pure; nothing here knows Ansible.
"""
