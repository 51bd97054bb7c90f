"""Who may write to a group, as a table."""

import pytest

from mailserver.accounts import Account, Group, Resolution
from mailserver.accounts.posting import may_post
from mailserver.storage.directory.entries import Posting


def account(number: int, organization_id: int = 1) -> Account:
    name = f"u{number}@example.test"
    return Account(number, organization_id, "o", 1, "example.test", name, None, True)


MEMBER, OWNER, COLLEAGUE, STRANGER = account(1), account(2), account(3), account(4, 2)
TEAM = Group("team@example.test", 1, Posting.MEMBERS, (MEMBER,), ("Bo@Out.test",))
MEMBERS = Resolution(True, "o", 1, (), (), groups=(TEAM,))
OWNERS = Resolution(True, "o", 1, (OWNER,), ("boss@out.test",))


@pytest.mark.parametrize(
    ("posting", "allowed"),
    [
        (Posting.ANYONE, {"member", "owner", "colleague", "stranger", "bo", "boss", "nobody"}),
        (Posting.ORGANIZATION, {"member", "owner", "colleague"}),
        (Posting.MEMBERS, {"member", "owner", "bo", "boss"}),
        (Posting.OWNERS, {"owner", "boss"}),
    ],
)
def test_the_rule_decides(posting: Posting, allowed: set[str]) -> None:
    posters: dict[str, tuple[tuple[Account, ...], str]] = {
        "member": ((MEMBER,), ""),
        "owner": ((OWNER,), ""),
        "colleague": ((COLLEAGUE,), ""),
        "stranger": ((STRANGER,), ""),
        "bo": ((), "bo@out.test"),
        "boss": ((), "boss@out.test"),
        "nobody": ((), ""),
    }
    found = {
        name
        for name, (accounts, sender) in posters.items()
        if may_post(posting, 1, accounts, sender, MEMBERS, OWNERS)
    }
    assert found == allowed


def test_who_stands_in_for_the_owners_has_not_their_rights() -> None:
    stand_in = Resolution(True, "o", 1, (OWNER,), (), role=True)
    for posting in (Posting.MEMBERS, Posting.OWNERS):
        assert not may_post(posting, 1, (OWNER,), "", MEMBERS, stand_in)
