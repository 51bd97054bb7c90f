"""What comes in, and what is given back once it is durable."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from mailserver.mail.terms import NO_TERMS, Asked, Terms
from mailserver.objects import Content

SEEN = 1  # bit 0 of a flags mask


@dataclass(slots=True)
class Placement:
    """A copy of the message in one mailbox."""

    account_id: int
    organization_id: int
    mailbox_id: int | None  # None: the account's INBOX
    prefix: bytes  # header fields that go before the received bytes
    internal_date: datetime  # aware
    flags: int = 0  # mask: bits 0-4 \Seen \Answered \Flagged \Deleted \Draft
    keywords: tuple[str, ...] = ()


@dataclass(slots=True)
class Outbound:
    """Recipients elsewhere: one queued message."""

    organization_id: int
    account_id: int | None  # who submitted it; None: the server itself
    sender: str  # reverse path without <>; "" is the null reverse path
    recipients: tuple[str, ...]  # addresses, each once
    prefix: bytes
    expires_at: datetime  # aware; when delivery gives up
    smtputf8: bool = False
    eight_bit: bool = False
    terms: Terms = NO_TERMS
    asked: Mapping[str, Asked] | None = None  # by recipient, of those who asked for something


@dataclass(slots=True)
class Arrival:
    """One message and everywhere it goes."""

    content: Content  # as received; must stay valid until accept() returns
    placements: list[Placement] = field(default_factory=list)
    outbound: list[Outbound] = field(default_factory=list)


@dataclass(slots=True)
class Placed:
    """Where a placement ended up (RFC 4315's APPENDUID)."""

    mailbox_id: int
    uid_validity: int
    uid: int


@dataclass(slots=True)
class Receipt:
    """The arrival is durable. `id` names it in replies and logs."""

    id: int
    queue_ids: list[int]  # in the order of Arrival.outbound
    placed: list[Placed]  # in the order of Arrival.placements
