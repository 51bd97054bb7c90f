"""Addresses: the grammar of RFC 5321 §4.1.2 and RFC 6531 §3.3, limits, keys, sub-addresses."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.mail.addresses import Address, AddressError, normalise_domain, parse_address


@pytest.mark.parametrize(
    ("text", "local", "domain"),
    [
        ("alice@example.test", "alice", "example.test"),
        ("a.b+c=d@Sub.Example.TEST", "a.b+c=d", "Sub.Example.TEST"),
        ("!#$%&'*+/=?^_`{|}~-@x", "!#$%&'*+/=?^_`{|}~-", "x"),
        ('"joe user"@example.test', "joe user", "example.test"),
        ('"a\\"b\\\\c"@example.test', 'a"b\\c', "example.test"),
        ('"a@b"@example.test', "a@b", "example.test"),
        ('""@example.test', "", "example.test"),
        ("joe@[192.0.2.1]", "joe", "[192.0.2.1]"),
        ("joe@[IPv6:2001:db8::1]", "joe", "[IPv6:2001:db8::1]"),
        ("joe@mail_relay.example.test", "joe", "mail_relay.example.test"),
        ("a" * 64 + "@example.test", "a" * 64, "example.test"),
    ],
)
def test_addresses_of_smtp_paths_are_read(text: str, local: str, domain: str) -> None:
    assert parse_address(text, smtputf8=False) == Address(local, domain)
    assert parse_address(text.encode(), smtputf8=False) == Address(local, domain)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "alice",
        "@example.test",
        "alice@",
        "alice@@example.test",
        ".alice@example.test",
        "alice.@example.test",
        "a..b@example.test",
        "al ice@example.test",
        "alice@exa mple.test",
        "alice@-example.test",
        "alice@example-.test",
        "alice@example..test",
        "alice@.example.test",
        "alice@example.test.",
        "alice@example.test\r\nRCPT TO:<x@y>",
        '"alice@example.test',
        '"al"ice@example.test',
        '"a\nb"@example.test',
        "joe@[192.0.2]",
        "joe@[2001:db8::1]",
        "joe@[IPv6:fe80::1%eth0]",
        "joe@[192.0.2.1",
        "a" * 65 + "@example.test",
        "a@" + "b" * 64 + ".test",
        "a@" + ".".join(["b" * 60] * 5),
        "<alice@example.test>",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(AddressError):
        parse_address(text, smtputf8=False)
    with pytest.raises(AddressError):
        parse_address(text.encode(), smtputf8=True)


def test_non_ascii_needs_smtputf8() -> None:
    text = "jürgen@bücher.example"
    assert parse_address(text.encode(), smtputf8=True) == Address("jürgen", "bücher.example")
    for form in (text, text.encode()):
        with pytest.raises(AddressError, match="SMTPUTF8"):
            parse_address(form, smtputf8=False)
    with pytest.raises(AddressError, match="UTF-8"):
        parse_address(text.encode("latin-1"), smtputf8=True)
    with pytest.raises(AddressError):
        parse_address("a@\ud800.example", smtputf8=True)
    with pytest.raises(AddressError):
        parse_address("a@\u2260\u200d..example", smtputf8=True)


def test_limits_count_octets_not_characters() -> None:
    assert parse_address("ü" * 32 + "@example.test", smtputf8=True).local == "ü" * 32
    with pytest.raises(AddressError, match="local part"):
        parse_address("ü" * 33 + "@example.test", smtputf8=True)


def test_key_ignores_case_quoting_and_the_form_of_the_domain() -> None:
    keys = {
        parse_address(text, smtputf8=True).key
        for text in (
            "Jo@xn--bcher-kva.example",
            '"jo"@BÜCHER.example',
            "JO@bücher.example",
            "jo@bu\u0308cher.example",
        )
    }
    assert keys == {"jo@xn--bcher-kva.example"}
    assert Address("JÜRG", "X").key == Address("ju\u0308rg", "x").key


def test_normalised_domain() -> None:
    assert normalise_domain("EXAMPLE.Test.") == "example.test"
    assert normalise_domain("faß.example") == "xn--fa-hia.example"
    assert normalise_domain("例え.テスト") == "xn--r8jz45g.xn--zckzah"
    for bad in ("", ".", "a" * 256, "ü" * 300, "\u200d.example"):
        with pytest.raises(AddressError):
            normalise_domain(bad)


def test_sub_address_is_cut_at_the_first_separator() -> None:
    assert Address("bob+a+b", "x").without_detail() == Address("bob", "x")
    assert Address("bob-list", "x").without_detail("-") == Address("bob", "x")
    for plain in (Address("bob", "x"), Address("+bob", "x")):
        assert plain.without_detail() is plain


@given(st.text(max_size=70), st.text(max_size=70))
def test_any_text_is_an_address_or_an_address_error(local: str, domain: str) -> None:
    for smtputf8 in (False, True):
        try:
            address = parse_address(f"{local}@{domain}", smtputf8=smtputf8)
        except AddressError:
            continue
        assert parse_address(str(address), smtputf8=smtputf8) == address
        assert address.key


@given(st.binary(max_size=300))
def test_any_bytes_are_an_address_or_an_address_error(raw: bytes) -> None:
    for smtputf8 in (False, True):
        with contextlib.suppress(AddressError):
            parse_address(raw, smtputf8=smtputf8)


_QTEXT = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30)


@given(_QTEXT)
def test_written_address_reads_back(local: str) -> None:
    address = Address(local, "example.test")
    assert parse_address(str(address), smtputf8=False) == address
