"""What an incoming mail says. Pure: octets in, a `Letter` out, whatever the octets.

A program decides nothing that a person could read in two ways: what is not plainly yes or no is `unclear`.
"""

from __future__ import annotations

import binascii
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser, BytesParser
from email.policy import compat32
from email.utils import getaddresses
from enum import StrEnum
from html.parser import HTMLParser
from itertools import takewhile

from . import tokens


class Verdict(StrEnum):
    """What the first line says."""

    YES = "yes"
    NO = "no"
    UNCLEAR = "unclear"


@dataclass(frozen=True)
class Letter:
    """An incoming mail, as far as the campaign is concerned."""

    sender: str
    """The address in From, in lower case; empty if there is none."""
    subject: str
    words: tuple[str, ...]
    """What looks like a token in its recipients, its subject, and what it says of the mails that it replies to."""
    automatic: str
    """Why it is no person's answer; empty if it may be one."""
    enclosed: tuple[str, ...]
    """Of an automatic mail only: all that looks like a token, since a bounce encloses the mail that came back."""
    verdict: Verdict
    said: str
    """The line that was read."""


# No more of a mail is read: the answer is at its start.
LONGEST = 256 * 1024
LONGEST_LINE = 200

# Where a reply has the token. Not in its text, which people forward.
PLACES = ("to", "cc", "delivered-to", "x-original-to", "envelope-to", "subject", "in-reply-to", "references")

# --- Headers

type Headers = dict[str, list[str]]

_ENCODED = re.compile(r"=\?(?P<charset>[^?*\s]+)(?:\*[^?\s]*)?\?(?P<how>[bq])\?(?P<text>[^?\s]*)\?=", re.IGNORECASE)


def _text(octets: bytes, charset: str | None) -> str:
    """Return text in whatever charset it says, or seems, to be."""
    for name in (charset or "utf-8", "utf-8", "windows-1252"):
        try:
            # Some charsets can write halves of characters, which nothing can.
            return octets.decode(name).encode("utf-8", "replace").decode()
        # Unknown charsets, those that are none (such as `hex`), and octets that are not in them.
        except (LookupError, UnicodeError, ValueError, AssertionError, TypeError):
            continue
    return octets.decode("latin-1")


def _encoded_word(found: re.Match[str]) -> bytes | None:
    """Return the octets of an encoded word of RFC 2047, or None if it is broken."""
    text = found["text"].encode("ascii", "replace")
    if found["how"].lower() == "q":
        return binascii.a2b_qp(text, header=True)
    try:
        return binascii.a2b_base64(text + b"=" * (-len(text) % 4))
    except binascii.Error:
        return None


def _decoded(value: str) -> str:
    """Return a header's value as people read it. Characters may be split between words of one charset."""
    # Space between two encoded words is not part of the text.
    value = re.sub(r"(?<=\?=)\s+(?==\?)", "", value)
    pieces: list[tuple[str, bytes]] = []
    at = 0
    for found in _ENCODED.finditer(value):
        pieces.append(("utf-8", value[at : found.start()].encode("utf-8", "replace")))
        octets = _encoded_word(found)
        pieces.append(("utf-8", found[0].encode()) if octets is None else (found["charset"].lower(), octets))
        at = found.end()
    pieces.append(("utf-8", value[at:].encode("utf-8", "replace")))
    joined: list[tuple[str, bytes]] = []
    for charset, octets in (piece for piece in pieces if piece[1]):
        if joined and joined[-1][0] == charset:
            joined[-1] = (charset, joined[-1][1] + octets)
        else:
            joined.append((charset, octets))
    return "".join(_text(octets, charset) for charset, octets in joined)


def _headers(raw: bytes) -> Headers:
    found: Headers = {}
    for name, value in BytesHeaderParser(policy=compat32).parsebytes(raw).raw_items():
        # The parser has read octets as ASCII, and what is none as surrogates.
        octets = str(value).encode("utf-8", "surrogateescape")
        found.setdefault(name.lower(), []).append(" ".join(_text(octets, None).split()))
    return found


def _sender(headers: Headers) -> str:
    addresses = [address for _, address in getaddresses(headers.get("from", [])[:1]) if "@" in address]
    return addresses[0].lower() if addresses else ""


def _parameterless(value: str) -> str:
    return re.split(r"[;(\s]", value.strip(), maxsplit=1)[0].lower()


