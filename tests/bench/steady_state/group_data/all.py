"""What pyinfra knows of every host: the state, as in the file that all variants read."""

from pathlib import Path

import yaml

HERE = Path(__file__).parents[1]

here = str(HERE)
desired = yaml.safe_load((HERE / "state.yml").read_text(encoding="utf-8"))
