"""Rights of access control lists: letters both ways, and what a list comes to."""

import pytest

from mailserver.mail.rights import (
    ALL,
    ANYONE,
    Entry,
    effective,
    may_change,
    parse_rights,
    write_rights,
)

OWNER, ANN, BOB = 1, 2, 3


def entry(account_id: int, letters: str, *, negative: bool = False) -> Entry:
    return Entry(account_id, parse_rights(letters), negative)


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("", ""),
        ("rl", "lr"),
        ("lrswipkxtea", "lrswipkxteacd"),
        ("c", "kxc"),
        ("d", "ted"),
        ("k", "kc"),
        ("e", "ed"),
    ],
)
def test_letters(said: str, written: str) -> None:
    assert write_rights(parse_rights(said)) == written
    assert parse_rights(written) >= parse_rights(said)


@pytest.mark.parametrize("letters", ["lrq", "L", "0", "+"])
def test_letters_that_are_no_rights(letters: str) -> None:
    with pytest.raises(ValueError):
        parse_rights(letters)


@pytest.mark.parametrize(
    ("entries", "owner", "ann"),
    [
        ([], "lrswipkxtea", ""),
        ([entry(ANN, "lr")], "lrswipkxtea", "lr"),
        ([entry(ANYONE, "l"), entry(ANN, "r")], "lrswipkxtea", "lr"),
        ([entry(BOB, "lr")], "lrswipkxtea", ""),
        ([entry(ANYONE, "lr"), entry(ANN, "r", negative=True)], "lrswipkxtea", "l"),
        ([entry(ANN, "lrw"), entry(ANYONE, "w", negative=True)], "lrsipkxtea", "lr"),
        ([entry(OWNER, "")], "lra", ""),
        ([entry(OWNER, "s")], "lrsa", ""),
        ([entry(OWNER, "lrait", negative=True)], "lrswpkxea", ""),
    ],
)
def test_what_a_list_comes_to(entries: list[Entry], owner: str, ann: str) -> None:
    assert effective(entries, OWNER, OWNER) == parse_rights(owner)
    assert effective(entries, ANN, OWNER) == parse_rights(ann)


def test_a_mailbox_is_read_only_for_who_can_change_nothing_in_it() -> None:
    assert may_change(ALL)
    assert not may_change(parse_rights("lrpkxa") - {"x"})
    for letter in "iswte":
        assert may_change(frozenset(letter))
