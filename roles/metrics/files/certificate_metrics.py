#!/usr/bin/python3
"""Write until when certificates are good, as metrics for the node exporter."""

from __future__ import annotations

import argparse
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

METRIC = "aurore_certificate_not_after_timestamp_seconds"
HEADER = f"# HELP {METRIC} When the certificate ends.\n# TYPE {METRIC} gauge\n"


def not_after(path: Path) -> float:
    """Return when the first certificate of a file ends.

    Raises:
        OSError: There is no such file.
        ValueError: It holds no certificate.
    """
    command = ["openssl", "x509", "-noout", "-enddate", "-dateopt", "iso_8601"]
    shown = subprocess.run(command, input=path.read_bytes(), capture_output=True, check=False)  # noqa: S603 (our own)
    if shown.returncode != 0:
        raise ValueError(f"{path}: no certificate: {shown.stderr.decode(errors='replace').strip()}")
    date = shown.stdout.decode().strip().removeprefix("notAfter=")
    return datetime.strptime(date, "%Y-%m-%d %H:%M:%SZ").replace(tzinfo=UTC).timestamp()


def main(argv: list[str] | None = None) -> int:
    """Write the metrics of all certificates that can be read; say which cannot, and fail."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", type=Path, required=True, metavar="FILE", help="replaced at once")
    parser.add_argument("certificates", type=Path, nargs="+", metavar="CERTIFICATE")
    options = parser.parse_args(argv)
    lines, problems = [HEADER], []
    for path in options.certificates:
        try:
            lines.append(f'{METRIC}{{path="{path}"}} {not_after(path):.0f}\n')
        except (OSError, ValueError) as error:
            problems.append(str(error))
    # The node exporter reads *.prom, and must not see half a file.
    new = options.to.with_suffix(".new")
    new.write_text("".join(lines))
    new.chmod(0o644)
    new.replace(options.to)
    sys.stderr.writelines(f"{problem}\n" for problem in problems)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
