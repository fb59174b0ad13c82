"""The model of the fleet: read, validated, derived.

Pure but for reading the files; nothing here knows Ansible. `load` gives a model or every problem of every file,
`readdress` gives the same model with other addresses, `derive` gives what an inventory holds.
"""

from .derive import Fleet, derive
from .load import Files, load, read, validate
from .problems import Location, ModelError, Problem
from .readdress import ReaddressError, readdress
from .schema import Model

__all__ = [
    "Files",
    "Fleet",
    "Location",
    "Model",
    "ModelError",
    "Problem",
    "ReaddressError",
    "derive",
    "load",
    "read",
    "readdress",
    "validate",
]