def _automatic(headers: Headers, sender: str) -> str:
    """Return why a mail is no person's: RFC 3834, and what programs older than it write."""
    if any(_parameterless(value) != "no" for value in headers.get("auto-submitted", [])):
        return "Auto-Submitted"
    if any(
        _parameterless(value) in {"auto_reply", "auto-reply", "bulk", "junk", "list"}
        for value in headers.get("precedence", [])
    ):
        return "Precedence"
    for name in ("X-Autoreply", "X-Autorespond", "X-Autoresponder", "X-Mail-Autoreply"):
        if any(_parameterless(value) != "no" for value in headers.get(name.lower(), [])):
            return name
    # Our own server writes it, over whatever the sender's may have.
    if headers.get("return-path", ["?"])[0].replace(" ", "") in {"", "<>"}:
        return "Return-Path"
    kinds = {_parameterless(value) for value in headers.get("content-type", [])}
    if kinds & {"multipart/report", "message/delivery-status", "message/disposition-notification"}:
        return "Content-Type"
    return "From" if sender.partition("@")[0] in {"mailer-daemon", "mailer_daemon"} else ""


# --- Body

# Tags whose text nobody sees, tags that end a line, and classes of what is cited.
_UNSEEN = frozenset({"head", "script", "style", "template", "title"})
_LINES = frozenset(
    {"address", "article", "blockquote", "body", "br", "center", "dd", "div", "dl", "dt", "footer", "header", "hr"}
    | {"h1", "h2", "h3", "h4", "h5", "h6", "li", "main", "ol", "p", "pre", "section", "table", "td", "th", "tr", "ul"}
)
_VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"}
)
_CITED = frozenset(
    {"gmail_attr", "gmail_quote", "gmail_quote_container", "moz-cite-prefix", "protonmail_quote", "yahoo_quoted"}
)


