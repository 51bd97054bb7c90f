"""Which messages are of one conversation, by their headers alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.mail.conversation import _COMMON, conversation, thread_id
from mailserver.mail.digest import digest
from mailserver.mail.headers import decode_words
from mailserver.mail.subject import base_subject
from mailserver.mail.text import fold


def thread(header: bytes, account: int = 1, prefix: bytes = b"", alone: int = 7) -> int:
    return thread_id(digest(header + b"\r\n\r\nx").conversation, account, prefix, alone)


FIRST = thread(b"Message-ID: <a@x>\r\nSubject: Lunch?")


@pytest.mark.parametrize(
    "header",
    [
        b"Message-ID: <b@x>\r\nReferences: <a@x>\r\nSubject: Re: Lunch?",
        b"References: <a@x>\r\n <b@x>\r\nIn-Reply-To: <b@x>\r\nSubject: lunch?",
        b"Message-ID: <c@x>\r\nIn-Reply-To: <a@x>\r\nSubject: RE: [list] Lunch? (fwd)",
        b"References: junk <nothing> <a@x>\r\nSubject: Fwd: Lunch  ?",
        b"References: <a@x>\r\nSubject: =?utf-8?q?Re=3A_Lunch=3F?=",
        b'Subject: Lunch?\r\nReferences: <"a"@x>\r\nMessage-ID: <d@x>',
    ],
)
def test_answers_are_of_the_conversation(header: bytes) -> None:
    assert thread(header) == FIRST


@pytest.mark.parametrize(
    "header",
    [
        b"Message-ID: <b@x>\r\nSubject: Lunch?",
        b"Message-ID: <b@x>\r\nReferences: <a@x>\r\nSubject: Dinner (was: Lunch?)",
        b"Message-ID: <b@x>\r\nReferences: <b@x> <a@x>\r\nSubject: Re: Lunch?",
        b"Message-ID: <b@x>\r\nReferences: <a@x>",
    ],
)
def test_what_begins_another(header: bytes) -> None:
    assert thread(header) != FIRST


def test_accounts_have_ids_of_their_own() -> None:
    assert thread(b"Message-ID: <a@x>\r\nSubject: Lunch?", account=2) != FIRST


def test_the_message_id_that_submission_gave_begins_a_conversation() -> None:
    begun = thread(b"Subject: Lunch?", prefix=b"Received: x\r\nMessage-ID: <a@x>\r\n")
    assert begun == FIRST


def test_what_has_no_name_is_alone() -> None:
    assert thread(b"Subject: x", alone=9) == 9
    assert thread(b"Message-ID: none\r\nReferences: nor here", prefix=b"X: y\r\n", alone=9) == 9


@given(st.text(st.sampled_from("rRe:Fwd [](x)=? \t!"), max_size=12))
def test_common_subjects_are_read_as_all_others_are(text: str) -> None:
    value = text.encode()
    slow = fold(base_subject(decode_words(value)).text).replace(" ", "").encode()
    assert conversation({b"subject": [value]}).subject == slow


def test_common_subjects_are_common() -> None:
    assert _COMMON(b"Re: The plan for Monday, and what's next!")


@given(st.binary(max_size=200), st.integers(1, 1 << 62))
def test_any_header_has_an_id_of_63_bits(header: bytes, account: int) -> None:
    assert 0 <= thread(header, account) < 1 << 63
