"""Who may write to a group. Pure."""

from mailserver.accounts.values import Account, Resolution
from mailserver.storage.directory.entries import Posting


def may_post(
    posting: Posting,
    organization_id: int,
    accounts: tuple[Account, ...],
    sender: str,
    members: Resolution,
    owners: Resolution,
) -> bool:
    """May these accounts, or this sender elsewhere, write to a group of the organization?

    `accounts` and `sender` (an address's key; "": unknown) are what is believed of who writes;
    `members` is what the group's address leads to, `owners` what its owners' does.
    """
    match posting:
        case Posting.ANYONE:
            return True
        case Posting.ORGANIZATION:
            return any(one.organization_id == organization_id for one in accounts)
        case Posting.MEMBERS:
            # Who answers for a group is heard in it, a member or not.
            return _reaches(members, accounts, sender) or _reaches(owners, accounts, sender)
        case Posting.OWNERS:
            return _reaches(owners, accounts, sender)


def _reaches(found: Resolution, accounts: tuple[Account, ...], sender: str) -> bool:
    if found.role:  # who stands in for owners gets their bounces, not their rights
        return False
    reached = {one.id for one in found.accounts}
    elsewhere = set(found.forwards)
    for group in found.groups:
        reached.update(one.id for one in group.accounts)
        elsewhere.update(group.forwards)
    if any(one.id in reached for one in accounts):
        return True
    return bool(sender) and sender in {address.lower() for address in elsewhere}
