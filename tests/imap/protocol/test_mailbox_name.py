"""Mailbox names: modified UTF-7 in its only spelling, INBOX, and the hierarchy."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imap.protocol.errors import ParseError
from imap.protocol.mailbox_name import (
    ancestors,
    canonical,
    decode_mailbox_name,
    encode_mailbox_name,
    fault_in_new_name,
    join_reference,
    mailbox_token,
    parent,
)

NAMES = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=30)


@pytest.mark.parametrize(
    ("wire", "name"),
    [
        # RFC 3501 §5.1.3
        (b"~peter/mail/&U,BTFw-/&ZeVnLIqe-", "~peter/mail/台北/日本語"),
        (b"&Jjo-!", "☺!"),
        (b"&U,BTF2XlZyyKng-", "台北日本語"),
        (b"Hi Mom -&Jjo--!", "Hi Mom -☺-!"),
        (b"&-", "&"),
        (b"R&-D", "R&D"),
        (b"&AOk-t&AOk-", "été"),
        (b"&2D3eAA-", "😀"),
        (b"plain name", "plain name"),
        (b"", ""),
    ],
)
def test_known_names_both_ways(wire: bytes, name: str) -> None:
    assert decode_mailbox_name(wire) == name
    assert encode_mailbox_name(name) == wire


@pytest.mark.parametrize(
    ("wire", "position"),
    [
        (b"abc\xe9", 3),  # 8-bit
        (b"caf\xc3\xa9", 3),  # UTF-8, not enabled
        (b"R&D", 1),  # not ended
        (b"&Jjo!", 0),  # RFC 3501 §5.1.3: "&Jjo!" is not right, it lacks the "-"
        (b"&Jjo", 4),  # not shifted back
        (b"&U,BTFw-&ZeVnLIqe-", 6),  # RFC 3501 §5.1.3: superfluous shift
        (b"x&AGE-", 1),  # printable ASCII in base64
        (b"&AAo-", 0),  # a line feed
        (b"&Jj-", 0),  # half a character
        (b"&Jjp-", 3),  # bits at the end that are not zero
        (b"&2D0-", 0),  # half a surrogate pair
        (b"&Jj/o-", 0),  # "/" in base64, here a comma
        (b"a\x01b", 1),
        (b"a\rb", 1),
    ],
)
def test_other_spellings_are_errors_with_their_place(wire: bytes, position: int) -> None:
    with pytest.raises(ParseError) as error:
        decode_mailbox_name(wire)
    assert error.value.position == position


def test_with_utf8_enabled_names_are_utf8_and_an_ampersand_is_nothing_special() -> None:
    assert decode_mailbox_name("été & R&D".encode(), utf8=True) == "été & R&D"
    assert encode_mailbox_name("été & R&D", utf8=True) == "été & R&D".encode()
    with pytest.raises(ParseError) as error:
        decode_mailbox_name(b"ab\xff", utf8=True)
    assert error.value.position == 2


@given(NAMES)
def test_a_name_read_back_is_the_same_name(name: str) -> None:
    assert decode_mailbox_name(encode_mailbox_name(name)) == canonical(name)
    assert decode_mailbox_name(encode_mailbox_name(name, utf8=True), utf8=True) == canonical(name)


@given(st.binary(max_size=20) | st.text("&-,aAJjoU/", max_size=14).map(str.encode))
def test_any_bytes_are_a_name_or_the_one_error(wire: bytes) -> None:
    for utf8 in (False, True):
        try:
            name = decode_mailbox_name(wire, utf8=utf8)
        except ParseError as error:
            position = error.position
        else:
            position = 0
            # One spelling only, but for INBOX.
            assert encode_mailbox_name(name, utf8=utf8).upper() == wire.upper()
        assert 0 <= position <= len(wire)


@pytest.mark.parametrize(
    ("name", "spelled"),
    [
        ("inbox", "INBOX"),
        ("InBoX/Work", "INBOX/Work"),
        ("inbox2", "inbox2"),
        ("Archive/inbox", "Archive/inbox"),
        ("inbo", "inbo"),
    ],
)
def test_inbox_is_the_same_in_any_case(name: str, spelled: str) -> None:
    assert canonical(name) == spelled
    assert decode_mailbox_name(name.encode()) == spelled


@pytest.mark.parametrize(
    ("name", "token"),
    [
        ("INBOX", b"INBOX"),
        ("Sent Items", b'"Sent Items"'),
        ("été", b"&AOk-t&AOk-"),
        ('say "hi"', b'"say \\"hi\\""'),
        ("", b'""'),
        ("nil", b'"nil"'),
        ("a*b", b'"a*b"'),
    ],
)
def test_names_in_responses_are_atoms_or_quoted(name: str, token: bytes) -> None:
    assert mailbox_token(name) == token


def test_names_for_utf8_clients_are_quoted_utf8() -> None:
    assert mailbox_token('été"', utf8=True) == '"été\\""'.encode()
    assert mailbox_token("R&D", utf8=True) == b"R&D"


def test_names_that_no_mailbox_may_get() -> None:
    assert fault_in_new_name("a/b c/ä") is None
    for name in ("", "/a", "a/", "a//b", "a*", "100%", "x" * 1001):
        assert fault_in_new_name(name) is not None, name


def test_the_levels_of_a_name() -> None:
    assert list(ancestors("a/b/c")) == ["a", "a/b"]
    assert list(ancestors("a")) == []
    assert parent("a/b/c") == "a/b"
    assert parent("a") is None


@pytest.mark.parametrize(
    ("reference", "pattern", "joined"),
    [
        ("", "*", "*"),
        ("Archive/", "%", "Archive/%"),
        ("~smith/Mail/", "foo.*", "~smith/Mail/foo.*"),
        ("archive/", "/usr/doc/foo", "usr/doc/foo"),
        ("inbox", "/x", "x"),
        ("inbox", "", "INBOX"),
    ],
)
def test_reference_and_pattern_are_put_together(reference: str, pattern: str, joined: str) -> None:
    assert join_reference(reference, pattern) == joined
