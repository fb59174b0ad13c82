"""Makes the fence's package importable under its name, as on its hosts."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3] / "roles/patroni/files"))
