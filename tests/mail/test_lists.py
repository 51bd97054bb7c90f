"""The fields of a group's mail."""

import pytest

from mailserver.mail.addresses import Address
from mailserver.mail.lists import is_from_list, list_fields, owner_of


def test_a_group_says_its_id_where_to_post_and_who_owns_it() -> None:
    assert list_fields(Address("team", "example.test"), closed=False) == (
        b"List-Id: <team.example.test>\r\n"
        b"List-Post: <mailto:team@example.test>\r\n"
        b"List-Owner: <mailto:owner-team@example.test>\r\n"
    )


def test_who_may_only_read_is_told_not_to_post() -> None:
    assert b"List-Post: NO\r\n" in list_fields(Address("news", "example.test"), closed=True)


@pytest.mark.parametrize(
    ("local", "identity", "url"),
    [
        ("a+b", b"<a+b.example.test>", b"<mailto:a%2Bb@example.test>"),
        ("grüße", b"<gr%C3%BC%C3%9Fe.example.test>", b"<mailto:gr%C3%BC%C3%9Fe@example.test>"),
        ("a?subject=x", b"<a?subject=x.example.test>", b"<mailto:a%3Fsubject%3Dx@example.test>"),
    ],
)
def test_any_name_gives_a_dot_atom_and_a_mail_url(local: str, identity: bytes, url: bytes) -> None:
    fields = list_fields(Address(local, "example.test"), closed=False)
    assert b"List-Id: " + identity + b"\r\n" in fields
    assert b"List-Post: " + url + b"\r\n" in fields
    assert fields.isascii()


def test_the_owners_address_is_beside_the_groups() -> None:
    assert owner_of(Address("team", "example.test")) == Address("owner-team", "example.test")


def test_a_message_of_another_list_is_known() -> None:
    assert is_from_list(b"Subject: x\r\nlist-ID: <a.b>\r\n\r\n")
    assert not is_from_list(b"Subject: x\r\nX-List-Id: <a.b>\r\n\r\n")
