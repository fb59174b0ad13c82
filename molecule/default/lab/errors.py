"""What goes wrong, told to a person."""

from dataclasses import dataclass


@dataclass
class LabError(Exception):
    """A failure that names the place, the step and what to do.

    Attributes:
        step: What was being done.
        problem: What happened.
        remedy: What the reader may do about it.
        place: The host, or nothing when the step concerns the machine.
    """

    step: str
    problem: str
    remedy: str
    place: str = ""

    def __str__(self) -> str:
        where = f"{self.place}: " if self.place else ""
        return f"{where}{self.step}: {self.problem}\n  What to do: {self.remedy}"
