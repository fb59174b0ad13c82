"""What a January campaign came to: inventory/model/campaigns/<year>.yml, which the college reads and merges."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Annotated, Any

from ansible_collections.aurore.infra.plugins.module_utils.model.document import Tree, parse
from ansible_collections.aurore.infra.plugins.module_utils.model.fields import Day, HostName, Line
from ansible_collections.aurore.infra.plugins.module_utils.model.problems import Location, ModelError, Problem
from ansible_collections.aurore.infra.plugins.module_utils.model.schema import Person
from ansible_collections.aurore.infra.plugins.module_utils.model.shape import (
    INVALID,
    Range,
    Record,
    Report,
    reader,
    record,
)

type Year = Annotated[int, Range(2000, 9999)]

_HEADER = """\
# The campaign of January {year}: who keeps the title of RT, and who does not.
#
# A proposal until the college has merged it; merging it is the college's decision, and nothing else dismisses anybody.
# The same merge request ends mandates in people.yml and revokes certificates in certificates.yml. Once it is merged,
# two commands apply it:
#
#   ansible-playbook playbooks/operations/apply_campaign.yml -e year={year}    the directory's group
#   ansible-playbook playbooks/site.yml                                     revoked certificates, on every host
#
# late: who answered after the deadline. unclear: whose answer a person has to read. Neither counts: all of them are in
# stays or leaves as well.
"""


@record
class Leave(Record):
    """Somebody who does not keep the title, and why."""

    nick: HostName
    reason: Line


@record
class Answers(Record):
    """What the campaign's program says.

    Attributes:
        year: Of the January.
        opened: The day of the first mail.
        deadline: The day of the last answer that counts.
        stays: Who keeps the title.
        leaves: Who does not.
        late: Who answered after the deadline.
        unclear: Whose answer a person has to read.
    """

    year: Year
    opened: Day
    deadline: Day
    stays: tuple[HostName, ...]
    leaves: tuple[Leave, ...]
    late: tuple[HostName, ...]
    unclear: tuple[HostName, ...]


@record
class Outcome(Answers):
    """The answers, and what follows.

    Attributes:
        last_day: On which those who leave hold their office.
    """

    last_day: Day


def answers(said: Mapping[str, Any]) -> Answers:
    """Reads what the campaign's program says, from mappings, lists and text.

    Raises:
        ModelError: With everything that is wrong.
    """
    report = Report("outcome")
    return _checked(reader(Answers)(_tree(said), "outcome", report), report)


def read(text: str, file: str) -> Outcome:
    """Reads a file's content.

    Args:
        text: The content.
        file: Its path, for the problems. Its name is the year.

    Raises:
        ModelError: With every problem of the file.
    """
    report = Report(file)
    root, report.problems = parse(file, text.encode())
    found = INVALID if root is None else reader(Outcome)(root, file, report)
    outcome = _checked(found, report)
    assert isinstance(outcome, Outcome)
    if file.rpartition("/")[2] != name(outcome.year):
        sentence = f"the file of the year {outcome.year} is {name(outcome.year)}; correct one of them"
        raise ModelError([Problem(outcome.at("year"), "campaign-year", sentence)])
    return outcome


def name(year: int) -> str:
    """The name of a campaign's file."""
    return f"{year}.yml"


def write(said: Answers, last_day: date) -> str:
    """The file's content for some answers: for the same ones, always the same."""
    lines = [
        f"year: {said.year}",
        f"opened: {said.opened}",
        f"deadline: {said.deadline}",
        "# The last day of the mandates of those who leave.",
        f"last_day: {last_day}",
        *_list("stays", map(_scalar, sorted(said.stays))),
        *_list("leaves", (f"nick: {_scalar(one.nick)}\n    reason: {_quoted(one.reason)}" for one in _sorted(said))),
        *_list("late", map(_scalar, sorted(said.late))),
        *_list("unclear", map(_scalar, sorted(said.unclear))),
    ]
    return "\n".join([_HEADER.format(year=said.year), *lines, ""])


