"""Recipients whose domain is ours: placed in their mailboxes by ingest.

The message was held for a later time (RFC 4865), its domain came here after it was queued, or a
forward leads back to us.
"""

from dataclasses import replace
from datetime import UTC, datetime

from delivery.letter import Letter
from delivery.outcome import Category, Failure, Outcome, failed
from mailserver.errors import MailError, StorageUnavailable
from mailserver.ingest import Arrival, Outbound, Placement
from mailserver.mail.addresses import Address, AddressError, parse_address
from mailserver.mail.terms import redistributed
from mailserver.mail.trace import delivered_to_field, return_path_field
from mailserver.node import Node
from mailserver.storage.queue import Recipient, State


async def place(node: Node, letter: Letter, recipient: Recipient) -> Outcome:
    """Deliver to `recipient`, here or where its alias leads; durable when it says DELIVERED."""
    message = letter.message
    try:
        address = parse_address(recipient.address, smtputf8=True)
        found = await node.accounts.resolve(address)
        if found.suspended:
            return failed(Failure.SUSPENDED)
        if not found.known:
            return failed(Failure.UNKNOWN_MAILBOX)
        for account in found.accounts:
            if not await node.ingest.has_room(account, letter.size):
                return failed(Failure.OVER_QUOTA)
        action, onwards = redistributed(
            recipient.asked, mailboxes=len(found.accounts), forwards=len(found.forwards)
        )
        prefix = _delivery_fields(message.sender, address) + message.prefix
        arrival = Arrival(
            content=letter.body,
            placements=[
                Placement(
                    account_id=account.id,
                    organization_id=account.organization_id,
                    mailbox_id=None,
                    prefix=prefix,
                    internal_date=datetime.now(UTC),
                )
                for account in found.accounts
            ],
        )
        if found.forwards:
            arrival.outbound.append(
                Outbound(
                    organization_id=found.organization_id,
                    account_id=None,
                    sender=message.sender,
                    recipients=found.forwards,
                    prefix=delivered_to_field(address) + message.prefix,
                    expires_at=message.expires_at,
                    smtputf8=message.smtputf8,
                    eight_bit=message.eight_bit,
                    terms=replace(message.terms, hold=None),
                    asked=dict.fromkeys(found.forwards, onwards),
                )
            )
        await node.ingest.accept(arrival)
    except AddressError as error:
        return failed(Failure.BAD_ADDRESS, str(error))
    except MailError as error:
        state = State.DEFERRED if error.temporary else State.BOUNCED
        return Outcome(state, Category.SYSTEM, error.enhanced, "", error.text)
    except StorageUnavailable as error:
        return failed(Failure.SYSTEM, str(error))
    text = "placed in the mailbox" if found.accounts else "forwarded"
    return Outcome(State.DELIVERED, Category.NONE, "2.0.0", "", text, action=action)


def _delivery_fields(sender: str, recipient: Address) -> bytes:
    """Return-Path and Delivered-To: this is the final delivery (RFC 5321 §4.4)."""
    try:
        reverse_path = parse_address(sender, smtputf8=True) if sender else None
    except AddressError:
        reverse_path = None
    return return_path_field(reverse_path) + delivered_to_field(recipient)
