"""The January campaign's outcome: what it changes in the repository, and in the directory.

Pure; nothing here knows Ansible.
"""
