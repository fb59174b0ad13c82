"""The mails of the office, in French, as plain text."""

from __future__ import annotations

from datetime import UTC, date, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from typing import TYPE_CHECKING

from .calendar import in_french

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .settings import Certificate, Person, Settings

SIGNATURE = "-- \nCollège technique d'Aurore (message automatique)\n"


def compose(settings: Settings, to: Sequence[Address], subject: str, text: str) -> EmailMessage:
    """A mail by a program; the outbox gives it its Message-ID."""
    message = EmailMessage()
    message["From"] = Address(settings.sender_name, addr_spec=settings.sender)
    message["To"] = to
    message["Subject"] = subject
    message["Date"] = format_datetime(datetime.now(UTC))
    # RFC 3834: whoever answers by a program does not answer this.
    message["Auto-Submitted"] = "auto-generated"
    # As every mail server on the way takes it.
    message.set_content(f"{text.strip()}\n\n{SIGNATURE}", charset="utf-8", cte="quoted-printable")
    message["Content-Language"] = "fr"
    return message


def address(person: Person) -> Address:
    """A person as a recipient."""
    return Address(person.name, addr_spec=person.mail)


def addresses(mails: Iterable[str]) -> list[Address]:
    """Recipients of whom only the address is known."""
    return [Address(addr_spec=mail) for mail in mails]


def notice(settings: Settings, person: Person, certificate: Certificate, leads: Sequence[Person]) -> EmailMessage:
    """To an RT: the certificate is about to end."""
    end = in_french(certificate.until)
    signer = " ou ".join(f"{lead.name} <{lead.mail}>" for lead in leads) or f"le RTC, par <{settings.sender}>,"
    text = f"""
Bonjour {person.name},

Votre certificat SSH pour l'administration du parc d'Aurore, n° {certificate.serial}, a été
signé le {in_french(certificate.since)}. Il prend fin le {end} à 0 h (UTC) ;
passé cette date, il n'ouvrira plus aucune machine.

Pour le renouveler :

  1. vérifiez que la clé publique inscrite pour vous dans
     inventory/model/people.yml est bien celle que vous utilisez ;
  2. demandez une nouvelle signature à {signer} ;
  3. une fois le certificat publié, récupérez-le par « git pull ».

Si vous n'administrez plus le parc, dites-le simplement au RTC.

Cet avis n'est envoyé qu'une fois par certificat.
"""
    return compose(settings, [address(person)], f"Votre certificat SSH d'Aurore prend fin le {end}", text)


def summary(settings: Settings, to: Sequence[Address], lines: Sequence[str], today: date) -> EmailMessage:
    """To the RTC: what was sent to whom, and what was not."""
    listed = "\n".join(f"  - {line}" for line in lines)
    text = f"""
Bonjour,

Voici ce qu'il y a de nouveau au sujet des certificats SSH des RT :

{listed}

Un nouveau certificat se signe par playbooks/operations/sign_rt.yml.
"""
    return compose(settings, to, f"Certificats SSH des RT : avis du {in_french(today)}", text)


def notice_line(person: Person, certificate: Certificate) -> str:
    """In the summary: a notice was sent."""
    return (
        f"{person.name} : avis envoyé à {person.mail} ; "
        f"le certificat n° {certificate.serial} prend fin le {in_french(certificate.until)}."
    )


def expired_line(person: Person, certificate: Certificate) -> str:
    """In the summary: a certificate ended before its owner was told."""
    return (
        f"{person.name} : le certificat n° {certificate.serial} a pris fin le {in_french(certificate.until)} "
        "sans qu'un avis ait pu être envoyé."
    )


def ended_line(person: Person, certificate: Certificate) -> str:
    """In the summary: a certificate outlives its owner's mandate."""
    return (
        f"{person.name} : mandat terminé le {in_french(person.until)}, aucun avis envoyé ; le certificat "
        f"n° {certificate.serial} reste valable jusqu'au {in_french(certificate.until)} s'il n'est pas révoqué."
    )


def gone_line(certificate: Certificate) -> str:
    """In the summary: a certificate's owner is in no list any more."""
    return (
        f"{certificate.person} n'est plus dans people.yml, aucun avis envoyé ; le certificat n° {certificate.serial} "
        f"reste valable jusqu'au {in_french(certificate.until)} s'il n'est pas révoqué."
    )


def alert(settings: Settings, lines: Sequence[str], count: int, register_of: datetime) -> EmailMessage:
    """To the RTC and the college: logins that the register does not explain."""
    several = count > 1
    listed = "\n".join(f"  - {line}" for line in lines)
    which = f"{count} connexions inexpliquées" if several else "une connexion inexpliquée"
    told = f"Le registre des certificats n'explique pas {'ces connexions' if several else 'cette connexion'}"
    stamp = f"{in_french(register_of.date())} à {register_of:%H:%M} (UTC)"
    text = f"""
Bonjour,

{told} en tant que root :

{listed}

Le registre que connaît {settings.fqdn} date du {stamp}. Si un
certificat a été signé depuis, déployez le registre :

    ansible-playbook playbooks/rt_office.yml

et vérifiez le numéro, l'identité et l'autorité ci-dessus. Sinon, considérez
qu'il s'agit d'une intrusion (docs/runbooks/unknown-login.md). Sur
{settings.fqdn} :

    journalctl --directory {settings.journals}/MACHINE -t record-session
"""
    return compose(settings, addresses(settings.alert_to), f"Alerte : {which} en tant que root", text)


def revocations(settings: Settings, lines: Sequence[str]) -> EmailMessage:
    """To the RTC and the college: hosts that may let in whose certificate was revoked."""
    listed = "\n".join(f"  - {line}" for line in lines)
    text = f"""
Bonjour,

Les machines suivantes n'appliquent pas toutes les révocations de certificats SSH du
registre, ou ne disent plus lesquelles :

{listed}

Tant que c'est le cas, elles peuvent laisser entrer quelqu'un dont le certificat a été
révoqué. Appliquez le registre, puis vérifiez :

    ansible-playbook playbooks/site.yml
    ansible-playbook playbooks/operations/check_register.yml -e max_age_days=0

Une machine éteinte doit rester débranchée jusqu'à ce que ce soit fait
(docs/runbooks/revoke-a-certificate.md).
"""
    several = len(lines) > 1
    which = f"{len(lines)} machines" if several else lines[0].partition(" ")[0]
    return compose(settings, addresses(settings.alert_to), f"Révocations non appliquées : {which}", text)