class _Plain(HTMLParser):
    """HTML as the lines that a person sees; what is cited starts with `>`."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.lines: list[str] = []
        self._line: list[str] = []
        # Open elements: the tag, and whether its text is cited, or not seen.
        self._open: list[tuple[str, bool, bool]] = []
        self._count: Counter[str] = Counter()

    def _end_line(self) -> None:
        text = " ".join("".join(self._line).split())
        if text:
            self.lines.append(f"> {text}" if self._open and self._open[-1][1] else text)
        self._line.clear()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        is_cited = tag == "blockquote" or any(
            name == "class" and _CITED & {*(value or "").lower().split()} for name, value in attrs
        )
        if tag in _LINES or is_cited:
            self._end_line()
        if tag == "hr":
            self.lines.append("_" * 20)
        if tag == "body":
            # A head that nobody closed.
            self._open.clear()
            self._count.clear()
        if tag not in _VOID:
            cited, unseen = self._open[-1][1:] if self._open else (False, False)
            self._open.append((tag, cited or is_cited, unseen or tag in _UNSEEN))
            self._count[tag] += 1

    def handle_endtag(self, tag: str) -> None:
        """Close an element, and those inside that nobody closed."""
        if tag in _LINES:
            self._end_line()
        while self._count[tag]:
            closed, was_cited, _ = self._open[-1]
            if was_cited:
                self._end_line()
            self._open.pop()
            self._count[closed] -= 1
            if closed == tag:
                break

    def handle_data(self, data: str) -> None:
        """Note text."""
        if not (self._open and self._open[-1][2]):
            self._line.append(data)

    def close(self) -> None:
        """Note the last line."""
        super().close()
        self._end_line()


def _plain(html: str) -> str:
    parser = _Plain()
    # Conditional comments of Outlook, some of which Python's parser takes for an error.
    parser.feed(re.sub(r"<!\[[^>]*>", "", html))
    parser.close()
    return "\n".join(parser.lines)


def _body(part: Message) -> str:
    """Return the text that a mail program would show first; empty if there is none."""
    if part.is_multipart():
        # What is enclosed is somebody else's mail.
        inside = [one for one in part.get_payload() if isinstance(one, Message)]
        if part.get_content_maintype() != "multipart":
            return ""
        if part.get_content_subtype() == "alternative":
            inside.sort(key=lambda one: one.get_content_type() != "text/plain")
        return next((text for text in map(_body, inside) if text.strip()), "")
    if part.get_content_maintype() != "text" or part.get_content_disposition() == "attachment":
        return ""
    octets = part.get_payload(decode=True)
    text = _text(octets, part.get_content_charset()) if isinstance(octets, bytes) else ""
    return _plain(text) if part.get_content_subtype() == "html" else text


# --- Lines


_APOSTROPHES = {0x2019: "'", 0x02BC: "'"}


def _normal(text: str) -> str:
    """Return text without accents, capitals, invisible characters and kinds of spaces and apostrophes."""
    decomposed = unicodedata.normalize("NFKD", text.translate(_APOSTROPHES))
    kept = "".join(one for one in decomposed if unicodedata.category(one) not in {"Mn", "Cf", "Cc"} or one in "\t\n")
    return " ".join(kept.casefold().split())


_CLEAR_SIGNED = "-----BEGIN PGP SIGNED MESSAGE-----"
_SIGNATURE = ("--", "-----BEGIN PGP SIGNATURE-----")
# After these, all is old. As `_normal` leaves them.
_OLD = re.compile(
    r"-{2,} ?(message (d'origine|initial|original|transfere|transmis|reexpedie)|(original|forwarded|initial) message"
    r"|forwarded by .*|courriel original|mail original|ursprungliche nachricht).*"
    r"|_{5,}|(debut du message (reexpedie|transfere)|begin forwarded message) ?:"
)
_OLD_FROM = re.compile(r"\*?(de|from|von|expediteur) ?:\*? ?\S.*")
_OLD_FIELD = re.compile(r"\*?(envoye|sent|date|a|to|objet|subject|gesendet|cc|destinataire) ?:.*")
_WROTE = re.compile(r".*\b(a ecrit|ecrit|wrote|schrieb)\b[^:]{0,80}:")
_WROTE_START = re.compile(r"(le|on|am|el) .*\d.*")
_WROTE_LINES = 4
_OWN_NOISE = re.compile(
    r"(envoye (de|depuis|a partir de|avec|par)|sent (from|with|via)|obtenir outlook|get outlook|telecharge[rz]? outlook"
    r"|provenance ?:|cordialement a tous$).*"
)


def _introduces(lines: list[str]) -> int:
    """Return how many of the first lines say who wrote what follows: `Le 4 janvier 2027 à 10:12, X <x@y> a écrit :`."""
    if _WROTE.fullmatch(lines[0]) and re.search(r"[@\d]", lines[0]):
        return 1
    if not _WROTE_START.fullmatch(lines[0]):
        return 0
    block = [*takewhile(lambda line: line and not line.startswith(">"), lines[:_WROTE_LINES])]
    return next((n for n in range(2, len(block) + 1) if _WROTE.fullmatch(" ".join(block[:n]))), 0)


def _is_old(lines: list[str]) -> bool:
    """Tell whether the rest is an old mail that is not marked line by line."""
    if _OLD.fullmatch(lines[0]):
        return True
    return bool(_OLD_FROM.fullmatch(lines[0])) and any(map(_OLD_FIELD.fullmatch, lines[1:5]))


def _signed(lines: list[str]) -> list[str]:
    """Return the lines inside an OpenPGP signature in the text."""
    first = next((number for number, line in enumerate(lines) if line.strip()), 0)
    if lines and lines[first].strip() == _CLEAR_SIGNED:
        blank = next((number for number, line in enumerate(lines) if number > first and not line.strip()), len(lines))
        return [line.removeprefix("- ") for line in lines[blank:]]
    return lines


def own_lines(text: str) -> list[str]:
    """Return the lines that the sender wrote, without blank ones, signature and what is cited."""
    lines = _signed(text.splitlines())
    normal = [_normal(line) for line in lines]
    own: list[str] = []
    at = 0
    while at < len(lines):
        line, rest = normal[at], normal[at : at + 8]
        introduction = _introduces(rest) if line else 0
        if lines[at].strip() in _SIGNATURE or _is_old(rest):
            break
        if introduction:
            at += introduction
            following = next((one for one in normal[at:] if one), "")
            # Below what is cited line by line there may be an answer; else all the rest is old.
            if not following.startswith(">"):
                break
            continue
        if line and not line.startswith(">") and not _OWN_NOISE.fullmatch(line):
            own.append(lines[at].strip())
        at += 1
    return own


_GREETINGS = frozenset(
    {"bonjour", "bonsoir", "salut", "coucou", "hello", "hi", "hey", "dear", "cher", "chere", "chers", "cheres"}
)
_LONGEST_GREETING = 5
_YES, _NO = frozenset({"oui", "yes"}), frozenset({"non", "no"})
# What can follow `non` without a comma: `non disponible jusqu'au 15` is no answer.
_AFTER_NO = frozenset(
    {"merci", "je", "j'ai", "j'arrete", "pas", "plus", "desole", "desolee", "malheureusement", "helas", "c'est"}
    | {"cette", "thanks", "thank", "sorry", "i"}
)
_HEDGES = re.compile(r"\b(mais|sauf|si|peut-etre|sous reserve|a condition|but|unless|if|maybe)\b|\?")
_STAYS = re.compile(r"\b(garde|reste|continue|conserve|keep|stay)\b")
_LEAVES = re.compile(r"\b(rends|quitte|arrete|demissionne|renonce|pars|abandonne|leave|resign|quit)\b")
_NEGATION = re.compile(r"\b(ne|pas|plus|not)\b|\bn'|n't\b")


def _ungreeted(line: str) -> str:
    """Return a normal line without the greeting that it starts with; empty if it is nothing else."""
    words = re.findall(r"[^\W\d_]+", line)
    if not words or words[0] not in _GREETINGS:
        return line
    if not (_YES | _NO) & {*words}:
        # `Bonjour à toutes et tous, …`: a greeting ends at the first comma, or is the line.
        head, found, rest = re.sub(r"[.!:;]", ",", line).partition(",")
        return rest.strip() if found or len(head.split()) <= _LONGEST_GREETING else line
    at = min(found.start() for found in re.finditer(r"\b(oui|yes|non|no)\b", line))
    return line[at:] if len(re.findall(r"[^\W\d_]+", line[:at])) <= _LONGEST_GREETING else line


def verdict(line: str) -> Verdict:
    """Return what a line says."""
    text = _ungreeted(_normal(line))
    found = re.fullmatch(r"[\W\d_]*(?P<word>[a-z]+)(?P<rest>.*)", text)
    if not found or found["word"] not in _YES | _NO:
        return Verdict.UNCLEAR
    is_yes, rest = found["word"] in _YES, found["rest"]
    words = re.findall(r"[^\W\d_]+(?:'[^\W\d_]+)*", rest)
    sentence = re.split(r"(?<=[.!?;])", rest, maxsplit=1)[0]
    doubts = (
        # Another word: `oui-dire`, `non-réponse`, `no_reply`, `non2`.
        re.match(r"['\d_]|-\w", rest),
        (_NO if is_yes else _YES) & {*words},
        _HEDGES.search(sentence),
        is_yes and _LEAVES.search(sentence) and not _NEGATION.search(sentence),
        not is_yes and _STAYS.search(sentence) and not _NEGATION.search(sentence),
        not is_yes and re.match(r" *\w", rest) and words and words[0] not in _AFTER_NO,
    )
    if any(doubts):
        return Verdict.UNCLEAR
    return Verdict.YES if is_yes else Verdict.NO


def reading(text: str) -> tuple[Verdict, str]:
    """Return what a body says, and the line that says it: the first that is more than a greeting."""
    lines = own_lines(text)
    said = next((line for line in lines if re.search(r"\w", _ungreeted(_normal(line)))), lines[0] if lines else "")
    return verdict(said), said[:LONGEST_LINE]


def read(raw: bytes) -> Letter:
    """Return what a mail says."""
    raw = raw[:LONGEST]
    headers = _headers(raw)
    sender = _sender(headers)
    automatic = _automatic(headers, sender)
    places = [_decoded(value) for name in PLACES for value in headers.get(name, [])]
    try:
        said = ("", "") if automatic else reading(_body(BytesParser(policy=compat32).parsebytes(raw)))
    # Parts inside parts, too deep for anybody to have written them.
    except RecursionError:
        said = (Verdict.UNCLEAR, "")
    return Letter(
        sender=sender,
        subject=_decoded(" ".join(headers.get("subject", [])))[:LONGEST_LINE],
        words=tuple(dict.fromkeys(tokens.candidates(" ".join(places)))),
        automatic=automatic,
        enclosed=tuple(dict.fromkeys(tokens.candidates(raw.decode("latin-1")))) if automatic else (),
        verdict=Verdict(said[0] or Verdict.UNCLEAR),
        said=said[1],
    )
