"""What RTs receive in January: the question and its reminders, in French."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from typing import TYPE_CHECKING

from .calendar import in_french

if TYPE_CHECKING:
    from datetime import date, datetime

    from .state import Asked, Campaign

DAYS = ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche")


def french_day(day: date) -> str:
    """Return a day as people say it, with its name."""
    return f"{DAYS[day.weekday()]} {in_french(day)}"


@dataclass(frozen=True)
class Writer:
    """Who writes."""

    name: str
    address: str
    """Where answers go; each person's has the token after a plus sign."""
    contact: str
    """Whom to ask; empty if there is nobody."""
    at: datetime

    def reply_address(self, token: str) -> Address:
        """Return the address to which one person replies."""
        local, _, domain = self.address.rpartition("@")
        return Address(self.name, f"{local}+{token}", domain)


_ASK = """\
Bonjour {name},

Comme chaque mois de janvier, le collège technique demande à chaque responsable technique s'il ou elle souhaite \
conserver son titre.

Pour répondre, répondez simplement à ce message en commençant par un seul mot :

    oui : je souhaite rester responsable technique ;
    non : je souhaite rendre mon titre.

{deadline}

{closing}
"""

_REMIND = """\
Bonjour {name},

{situation}

Souhaitez-vous rester responsable technique ? Répondez simplement à ce message en commençant par un seul mot :

    oui : je souhaite rester responsable technique ;
    non : je souhaite rendre mon titre.

{deadline}

{closing}
"""

_DEADLINE = """\
Votre réponse doit nous parvenir avant la fin du {day} (heure de Paris). Jusque-là vous pouvez changer d'avis : \
c'est la dernière réponse qui compte. Sans réponse de votre part, le collège mettra fin à votre mandat, \
comme il l'a décidé pour l'ensemble des responsables techniques."""

_NO_ANSWER = "Nous n'avons pas encore reçu votre réponse à notre message du {opens}."
_UNCLEAR = """\
Nous avons bien reçu un message de votre part, mais il ne commence pas clairement par « oui » ou par « non » : il ne \
compte pas encore comme une réponse."""


def _message(
    person: Asked, campaign: Campaign, token: str, writer: Writer, *, subject: str, text: str, fields: dict[str, str]
) -> EmailMessage:
    message = EmailMessage()
    message["From"] = Address(writer.name, addr_spec=writer.address)
    message["To"] = Address(person.name, addr_spec=person.mail)
    message["Reply-To"] = writer.reply_address(token)
    message["Subject"] = f"{subject} [ref-{token}]"
    message["Date"] = format_datetime(writer.at)
    # RFC 3834: answering machines leave it alone.
    message["Auto-Submitted"] = "auto-generated"
    closing = ["Cette adresse de réponse vous est personnelle : merci de ne pas transférer ce message."]
    if writer.contact:
        closing.append(f"Une question ? Écrivez à {writer.contact}.")
    closing += ["", "Merci pour le temps que vous donnez à Aurore.", "", "-- ", writer.name]
    fields = {
        "name": person.name,
        "deadline": _DEADLINE.format(day=french_day(campaign.deadline)),
        "closing": "\n".join(closing),
        **fields,
    }
    message.set_content(text.format(**fields), cte="quoted-printable")
    return message


def ask(person: Asked, campaign: Campaign, token: str, writer: Writer) -> EmailMessage:
    """Return the question."""
    subject = f"[Aurore] Souhaitez-vous rester responsable technique en {campaign.year} ?"
    return _message(person, campaign, token, writer, subject=subject, text=_ASK, fields={})


def remind(person: Asked, campaign: Campaign, token: str, writer: Writer, *, is_unclear: bool) -> EmailMessage:
    """Return a reminder, for somebody who has not answered, or not clearly."""
    is_soon = campaign.deadline - writer.at.date() <= timedelta(days=2)
    subject = (
        f"[Aurore] {'Dernier rappel' if is_soon else 'Rappel'} : rester responsable technique en {campaign.year} ?"
    )
    situation = _UNCLEAR if is_unclear else _NO_ANSWER.format(opens=french_day(campaign.opens))
    return _message(person, campaign, token, writer, subject=subject, text=_REMIND, fields={"situation": situation})
