"""Mails as people's programs write them, and what each says."""

from __future__ import annotations

import base64
import quopri
from dataclasses import dataclass
from email.message import EmailMessage

TOKEN = "abcdefghijklmnopqrstuvwxyz234567"


@dataclass(frozen=True)
class Example:
    """A mail, and how it must be read."""

    raw: bytes
    verdict: str
    said: str = ""
    automatic: str = ""


def mail(body: str | bytes, *headers: str, kind: str = 'text/plain; charset="utf-8"', encoding: str = "8bit") -> bytes:
    """Return a reply with a body, which is encoded as its headers say."""
    octets = body.encode() if isinstance(body, str) else body
    octets = octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    if encoding == "base64":
        octets = base64.encodebytes(octets).replace(b"\n", b"\r\n")
    if encoding == "quoted-printable":
        octets = quopri.encodestring(octets.replace(b"\r\n", b"\n")).replace(b"\n", b"\r\n")
    lines = [
        "Return-Path: <ann@example.org>",
        "From: =?UTF-8?Q?Ann_B=C3=A9ranger?= <ann@example.org>",
        f"To: =?UTF-8?Q?Coll=C3=A8ge?= <rt+{TOKEN}@example.org>",
        "Message-ID: <1@example.org>",
        "Date: Mon, 04 Jan 2027 10:12:00 +0100",
        *headers,
    ]
    if not any(line.lower().startswith("content-type:") for line in headers):
        lines += ["MIME-Version: 1.0", f"Content-Type: {kind}", f"Content-Transfer-Encoding: {encoding}"]
    return "\r\n".join([*lines, "", ""]).encode() + octets


def alternative(plain: str, html: str) -> bytes:
    """Return a reply in both forms."""
    message = EmailMessage()
    message["From"] = "ann@example.org"
    message["To"] = f"rt+{TOKEN}@example.org"
    message.set_content(plain)
    message.add_alternative(html, subtype="html")
    return message.as_bytes()


QUESTION = "Pour répondre, répondez simplement à ce message en commençant par un seul mot :\n> oui\n> non"
QUOTED = "\n".join(f"> {line}" for line in QUESTION.splitlines())

THUNDERBIRD = f"""\
Oui, avec plaisir !

Bonne année,
Ann

Le 04/01/2027 à 10:12, Collège technique d'Aurore a écrit :
{QUOTED}
"""

# Gmail breaks the line where it likes, and has narrow spaces in it.
GMAIL = f"""\
oui

Le lun. 4 janv. 2027 à\u202f10:12, Collège technique d'Aurore <
rt+{TOKEN}@example.org> a écrit\u00a0:

{QUOTED}
"""

GMAIL_HTML = f"""\
<div dir="ltr">Non, je n&#39;ai plus le temps.</div><br><div class="gmail_quote gmail_quote_container">\
<div dir="ltr" class="gmail_attr">Le lun. 4 janv. 2027 à 10:12, Collège &lt;<a href="mailto:rt+{TOKEN}@example.org">\
rt+{TOKEN}@example.org</a>&gt; a écrit :<br></div><blockquote class="gmail_quote" style="margin:0 0 0 .8ex">\
Répondez par <b>oui</b> ou par non.<br></blockquote></div>
"""

OUTLOOK = f"""\
Oui je garde mon titre.

Cordialement,
Ann Béranger


-----Message d'origine-----
De : Collège technique d'Aurore <rt+{TOKEN}@example.org>
Envoyé : lundi 4 janvier 2027 10:12
À : Ann Béranger <ann@example.org>
Objet : [Aurore] Souhaitez-vous rester responsable technique en 2027 ?

non : je souhaite rendre mon titre.
"""

OUTLOOK_HTML = """\
<html xmlns:o="urn:schemas-microsoft-com:office:office"><head><meta http-equiv="Content-Type" content="text/html; \
charset=iso-8859-1"><style><!-- p.MsoNormal {margin:0cm} --></style><!--[if gte mso 9]><xml><o:shapedefaults/></xml>\
<![endif]--></head><body lang="FR"><div class="WordSection1"><p class="MsoNormal">Bonjour,<o:p></o:p></p>\
<p class="MsoNormal"><![if !supportEmptyParas]>&nbsp;<![endif]><o:p></o:p></p>\
<p class="MsoNormal">Non merci, c&#8217;est fini pour moi.<o:p></o:p></p>\
<div><div style="border:none;border-top:solid #E1E1E1 1.0pt"><p class="MsoNormal"><b>De&nbsp;:</b> Coll\u00e8ge \
&lt;rt@example.org&gt;<br><b>Envoy\u00e9&nbsp;:</b> lundi 4 janvier 2027 10:12<br><b>\u00c0&nbsp;:</b> Ann<br>\
<b>Objet&nbsp;:</b> [Aurore]<o:p></o:p></p></div></div><p class="MsoNormal">oui : je souhaite rester<o:p></o:p></p>\
</div></body></html>
"""

