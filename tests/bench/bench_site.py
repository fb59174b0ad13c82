"""How long playbooks/site.yml takes on the whole lab when nothing is left to do, the two ways in which it is run.

.venv/bin/python tests/bench/bench_site.py [--rounds 3]

A run that would change something, or that fails, ends the benchmark. The table shows medians.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[2]
SITE = [
    str(Path(sys.executable).with_name("ansible-playbook")),
    "--inventory",
    "inventory/lab.yml",
    "playbooks/site.yml",
]
VARIANTS = {"site.yml": [], "site.yml --check --diff": ["--check", "--diff"]}
AIM_SECONDS = 30
LIMIT_SECONDS = 600


def measure(options: list[str]) -> tuple[float, int]:
    """Run the playbook; return its seconds and the number of hosts.

    Raises:
        SystemExit: It failed, or there was something to do.
    """
    begin = time.monotonic()
    done = subprocess.run(
        [*SITE, *options], cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False
    )
    seconds = time.monotonic() - begin
    changed = re.findall(r"^\S+\s+: .*\bchanged=(\d+)", done.stdout, re.MULTILINE)
    if done.returncode or not changed or set(changed) != {"0"}:
        sys.exit(
            f"bench: the lab is not as it must be; run `make lab`. The end of what it wrote:\n{done.stdout[-2000:]}"
        )
    return seconds, len(changed)


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description="Times site.yml with nothing to do.")
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    measure([])  # opens the connections
    found = {name: [measure(options) for _ in range(rounds)] for name, options in VARIANTS.items()}
    hosts = found["site.yml"][0][1]
    medians = {name: median(seconds for seconds, _ in runs) for name, runs in found.items()}
    rows = [f"| {name:<23} | {seconds:>6.2f} |" for name, seconds in medians.items()]
    verdict = "Aim met" if medians["site.yml"] < AIM_SECONDS else "AIM MISSED"
    sys.stdout.write(f"Nothing to do on {hosts} hosts; medians of {rounds} runs\n\n")
    sys.stdout.write("\n".join(["| run                     | wall s |", "|---|--:|", *rows]))
    sys.stdout.write(f"\n\n{verdict}: under {AIM_SECONDS} s.\n")


if __name__ == "__main__":
    main()
