"""From a transaction to what ingest stores: every copy with the fields that go before it.

Invariant: the bytes received are never rewritten; what is added stands before them (RFC 5321 §4.4).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from mailserver.accounts import Account
from mailserver.ingest import Arrival, Outbound, Placement
from mailserver.mail.addresses import Address
from mailserver.mail.lists import is_from_list, list_fields
from mailserver.mail.terms import Asked, Terms
from mailserver.mail.trace import (
    delivered_to_field,
    protocol_keyword,
    received_field,
    return_path_field,
)
from smtp.recipients import Destinations, GroupMail
from smtp.requests import along, asked_of, reported
from smtp.transaction import Transaction


def received(transaction: Transaction, by: str) -> bytes:
    """The Received field; `by` is this host. A user's own address is left out of his mail."""
    client, envelope = transaction.client, transaction.envelope
    return received_field(
        helo=client.host_name or "",
        client_name=None,
        client_address=None if client.account else client.address,
        by=by,
        protocol=protocol_keyword(
            extended=client.extended_smtp,
            tls=client.cipher is not None,
            authenticated=client.account is not None,
            smtputf8=envelope.mail.smtputf8,
            lmtp=client.lmtp,
        ),
        transaction_id=transaction.id,
        when=transaction.now,
        tls=client.cipher,
        recipient=envelope.only_recipient,
    )


@dataclass(slots=True)
class Prefix:
    """The fields that all copies of a message begin with, CR LF-ended."""

    received: bytes
    verdict: bytes = b""  # what was found out about the sender
    completion: bytes = b""  # what the client left out (RFC 6409 §8)

    def delivered(self, reverse_path: Address | None, recipient: Address) -> bytes:
        """For a mailbox: final delivery adds Return-Path, as the first field."""
        return b"".join(
            (
                return_path_field(reverse_path),
                delivered_to_field(recipient),
                self.verdict,
                self.received,
                self.completion,
            )
        )

    def listed(self, fields: bytes) -> "Prefix":
        """The same for a group's mail, which has `fields` of its own."""
        return Prefix(self.received, self.verdict, self.completion + fields)

    def forwarded(self, alias: Address) -> bytes:
        """For an address elsewhere that `alias` leads to; Delivered-To shows a loop (RFC 9228)."""
        return delivered_to_field(alias) + self.verdict + self.received + self.completion

    def relayed(self) -> bytes:
        """For a recipient elsewhere."""
        return self.received + self.completion


def arrival(
    transaction: Transaction, found: Destinations, prefix: Prefix, expires_at: datetime
) -> Arrival:
    """Copies for mailboxes and for the queue; delivery gives up at `expires_at`."""
    if transaction.envelope.terms.hold:
        return Arrival(
            transaction.message.content, outbound=[_held(transaction, prefix, expires_at)]
        )
    reverse_path = transaction.envelope.mail.reverse_path
    placements = [
        _placement(transaction, account, prefix.delivered(reverse_path, recipient))
        for account, recipient in found.accounts
    ]
    outbound = [
        _outbound(
            transaction,
            organization_id=forward.organization_id,
            sender=forward.sender,
            recipients=forward.addresses,
            prefix=prefix.forwarded(forward.alias),
            expires_at=expires_at,
            asked=along(forward.addresses, forward.asked),
        )
        for forward in found.forwards
    ]
    account = transaction.client.account
    if found.elsewhere and account is not None:
        outbound.append(
            _outbound(
                transaction,
                organization_id=account.organization_id,
                recipients=found.elsewhere,
                prefix=prefix.relayed(),
                expires_at=expires_at,
                asked=asked_of(transaction.envelope),
            )
        )
    outbound += _reports(transaction, prefix, expires_at)
    result = Arrival(transaction.message.content, placements, outbound)
    for mail in found.groups:
        _post(transaction, mail, prefix, expires_at, result)
    return result


def _held(transaction: Transaction, prefix: Prefix, expires_at: datetime) -> Outbound:
    """Everybody in the queue, local ones too: none gets it before its time (RFC 4865 §4.2)."""
    account = transaction.client.account
    assert account is not None  # smtp/terms.py grants it on submission only
    return _outbound(
        transaction,
        organization_id=account.organization_id,
        recipients=list(dict.fromkeys(str(r.address) for r in transaction.envelope.recipients)),
        prefix=prefix.relayed(),
        expires_at=expires_at,
        asked=asked_of(transaction.envelope),
    )


def _reports(transaction: Transaction, prefix: Prefix, expires_at: datetime) -> Iterator[Outbound]:
    """Recipients that are served by this arrival and whose sender wants to hear of it.

    They go through the queue as done, so that the report is as durable as the message.
    """
    for organization_id, done in reported(transaction.envelope).items():
        yield _outbound(
            transaction,
            organization_id=organization_id,
            recipients=list(done),
            prefix=prefix.relayed(),
            expires_at=expires_at,
            asked=done,
        )


def _post(
    transaction: Transaction,
    mail: GroupMail,
    prefix: Prefix,
    expires_at: datetime,
    arrival: Arrival,
) -> None:
    """Add a group's copies: what they bring back goes to its owners (RFC 5321 §3.9.2)."""
    group = mail.group
    if not is_from_list(transaction.header.raw):
        prefix = prefix.listed(list_fields(group.mailbox, closed=group.closed))
    # What has no sender is a report, and reports on reports there are none.
    owner = group.owner if transaction.envelope.sender else None
    arrival.placements += [
        _placement(transaction, member, prefix.delivered(owner, mail.recipient))
        for member in mail.accounts
    ]
    if mail.addresses:
        outbound = _outbound(
            transaction,
            organization_id=group.organization_id,
            sender=str(owner or ""),
            recipients=mail.addresses,
            prefix=prefix.forwarded(mail.recipient),
            expires_at=expires_at,
        )
        # RFC 3461 §5.2.7.1: the copies of a list are messages of its own.
        outbound.terms = Terms(require_tls=outbound.terms.require_tls)
        arrival.outbound.append(outbound)


def _placement(transaction: Transaction, account: Account, prefix: bytes) -> Placement:
    return Placement(
        account_id=account.id,
        organization_id=account.organization_id,
        mailbox_id=None,
        prefix=prefix,
        internal_date=transaction.now,
    )


def _outbound(
    transaction: Transaction,
    *,
    organization_id: int,
    recipients: list[str],
    prefix: bytes,
    expires_at: datetime,
    sender: str | None = None,
    asked: Mapping[str, Asked] | None = None,
) -> Outbound:
    """`sender` None: the reverse path that it came with."""
    account = transaction.client.account
    return Outbound(
        organization_id=organization_id,
        account_id=account.id if account else None,
        sender=transaction.envelope.sender if sender is None else sender,
        recipients=tuple(recipients),
        prefix=prefix,
        expires_at=expires_at,
        smtputf8=transaction.envelope.mail.smtputf8,
        eight_bit=transaction.message.eight_bit,
        terms=transaction.envelope.terms,
        asked=asked,
    )
