"""What an IMAP server says. Whole conversations are with a real one: tests/testinfra/rt."""

from __future__ import annotations

import imaplib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from rt_office.mailbox import Mail, Mailbox, MailboxError, fetched, folder_name, internal_date

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("part", "name"),
    [
        (b'(\\HasNoChildren) "." INBOX', b'"INBOX"'),
        (b'(\\HasNoChildren \\Junk) "/" "Ind&AOk-sirables"', b'"Ind&AOk-sirables"'),
        (b'(\\HasNoChildren) NIL "a \\"b\\" \\\\c"', b'"a \\"b\\" \\\\c"'),
        ((b'(\\HasNoChildren) "." {5}', b'a"b\\c'), b'"a\\"b\\\\c"'),
        (b'(\\HasNoChildren \\Sent) "." Envoy&AOk-s', None),
        (b'(\\HasNoChildren \\DRAFTS) "." x', None),
        (b'(\\Noselect \\HasChildren) "." Archives', None),
        (b'(\\HasNoChildren) "." INBOX.Sent', None),
        (b'(\\HasNoChildren) "/" "Sent Items"', None),
        (b"nonsense", None),
    ],
)
def test_folders_in_which_mail_is_received(part: bytes | tuple[bytes, bytes], name: bytes | None) -> None:
    assert folder_name(part) == name


@pytest.mark.parametrize(
    ("text", "at"),
    [
        (
            b'1 (UID 5 INTERNALDATE "16-Jan-2027 23:59:59 +0100" BODY[]<0> {3}',
            datetime(2027, 1, 16, 22, 59, 59, tzinfo=UTC),
        ),
        (b' INTERNALDATE " 2-Feb-2028 01:00:00 -0730")', datetime(2028, 2, 2, 8, 30, tzinfo=UTC)),
        (b"1 (UID 5 BODY[]<0> {3}", None),
    ],
)
def test_when_the_server_had_it(text: bytes, at: datetime | None) -> None:
    assert internal_date(text) == at


def test_the_date_is_before_the_mail_or_after_it() -> None:
    first = (b'1 (UID 5 INTERNALDATE "16-Jan-2027 12:00:00 +0000" BODY[]<0> {3}', b"one")
    second = (b"2 (UID 6 BODY[]<0> {3}", b"two")
    parts = [first, b")", b"3 (FLAGS (\\Seen))", second, b' INTERNALDATE "17-Jan-2027 12:00:00 +0000")']
    noon = datetime(2027, 1, 16, 12, tzinfo=UTC)
    assert [*fetched(parts)] == [Mail(noon, b"one"), Mail(noon.replace(day=17), b"two")]


def test_a_mail_without_a_date_is_an_error() -> None:
    with pytest.raises(imaplib.IMAP4.error, match="INTERNALDATE"):
        [*fetched([(b"1 (UID 5 BODY[]<0> {3}", b"one"), b")"])]


def test_a_server_that_is_away_is_told_without_the_password(tmp_path: Path) -> None:
    mailbox = Mailbox("localhost", 9, "rt", "s3cret", tmp_path / "ca.crt")
    assert "s3cret" not in repr(mailbox)
    with pytest.raises(MailboxError, match="rt@localhost:9") as caught:
        mailbox.since(datetime(2027, 1, 1, tzinfo=UTC).date())
    assert "s3cret" not in str(caught.value)
