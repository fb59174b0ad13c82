"""From a model to what Ansible needs: groups, hosts and their variables."""

from .fleet import Fleet, derive

__all__ = ["Fleet", "derive"]
