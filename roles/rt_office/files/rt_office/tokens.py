"""What makes a reply an answer: a word that only we can have made, for one person and one campaign."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# 160 bits are 32 letters of base32, without padding.
OCTETS = 20
LETTERS = OCTETS * 8 // 5
# HMAC with SHA-256 gains nothing from a longer key, and loses from a shorter one.
SHORTEST_KEY = 32

# Whole words only: no letter or digit on either side, whatever the alphabet.
_CANDIDATE = re.compile(rf"(?<![^\W_])[A-Za-z2-7]{{{LETTERS}}}(?![^\W_])")


class WeakKeyError(ValueError):
    """A key that is too short to keep anybody from guessing."""


def _mac(key: bytes, purpose: str, campaign: int, nick: str) -> str:
    if len(key) < SHORTEST_KEY:
        raise WeakKeyError(f"the key of the tokens has {len(key)} octets: at least {SHORTEST_KEY} are needed")
    # NUL is in no field, so that no two triples give the same text.
    text = "\0".join((purpose, str(campaign), nick)).encode()
    return base64.b32encode(hmac.digest(key, text, hashlib.sha256)[:OCTETS]).decode().lower()


def token(key: bytes, campaign: int, nick: str) -> str:
    """Return the token of a person in the campaign of a year."""
    return _mac(key, "answer", campaign, nick)


def key_mark(key: bytes, campaign: int) -> str:
    """Return what tells whether the key is still the one that a campaign was opened with, without telling the key."""
    return _mac(key, "key", campaign, "")


def candidates(text: str) -> list[str]:
    """Return the words of a text that look like tokens. Mail programs may have changed their case."""
    return [word.lower() for word in _CANDIDATE.findall(text)]


def owners(words: Iterable[str], tokens: Mapping[str, str]) -> set[str]:
    """Return the nicks whose token is among some words. The time that it takes tells nothing of a token."""
    found: set[str] = set()
    for word in words:
        for nick, own in tokens.items():
            if hmac.compare_digest(word.encode(), own.encode()):
                found.add(nick)
    return found
