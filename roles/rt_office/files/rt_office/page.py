"""The state of play: a page in French for the RTC, the same as data, and a table for the terminal. Pure."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from . import state
from .answers import Verdict
from .letters import french_day
from .state import PARIS, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from .state import Campaign, Received, Standing

ANSWERS = {Verdict.YES: "oui", Verdict.NO: "non", Verdict.UNCLEAR: "à lire", None: "pas de réponse"}
NOTES = {
    "": "",
    "sent from another address": "envoyée d'une autre adresse que celle du registre",
    "sent by another RT": "envoyée par un autre RT : ne compte pas",
    "several tokens": "porte les codes de plusieurs personnes",
    "wrong token": "porte un code qui n'est celui de personne",
    "no token": "ne porte pas de code",
}

STYLE = """\
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 70rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; width: 100%; margin: 1rem 0 }
caption { text-align: left; font-weight: 600; padding: .5rem 0 }
th, td { text-align: left; vertical-align: top; padding: .4rem .8rem .4rem 0; border-bottom: 1px solid #8886 }
td { overflow-wrap: anywhere }
.yes { color: light-dark(#17693a, #6fd394) } .no { color: light-dark(#a3221a, #ff9a8f) }
.missing { color: light-dark(#7a5200, #f0c060) }
.counts { display: flex; flex-wrap: wrap; gap: 2rem; padding: 0; list-style: none }
.counts b { display: block; font-size: 2rem; line-height: 1.1 }
.alert { border-left: .3rem solid light-dark(#a3221a, #ff9a8f); padding-left: 1rem }
"""


def french_time(at: datetime | None) -> str:
    """Return a moment as people say it."""
    if at is None:
        return "jamais"
    local = at.astimezone(PARIS)
    return f"{french_day(local.date())} à {local.hour} h {local.minute:02}"


def _table(caption: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; its cells are HTML. Nothing if there is no row."""
    lines = ["<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows]
    if not lines:
        return ""
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in columns)
    body = "\n".join(lines)
    return f"<table>\n<caption>{escape(caption)}</caption>\n<tr>{head}</tr>\n{body}\n</table>"


def _note(mail: Received) -> str:
    return escape(NOTES.get(mail.note, mail.note))


def _said(mail: Received) -> str:
    answer, at = ANSWERS[mail.verdict], french_time(mail.at)
    note = f" — {_note(mail)}" if mail.note else ""
    return f"{escape(at)} : {escape(answer)}, « {escape(mail.said)} », de {escape(mail.sender)}{note}<br>"


def _answer(one: Standing) -> str:
    kind = one.answer or "missing"
    changed = " (a changé d'avis)" if one.changed_mind else ""
    unread = " (un message à lire)" if one.unclear else ""
    return f'<span class="{kind}">{escape(ANSWERS[one.answer])}</span>{escape(changed + unread)}'


def _people(campaign: Campaign, sent: Mapping[str, Sequence[datetime | None]]) -> str:
    rows = []
    for person in campaign.asked:
        one = state.standing(campaign, person.nick)
        asked, *reminded = sent.get(person.nick, [None])
        reminders = ", ".join(french_time(at) for at in reminded if at) or "aucun"
        returned = any(
            mail.nick == person.nick and mail.note in {"Content-Type", "Return-Path", "From"}
            for mail in state.others(campaign, Kind.AUTOMATIC)
        )
        delivered = french_time(asked) if asked else "pas encore"
        rows.append(
            (
                f"{escape(person.name)} ({escape(person.nick)})",
                _answer(one),
                "".join(map(_said, one.history)) or "—",
                escape(delivered + (" — un message est revenu, voir plus bas" if returned else "")),
                escape(reminders),
            )
        )
    return _table("Les responsables techniques", ("Qui", "Réponse", "Messages", "Question", "Rappels"), rows)


def _mails(caption: str, mails: Iterable[Received]) -> str:
    rows = [
        (
            escape(french_time(one.at)),
            escape(one.nick),
            escape(one.sender),
            escape(one.subject),
            escape(one.said),
            _note(one),
        )
        for one in mails
    ]
    return _table(caption, ("Reçu", "RT", "De", "Objet", "Première ligne", "Remarque"), rows)


def _heading(campaign: Campaign, now: datetime) -> str:
    if campaign.outcome:
        return "La campagne est close. Le collège lit la proposition et décide."
    if now >= campaign.end:
        return "L'échéance est passée : la campagne peut être close."
    return "La campagne est ouverte."


def html(campaign: Campaign, sent: Mapping[str, Sequence[datetime | None]], now: datetime, trouble: str = "") -> str:
    """Return the page. `sent` has for each nick when the question went out, then each reminder."""
    number = state.counts(campaign)
    found = state.standings(campaign)
    labels = {"yes": "oui", "no": "non", "missing": "sans réponse", "unclear": "à lire", "late": "en retard"}
    parts = [
        f"<h1>Campagne de janvier {campaign.year}</h1>",
        f"<p>{escape(_heading(campaign, now))} Ouverte le {french_day(campaign.opens)} ; les réponses reçues "
        f"jusqu'à la fin du {french_day(campaign.deadline)} (heure de Paris) comptent.</p>",
        f'<p class="alert">{escape(trouble)}</p>' if trouble else "",
        '<ul class="counts">',
        *(f"<li><b>{number[key]}</b> {label}</li>" for key, label in labels.items()),
        "</ul>",
        _people(campaign, sent),
        _mails(
            "À lire : ni oui ni non, ne compte pas encore", (one for each in found.values() for one in each.unclear)
        ),
        _mails("Après l'échéance : ne compte pas", (one for each in found.values() for one in each.late)),
        _mails("Sans destinataire connu : n'est la réponse de personne", state.others(campaign, Kind.UNMATCHED)),
        _mails("Réponses automatiques et messages revenus", state.others(campaign, Kind.AUTOMATIC)),
        f"<p>Boîte aux lettres lue pour la dernière fois : {escape(french_time(campaign.collected))}. "
        f"Page écrite : {escape(french_time(now))}.</p>",
    ]
    body = "\n".join(part for part in parts if part)
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return (
        '<!DOCTYPE html>\n<html lang="fr">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Campagne de janvier {campaign.year}</title>\n<style>\n{STYLE}</style>\n</head>\n"
        f"<body>\n{body}\n</body>\n</html>\n"
    )


def data(campaign: Campaign, sent: Mapping[str, Sequence[datetime | None]], now: datetime) -> dict[str, Any]:
    """Return the same for programs."""

    def iso(at: datetime | None) -> str | None:
        return at.isoformat() if at else None

    def mail(one: Received) -> dict[str, str]:
        return {
            "at": one.at.isoformat(),
            "nick": one.nick,
            "verdict": one.verdict,
            "from": one.sender,
            "subject": one.subject,
            "said": one.said,
            "note": one.note,
        }

    people = []
    for person in campaign.asked:
        one = state.standing(campaign, person.nick)
        asked, *reminded = sent.get(person.nick, [None])
        people.append(
            {
                "nick": person.nick,
                "name": person.name,
                "answer": one.answer,
                "changed_mind": one.changed_mind,
                "history": [*map(mail, one.history)],
                "unclear": [*map(mail, one.unclear)],
                "late": [*map(mail, one.late)],
                "asked": iso(asked),
                "reminded": [iso(at) for at in reminded if at],
            }
        )
    return {
        "year": campaign.year,
        "opened": campaign.opens.isoformat(),
        "deadline": campaign.deadline.isoformat(),
        "state": "closed" if campaign.outcome else "ended" if now >= campaign.end else "open",
        "counts": state.counts(campaign),
        "people": people,
        "unmatched": [*map(mail, state.others(campaign, Kind.UNMATCHED))],
        "automatic": [*map(mail, state.others(campaign, Kind.AUTOMATIC))],
        "collected": iso(campaign.collected),
    }


def text(campaign: Campaign, sent: Mapping[str, Sequence[datetime | None]]) -> list[str]:
    """Return the lines of a short table for the terminal."""
    rows = [("RT", "ANSWER", "RECEIVED", "ASKED", "REMINDERS", "")]
    for person in campaign.asked:
        one = state.standing(campaign, person.nick)
        asked, *reminded = sent.get(person.nick, [None])
        remarks = [
            "changed their mind" if one.changed_mind else "",
            f"{len(one.unclear)} to read" if one.unclear else "",
            f"{len(one.late)} late" if one.late else "",
            one.counted.note if one.counted else "",
        ]
        received = f"{one.counted.at.astimezone(PARIS):%d/%m %H:%M}" if one.counted else "-"
        rows.append(
            (
                person.nick,
                one.answer or "-",
                received,
                f"{asked.astimezone(PARIS):%d/%m}" if asked else "not yet",
                str(sum(at is not None for at in reminded)),
                ", ".join(filter(None, remarks)),
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    number = state.counts(campaign)
    lines.append("")
    lines.append(
        f"{number['asked']} asked: {number['yes']} yes, {number['no']} no, {number['missing']} missing; "
        f"{number['unclear']} to read, {number['late']} late."
    )
    unmatched = len(state.others(campaign, Kind.UNMATCHED))
    if unmatched:
        lines.append(f"{unmatched} other mails in the mailbox are nobody's answer: the page lists them.")
    return lines
