"""What mails say: those that people and programs really send, and whatever else there may be."""

from __future__ import annotations

from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rt_office import answers
from rt_office.answers import Verdict

from .corpus import EXAMPLES, LINES, TOKEN, Example, alternative, mail


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES.keys())
def test_a_mail_is_read_as_a_person_would(example: Example) -> None:
    letter = answers.read(example.raw)
    assert (letter.verdict, letter.automatic) == (example.verdict, example.automatic)
    if example.said:
        assert letter.said == example.said


@pytest.mark.parametrize(("wanted", "line"), [(wanted, line) for wanted, lines in LINES.items() for line in lines])
def test_a_line_is_read_as_a_person_would(wanted: str, line: str) -> None:
    assert answers.verdict(line) == wanted


@pytest.mark.parametrize(
    "greeting", ["Bonjour,", "Bonsoir !", "Salut Lucille,", "Chères toutes et chers tous,", "Hello"]
)
def test_a_greeting_is_not_the_answer(greeting: str) -> None:
    assert answers.reading(f"{greeting}\n\nOui, je reste.\n") == (Verdict.YES, "Oui, je reste.")
    assert answers.reading(f"{greeting}\n\nJe ne sais pas encore.\n") == (Verdict.UNCLEAR, "Je ne sais pas encore.")


def test_a_sentence_before_the_answer_needs_a_person() -> None:
    assert answers.reading("Merci pour le message.\nOui.\n") == (Verdict.UNCLEAR, "Merci pour le message.")


def test_the_answer_touches_what_is_cited() -> None:
    assert answers.reading("Oui\nLe 4 janvier 2027, le collège a écrit :\n> Bonjour\n")[0] is Verdict.YES


def test_what_html_hides_is_not_read() -> None:
    html = "<html><head><title>Non</title><style>p { }</style></head><body><script>non</script><p>Oui</p></body></html>"
    assert answers.read(mail(html, kind="text/html")).said == "Oui"
    unclosed = "<head><title>x</head><body>Oui"
    assert answers.read(mail(unclosed, kind="text/html")).said == "Oui"
    assert answers.read(mail("<blockquote>oui", kind="text/html")).verdict is Verdict.UNCLEAR


@pytest.mark.parametrize(
    ("charset", "body"), [("utf-7", b"Oui +2AA-"), ("unicode_escape", b"Oui \\ud800"), ("utf-16-le", b"O\0\0\xd8")]
)
def test_halves_of_characters_are_written_down(charset: str, body: bytes) -> None:
    checked(mail(body, f"Subject: =?{charset}?q?=2B2AA-=5Cud800?=", kind=f"text/plain; charset={charset}"))


def test_plain_text_comes_before_html() -> None:
    assert answers.read(alternative("Oui\n", "<p>Non</p>")).verdict is Verdict.YES


def test_headers() -> None:
    headers = (
        f"Subject: Re: [Aurore] =?utf-8?Q?Souhaitez-vous_?=\r\n =?utf-8?B?w6k=?= [ref-{TOKEN}]",
        f"In-Reply-To: <rt-2027-0-{TOKEN[::-1]}@log.example.org>",
    )
    letter = answers.read(mail("Oui", *headers))
    assert letter.sender == "ann@example.org"
    assert letter.subject == f"Re: [Aurore] Souhaitez-vous é [ref-{TOKEN}]"
    assert {*letter.words} == {TOKEN, TOKEN[::-1]}


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("=?utf-8?q?=C3?= =?utf-8?q?=A9?=", "é"),
        ("=?iso-8859-1?q?=E9?= suite", "é suite"),
        ("=?utf-8?b?a?= x", "=?utf-8?b?a?= x"),
        ("=?nonsense?q?a?=", "a"),
        ("déjà".encode().decode("latin-1"), "déjà"),
        ("=?utf-8*fr?Q?a_b?=", "a b"),
    ],
)
def test_subjects_are_decoded(written: str, read: str) -> None:
    raw = f"Subject: {written}\r\n\r\n".encode("latin-1")
    assert answers.read(raw).subject == read


