"""What must hold between the parts of a model. Each module registers the rules of one concern."""

from . import certificates, equipment, hosts, names, networks, people, placement, services, zones
from .registry import RULES, check

__all__ = [
    "RULES",
    "certificates",
    "check",
    "equipment",
    "hosts",
    "names",
    "networks",
    "people",
    "placement",
    "services",
    "zones",
]
