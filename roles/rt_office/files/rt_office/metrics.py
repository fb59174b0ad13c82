"""Metrics for monitoring: files that Prometheus' node exporter reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .outbox import replace

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

type Labels = dict[str, str]


@dataclass(frozen=True)
class Metric:
    """A metric and its samples."""

    name: str
    help: str
    samples: list[tuple[Labels, float]]
    type: str = "gauge"

    @classmethod
    def single(cls, name: str, help: str, value: float, type: str = "gauge") -> Metric:  # noqa: A002 (their names)
        """A metric with one sample and no labels."""
        return cls(name, help, [({}, value)], type)


def render(metrics: Iterable[Metric]) -> str:
    """The text of metrics, as Prometheus defines it. One without samples is left out."""
    lines: list[str] = []
    for metric in metrics:
        if metric.samples:
            told = metric.help.replace("\\", r"\\").replace("\n", r"\n")
            lines += [f"# HELP {metric.name} {told}", f"# TYPE {metric.name} {metric.type}"]
            lines += [f"{metric.name}{_labels(labels)} {value}" for labels, value in metric.samples]
    return "".join(f"{line}\n" for line in lines)


def write(directory: Path, name: str, metrics: Iterable[Metric]) -> None:
    """Replace a file of metrics at once; everybody may read it."""
    replace(directory / f"{name}.prom", render(metrics), mode=0o644)


def _labels(labels: Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