def test_a_token_in_the_text_is_not_the_sender_s() -> None:
    raw = f"To: someone@example.org\r\n\r\nOui\r\n[ref-{TOKEN}]\r\n".encode()
    assert answers.read(raw).words == ()
    assert answers.read(raw).enclosed == ()


def test_a_bounce_tells_whose_mail_came_back() -> None:
    letter = answers.read(EXAMPLES["bounce"].raw)
    assert TOKEN in letter.enclosed


def test_parts_inside_parts_without_end() -> None:
    deep = "".join(
        f'Content-Type: multipart/mixed; boundary="{number}"\r\n\r\n--{number}\r\n' for number in range(1500)
    )
    letter = answers.read(f"To: rt+{TOKEN}@example.org\r\n{deep}".encode())
    assert letter.verdict is Verdict.UNCLEAR
    assert letter.words == (TOKEN,)


def test_an_enormous_mail_is_read_at_its_start() -> None:
    message = EmailMessage()
    message["From"] = "ann@example.org"
    message.set_content("Oui, voici une photo\n")
    message.add_attachment(b"x" * 2_000_000, maintype="image", subtype="jpeg")
    assert answers.read(message.as_bytes()).verdict is Verdict.YES


# --- Whatever there may be


def checked(raw: bytes) -> None:
    """Read a mail twice, and see that what it says is something, and the same."""
    letter = answers.read(raw)
    assert letter == answers.read(raw)
    assert letter.verdict in Verdict
    assert len(letter.said) <= answers.LONGEST_LINE
    shown = f"{letter.said}{letter.subject}{letter.sender}"
    assert shown.encode().decode() == shown, "it can be written down"
    assert not letter.automatic or letter.verdict is Verdict.UNCLEAR


@given(st.binary(max_size=400))
def test_no_octets_break_it(raw: bytes) -> None:
    checked(raw)


PIECES = st.lists(
    st.one_of(
        st.sampled_from(
            [
                b"From: ",
                b"To: ",
                b"Subject: ",
                b"Content-Type: ",
                b"text/html",
                b"text/plain",
                b"multipart/mixed",
                b"\r\n",
                b"multipart/alternative",
                b"message/rfc822",
                b'; boundary="x"',
                b"; charset=",
                b"utf-7",
                b"idna",
                b"undefined",
                b"--x\r\n",
                b"--x--\r\n",
                b"\r\n\r\n",
                b"Content-Transfer-Encoding: ",
                b"base64",
                b"x-uuencode",
                b"quoted-printable",
                b"=?utf-8?b?",
                b"?=",
                b"=?x?q?=ZZ?=",
                b"<![if",
                b"<!--",
                b"<![CDATA[",
                b"<blockquote>",
                b"<div class=gmail_quote>",
                b"</div>",
                b"<!DOCTYPE [",
                b"begin 644 x\n",
                b"a@b",
                b'"',
                b"<",
                b">",
                b"oui",
                b"Content-Disposition: attachment; filename*=utf-8''%",
                b"charset*0*=x'y'%zz",
                b"Le 4 a \xc3\xa9crit :\n",
            ]
        ),
        st.binary(max_size=8),
    ),
    max_size=40,
)


@given(PIECES)
def test_no_pieces_of_mails_break_it(pieces: list[bytes]) -> None:
    checked(b"".join(pieces))


@given(st.sampled_from(["text/plain", "text/html"]), st.text(max_size=200))
def test_no_text_breaks_it(kind: str, text: str) -> None:
    checked(mail(text.encode("utf-8", "surrogatepass"), kind=kind))


@given(st.sampled_from([*EXAMPLES]), st.integers(0, 2000), st.binary(max_size=6))
def test_no_damage_breaks_it(name: str, place: int, damage: bytes) -> None:
    raw = EXAMPLES[name].raw
    checked(raw[:place] + damage + raw[place + len(damage) :])
    checked(raw[:place])


@given(st.text(max_size=60))
def test_what_does_not_start_with_the_word_is_no_answer(text: str) -> None:
    words = answers._normal(text)
    if not any(word in words for word in ("oui", "yes", "no")):
        assert answers.verdict(text) is Verdict.UNCLEAR
