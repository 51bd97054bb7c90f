"""The envelope of one transaction, and who gets the message in the end.

Invariants: an account reached twice gets one copy, an address elsewhere one mail, and who is named
gets it as named rather than by a group; the recipients keep the order in which they were named.
"""

from dataclasses import dataclass, field

from mailserver.accounts import Account, Group, Resolution
from mailserver.mail.addresses import Address
from mailserver.mail.terms import (
    NO_TERMS,
    NOTHING_ASKED,
    Action,
    Asked,
    Terms,
    redistributed,
)
from smtp import grammar


@dataclass(slots=True)
class Recipient:
    """One RCPT that was accepted."""

    address: Address
    resolution: Resolution
    asked: Asked = NOTHING_ASKED

    @property
    def settled(self) -> tuple[Action | None, Asked]:
        """What becomes of it here, for its sender, and what goes on with its forwards."""
        places = self.resolution
        # RFC 3461 §5.2.7.1: to reach a group is to be delivered, whatever becomes of its copies.
        mailboxes = len(places.accounts) + len(places.groups)
        return redistributed(self.asked, mailboxes=mailboxes, forwards=len(places.forwards))


@dataclass(slots=True)
class Envelope:
    """What MAIL and RCPT have said so far."""

    mail: grammar.Mail
    recipients: list[Recipient] = field(default_factory=list)
    named: int = 0  # recipients, accepted or not
    terms: Terms = NO_TERMS  # what MAIL asked of delivery

    @property
    def sender(self) -> str:
        """The reverse path without brackets; "" is the null reverse path."""
        return str(self.mail.reverse_path) if self.mail.reverse_path else ""

    @property
    def only_recipient(self) -> Address | None:
        """The recipient, if there is one alone."""
        return self.recipients[0].address if len(self.recipients) == 1 else None


@dataclass(slots=True)
class Forward:
    """Where an alias leads outside; `organization_id` is the alias's."""

    alias: Address
    organization_id: int
    addresses: list[str]
    asked: Asked = NOTHING_ASKED  # what goes along
    sender: str = ""  # the reverse path it goes on with


@dataclass(slots=True)
class GroupMail:
    """Whom a group reaches that nothing before it does; `recipient` is how it was named."""

    group: Group
    recipient: Address
    accounts: list[Account]
    addresses: list[str]


@dataclass(slots=True)
class Destinations:
    """Where the message of an envelope goes."""

    accounts: list[tuple[Account, Address]]  # an account, and the address that reached it first
    forwards: list[Forward]
    elsewhere: list[str]  # recipients that are not ours
    groups: list[GroupMail] = field(default_factory=list)

    @property
    def others(self) -> bool:
        """True when it goes to more than the accounts that were named."""
        return bool(self.forwards or self.elsewhere or self.groups)


def destinations(envelope: Envelope) -> Destinations:
    """Expand the recipients, each account and address once."""
    accounts: dict[int, tuple[Account, Address]] = {}
    forwards: list[Forward] = []
    seen: set[str] = set()
    elsewhere: list[str] = []
    for recipient in envelope.recipients:
        resolution = recipient.resolution
        for account in resolution.accounts:
            accounts.setdefault(account.id, (account, recipient.address))
        if not resolution.local and _first(str(recipient.address), seen):
            elsewhere.append(str(recipient.address))
        if resolution.forwards:
            new = [address for address in resolution.forwards if _first(address, seen)]
            if new:
                forwards.append(
                    Forward(
                        recipient.address, resolution.organization_id, new, recipient.settled[1]
                    )
                )
    reached = set(accounts)
    groups = [
        GroupMail(
            group,
            recipient.address,
            [account for account in group.accounts if _added(account.id, reached)],
            [address for address in group.forwards if _first(address, seen)],
        )
        for recipient in envelope.recipients
        for group in recipient.resolution.groups
    ]
    return Destinations(list(accounts.values()), forwards, elsewhere, groups)


def _added(account_id: int, reached: set[int]) -> bool:
    if account_id in reached:
        return False
    reached.add(account_id)
    return True


def _first(address: str, seen: set[str]) -> bool:
    local, _, domain = address.rpartition("@")
    key = f"{local}@{domain.lower()}"  # RFC 5321 §2.4: local parts are the other host's to compare
    if key in seen:
        return False
    seen.add(key)
    return True