OUTLOOK_MOBILE_EMPTY = """\

Obtenir Outlook pour Android<https://aka.ms/AAb9ysg>
________________________________
From: Collège technique d'Aurore <rt@example.org>
Sent: Monday, January 4, 2027 10:12:00 AM
To: Ann <ann@example.org>
Subject: [Aurore]

oui : je souhaite rester responsable technique ;
"""

APPLE = f"""\
Oui.

Envoyé de mon iPhone

> Le 4 janv. 2027 à 10:12, Collège technique d'Aurore <rt+{TOKEN}@example.org> a écrit :
>\u0020
> Bonjour Ann,
"""

APPLE_ENGLISH = f"""\
Yes!

> On 4 Jan 2027, at 10:12, Collège technique d'Aurore <rt+{TOKEN}@example.org> wrote:
>\u0020
> non : je souhaite rendre mon titre.
"""

BELOW = f"""\
Le 4 janvier 2027 à 10:12, Collège technique d'Aurore a écrit :
{QUOTED}

Non, désolée.

--\u0020
Ann
oui
"""

UNMARKED = """\
Le 4 janvier 2027 à 10:12, Collège technique d'Aurore <rt@example.org> a écrit :

oui : je souhaite rester responsable technique ;
non : je souhaite rendre mon titre.
"""

SIGNED = """\
-----BEGIN PGP SIGNED MESSAGE-----
Hash: SHA512

Oui
- --\u0020
Ann
-----BEGIN PGP SIGNATURE-----

iHUEARYKAB0WIQ
-----END PGP SIGNATURE-----
"""

MIXED = f"""\
--=_1
Content-Type: multipart/alternative; boundary="=_2"

--=_2
Content-Type: text/plain; charset=us-ascii


--=_2
Content-Type: text/html; charset=utf-8
Content-Transfer-Encoding: quoted-printable

<p>Oui, je continue =C3=A0 aider</p>
--=_2--
--=_1
Content-Type: text/plain; charset=us-ascii; name="non.txt"
Content-Disposition: attachment; filename="non.txt"

non
--=_1
Content-Type: message/rfc822

Subject: [ref-{TOKEN}]

non
--=_1--
"""

BOUNCE = f"""\
--=_1
Content-Type: text/plain; charset=us-ascii

oui
I'm sorry to have to inform you that your message could not be delivered.

--=_1
Content-Type: message/delivery-status

Final-Recipient: rfc822; ann@example.org
Action: failed
Status: 5.1.1

--=_1
Content-Type: text/rfc822-headers

Subject: [Aurore] [ref-{TOKEN}]
Message-ID: <rt-2027-0-{TOKEN}@log.example.org>

--=_1--
"""

VACATION = "Oui, je suis absente jusqu'au 15 janvier, et lirai votre message à mon retour.\n"