def objections(said: Answers, people: Iterable[Person]) -> list[str]:
    """Why the mandates must not be ended as these answers want it; empty when they may."""
    known = {person.nick: person for person in people}
    named = [*said.stays, *(one.nick for one in said.leaves), *said.late, *said.unclear]
    why = [
        f"'{nick}' is not in people.yml; correct the nick, or add the person"
        for nick in dict.fromkeys(named)
        if nick not in known
    ]
    leaving = {one.nick for one in said.leaves}
    if leaving and not said.stays:
        why.append(
            "nobody would stay, and nobody could log in any more; look why no answer counts, and settle it in the "
            "college"
        )
    why += [
        f"'{nick}' is the RTC, keeps the token, and is among those who leave; give the role rtc in people.yml to an RT "
        "who stays, make this person rt, have the token handed over, then run this again"
        for nick in sorted(leaving)
        if nick in known and known[nick].role == "rtc"
    ]
    return why


def disagreements(outcome: Outcome, ends: Mapping[str, date]) -> list[str]:
    """Where the model does not say yet what a campaign's file says.

    Args:
        outcome: The file.
        ends: The last day of everybody's mandate, by nick, as the model has it.
    """
    why = []
    for nick in sorted(one.nick for one in outcome.leaves):
        if nick not in ends:
            why.append(f"'{nick}' is not in people.yml")
        elif ends[nick] > outcome.last_day:
            why.append(f"the mandate of '{nick}' runs until {ends[nick]} there, not until {outcome.last_day}")
    return why


def _checked(found: object, report: Report) -> Answers:
    """What was read, once nothing is wrong with it."""
    problems = [*report.problems]
    if isinstance(found, Answers):
        problems += [Problem(place, rule, sentence) for place, rule, sentence in _slips(found)]
    if problems:
        raise ModelError(problems)
    assert isinstance(found, Answers), "what cannot be read has a problem"
    return found


def _slips(said: Answers) -> Iterator[tuple[Location, str, str]]:
    """What is wrong between two values."""
    if said.deadline < said.opened:
        sentence = f"{said.deadline} is before {said.opened}; exchange or correct the days"
        yield said.at("deadline"), "campaign-days", sentence
    if isinstance(said, Outcome) and said.last_day < said.deadline:
        sentence = f"{said.last_day} is before {said.deadline}, until when answers count; choose a later day"
        yield said.at("last_day"), "campaign-days", sentence
    seen = set(said.stays)
    for one in said.leaves:
        if one.nick in seen:
            sentence = f"'{one.nick}' is in stays or leaves already; keep one"
            yield one.at("nick"), "campaign-twice", sentence
        seen.add(one.nick)


def _sorted(said: Answers) -> list[Leave]:
    return sorted(said.leaves, key=lambda one: one.nick)


def _list(key: str, items: Iterable[str]) -> list[str]:
    lines = [f"  - {item}" for item in items]
    return [f"{key}:", *lines] if lines else [f"{key}: []"]


def _scalar(text: str) -> str:
    """A text as YAML writes it: plain, unless it would be read as something else."""
    tree, _ = parse("", text.encode())
    return text if tree is not None and tree.value == text else _quoted(text)


def _quoted(text: str) -> str:
    """A text in double quotes."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(one if one.isprintable() else f"\\U{ord(one):08x}" for one in escaped) + '"'


def _tree(value: object) -> Tree:
    """A value as if a file's first line held it."""
    if isinstance(value, Mapping):
        return Tree({str(key): _tree(item) for key, item in value.items()}, 1)
    if isinstance(value, list | tuple):
        return Tree([_tree(item) for item in value], 1)
    if isinstance(value, date):
        return Tree(value.isoformat(), 1)
    return Tree(value if isinstance(value, bool | int) or value is None else str(value), 1)
