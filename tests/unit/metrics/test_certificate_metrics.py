"""Until when certificates are good, as metrics."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[3] / "roles/metrics/files/certificate_metrics.py"
SPEC = importlib.util.spec_from_file_location("certificate_metrics", PROGRAM)
assert SPEC is not None
assert SPEC.loader is not None
certificate_metrics = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(certificate_metrics)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate that ends at a known time."""
    path = tmp_path / "host.crt"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command += ["-subj", "/CN=test", "-keyout", str(tmp_path / "host.key"), "-out", str(path), "-days", "10"]
    subprocess.run(command, check=True, capture_output=True)
    return path


def test_the_end_is_the_certificate_s(certificate: Path) -> None:
    command = ["openssl", "x509", "-noout", "-enddate", "-in", certificate]
    shown = subprocess.run(command, check=True, capture_output=True).stdout.decode()
    end = datetime.strptime(shown, "notAfter=%b %d %H:%M:%S %Y GMT\n").replace(tzinfo=UTC)
    assert certificate_metrics.not_after(certificate) == end.timestamp()


def test_everybody_may_read_what_is_written(certificate: Path, tmp_path: Path) -> None:
    target = tmp_path / "certificates.prom"
    assert certificate_metrics.main(["--to", str(target), str(certificate)]) == 0
    sample = f'{certificate_metrics.METRIC}{{path="{certificate}"}} {certificate_metrics.not_after(certificate):.0f}\n'
    assert target.read_text() == certificate_metrics.HEADER + sample
    assert target.stat().st_mode & 0o777 == 0o644
    assert not target.with_suffix(".new").exists()


def test_what_is_no_certificate_is_told_and_the_others_are_written(
    certificate: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target, damaged, missing = tmp_path / "certificates.prom", tmp_path / "damaged.crt", tmp_path / "missing.crt"
    damaged.write_text("nothing")
    assert certificate_metrics.main(["--to", str(target), str(damaged), str(missing), str(certificate)]) == 1
    assert str(certificate) in target.read_text()
    assert str(damaged) not in target.read_text()
    told = capsys.readouterr().err
    assert f"{damaged}: no certificate" in told
    assert str(missing) in told


def test_the_program_runs_by_itself(certificate: Path, tmp_path: Path) -> None:
    target = tmp_path / "certificates.prom"
    subprocess.run([sys.executable, PROGRAM, "--to", target, certificate], check=True)
    assert str(certificate) in target.read_text()