EXAMPLES = {
    # Answers, by the program that people write them with.
    "thunderbird": Example(mail(THUNDERBIRD), "yes", "Oui, avec plaisir !"),
    "thunderbird, flowed": Example(mail(THUNDERBIRD, kind="text/plain; charset=UTF-8; format=flowed"), "yes"),
    "thunderbird, base64": Example(mail(THUNDERBIRD, encoding="base64"), "yes", "Oui, avec plaisir !"),
    "thunderbird, quoted-printable": Example(mail(THUNDERBIRD, encoding="quoted-printable"), "yes"),
    "latin-1": Example(
        mail("Non, désolée".encode("latin-1"), kind="text/plain; charset=iso-8859-1"), "no", "Non, désolée"
    ),
    "no charset": Example(mail("Non, désolée".encode("windows-1252"), kind="text/plain"), "no", "Non, désolée"),
    "unknown charset": Example(mail("Non, désolée", kind="text/plain; charset=unknown-8bit"), "no", "Non, désolée"),
    "charset that is a transformation": Example(mail("Oui", kind="text/plain; charset=hex"), "yes", "Oui"),
    "utf-16": Example(mail("Oui".encode("utf-16"), kind="text/plain; charset=utf-16", encoding="base64"), "yes", "Oui"),
    "gmail": Example(mail(GMAIL), "yes", "oui"),
    "gmail, html only": Example(mail(GMAIL_HTML, kind="text/html; charset=utf-8"), "no", "Non, je n'ai plus le temps."),
    "gmail, both": Example(alternative("Non, je n'ai plus le temps.\n\n" + GMAIL[4:], GMAIL_HTML), "no"),
    "outlook": Example(mail(OUTLOOK), "yes", "Oui je garde mon titre."),
    "outlook, html only": Example(
        mail(OUTLOOK_HTML.encode("latin-1"), kind="text/html; charset=iso-8859-1"),
        "no",
        "Non merci, c\u2019est fini pour moi.",
    ),
    "outlook, nothing written": Example(mail(OUTLOOK_MOBILE_EMPTY), "unclear", ""),
    "apple": Example(mail(APPLE), "yes", "Oui."),
    "apple, in English": Example(mail(APPLE_ENGLISH), "yes", "Yes!"),
    "below what is cited": Example(mail(BELOW), "no", "Non, désolée."),
    "cited without marks": Example(mail(UNMARKED), "unclear", ""),
    "signed in the text": Example(mail(SIGNED), "yes", "Oui"),
    "attachments": Example(
        mail(MIXED, 'Content-Type: multipart/mixed; boundary="=_1"'), "yes", "Oui, je continue à aider"
    ),
    "encrypted": Example(
        mail(
            "--=_1\nContent-Type: application/pgp-encrypted\n\nVersion: 1\n--=_1--\n",
            'Content-Type: multipart/encrypted; protocol="application/pgp-encrypted"; boundary="=_1"',
        ),
        "unclear",
    ),
    "empty": Example(mail(""), "unclear"),
    "signature only": Example(mail("-- \noui\n"), "unclear"),
    # What no person has written.
    "auto-replied": Example(mail(VACATION, "Auto-Submitted: auto-replied"), "unclear", automatic="Auto-Submitted"),
    "auto-generated": Example(
        mail(VACATION, "auto-submitted: Auto-Generated; x=y (vacation)"), "unclear", automatic="Auto-Submitted"
    ),
    "a person, said in so many words": Example(mail("Oui", "Auto-Submitted: no"), "yes", "Oui"),
    "precedence": Example(mail(VACATION, "Precedence: BULK"), "unclear", automatic="Precedence"),
    "old answering machine": Example(mail(VACATION, "Precedence: auto_reply"), "unclear", automatic="Precedence"),
    "mailing list": Example(mail("Oui", "Precedence: list"), "unclear", automatic="Precedence"),
    "x-autoreply": Example(mail(VACATION, "X-Autoreply: yes"), "unclear", automatic="X-Autoreply"),
    "no sender": Example(b"Return-Path: <>\r\n" + mail("oui").split(b"\r\n", 1)[1], "unclear", automatic="Return-Path"),
    "bounce": Example(
        mail(BOUNCE, 'Content-Type: multipart/report; report-type=delivery-status; boundary="=_1"'),
        "unclear",
        automatic="Content-Type",
    ),
    "read receipt": Example(
        mail("Oui, lu", 'Content-Type: multipart/report; report-type="disposition-notification"; boundary="=_1"'),
        "unclear",
        automatic="Content-Type",
    ),
    "mail server": Example(
        b"From: MAILER-DAEMON@example.org (Mail Delivery System)\r\n\r\noui\r\n", "unclear", automatic="From"
    ),
}

LINES = {
    "yes": [
        "oui",
        "OUI",
        "Oui.",
        "oui !!",
        "*Oui*",
        "« Oui »",
        "→ oui",
        "Oui, je garde mon titre",
        "Oui je garde mon titre",
        "OUI!!! Bonne année à toutes et tous",
        "Ôui",
        "oui\u200b",
        "\ufeffOui",
        "\uff2f\uff55\uff49",
        "Yes",
        "yes, I do",
        "Yes please",
        "Oui : je souhaite rester responsable technique ;",
        "Oui — avec plaisir",
        "Oui, je ne pars pas",
        "oui 🙂",
        "Oui(da)",
        "Bonjour, oui",
        "Bonjour oui je reste",
        "Salut Lucille, oui sans hésiter",
        "Oui, s'il vous plaît",
        "Oui, volontiers. Si je peux aider, dites-le !",
        "Oui. Merci pour tout ce que vous faites, mais reposez-vous.",
    ],
    "no": [
        "non",
        "NON.",
        "Non merci",
        "Non, merci",
        "No",
        "no, thanks",
        "No thanks",
        "Non je rends mon titre",
        "non - désolé",
        "Non, je ne garde pas mon titre",
        "Non, je ne souhaite plus continuer",
        "Non malheureusement",
        "Bonsoir, non.",
        "Non : je souhaite rendre mon titre.",
        "Non\u00a0!",
        "Non, c\u2019est fini",
        "Non pas cette année",
    ],
    "unclear": [
        "",
        "?",
        "…",
        "Bonjour",
        "peut-être",
        "Oui ?",
        "Oui ou non",
        "oui/non",
        "[ ] oui [x] non",
        "Oui et non",
        "Oui mais non",
        "Oui, mais seulement jusqu'en juin",
        "Oui, sauf si je déménage",
        "Oui si vous voulez",
        "Oui, peut-être",
        "Non disponible jusqu'au 15 janvier",
        "Non-réponse",
        "Oui-dire",
        "no_reply",
        "No problem, I keep it",
        "Nonobstant",
        "ouistiti",
        "Je garde mon titre",
        "J'ai dit oui",
        "ok",
        "👍",
        "Non, je reste !",
        "Oui, je rends mon titre",
        "Oui, je démissionne",
        "Absent : non joignable",
        "Nono",
        "ou i",
        "o",
        "Yesterday",
    ],
}
