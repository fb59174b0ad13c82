"""Makes the office's package importable under its name, as on its host."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3] / "roles/rt_office/files"))
