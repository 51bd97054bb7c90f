"""Recipients whose domain is ours: placed in their mailboxes by ingest.

The message was held for a later time (RFC 4865), its domain came here after it was queued, or a
forward leads back to us.
"""

from dataclasses import replace
from datetime import UTC, datetime

from delivery.letter import Letter
from delivery.outcome import Category, Failure, Outcome, failed
from mailserver.accounts import Account, Group, Resolution
from mailserver.errors import MailError, StorageUnavailable
from mailserver.ingest import Arrival, Outbound, Placement
from mailserver.mail.addresses import Address, AddressError, parse_address
from mailserver.mail.lists import is_from_list, list_fields
from mailserver.mail.terms import NOTHING_ASKED, Asked, Terms, redistributed
from mailserver.mail.trace import delivered_to_field, return_path_field
from mailserver.node import Node
from mailserver.storage.queue import Message, Recipient, State


async def place(node: Node, letter: Letter, recipient: Recipient) -> Outcome:
    """Deliver to `recipient`, here or where it leads; durable when it says DELIVERED."""
    try:
        address = parse_address(recipient.address, smtputf8=True)
        found = await node.accounts.resolve(address)
        if refusal := await _refusal(node, letter, found):
            return refusal
        # RFC 3461 §5.2.7.1: to reach a group is to be delivered, whatever becomes of its copies.
        mailboxes = len(found.accounts) + len(found.groups)
        action, onwards = redistributed(
            recipient.asked, mailboxes=mailboxes, forwards=len(found.forwards)
        )
        arrival = Arrival(letter.body)
        own = _prefix(letter.message.sender, address, letter)
        arrival.placements += [_placement(account, own) for account in found.accounts]
        if found.forwards:
            outbound = _outbound(letter, found.organization_id, address, found.forwards, onwards)
            outbound.sender = await _forwarding_sender(node, letter.message, address)
            arrival.outbound.append(outbound)
        for group in found.groups:
            await _post(node, letter, address, group, arrival)
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


async def _refusal(node: Node, letter: Letter, found: Resolution) -> Outcome | None:
    """Why it cannot be placed, as RCPT would have said."""
    if found.suspended:
        return failed(Failure.SUSPENDED)
    if not found.known:
        return failed(Failure.UNKNOWN_MAILBOX)
    if found.groups:
        account, sender = await _poster(node, letter.message)
        for group in found.groups:
            if not await node.accounts.may_post(group, account, sender):
                return failed(Failure.POSTING)
    for account in found.must_have_room:
        if not await node.ingest.has_room(account, letter.size):
            return failed(Failure.OVER_QUOTA)
    return None


async def _poster(node: Node, message: Message) -> tuple[Account | None, Address | None]:
    """Who is known to have submitted it, and its reverse path."""
    sender = parse_address(message.sender, smtputf8=True) if message.sender else None
    if message.account_id is None or sender is None:
        return None, sender
    owners = (await node.accounts.resolve(sender)).accounts
    return next((one for one in owners if one.id == message.account_id), None), sender


async def _forwarding_sender(node: Node, message: Message, alias: Address) -> str:
    """A user's own sender stays; any other's bounces are to come back by us."""
    if message.account_id is not None:
        return message.sender
    return await node.accounts.forwarding.sender(message.sender, alias.domain)


async def _post(
    node: Node, letter: Letter, address: Address, group: Group, arrival: Arrival
) -> None:
    """Add a group's copies; a member without room gets it by the queue."""
    owner = str(group.owner) if letter.message.sender else ""
    listed = is_from_list(letter.header())
    fields = b"" if listed else list_fields(group.mailbox, closed=group.closed)
    elsewhere = list(group.forwards)
    prefix = _prefix(owner, address, letter) + fields
    for member in group.accounts:
        if await node.ingest.has_room(member, letter.size):
            arrival.placements.append(_placement(member, prefix))
        else:
            elsewhere.append(member.address)
    if elsewhere:
        outbound = _outbound(letter, group.organization_id, address, tuple(elsewhere))
        outbound.sender = owner
        outbound.prefix += fields
        # RFC 3461 §5.2.7.1: the copies of a list are messages of its own.
        outbound.terms = Terms(require_tls=letter.message.terms.require_tls)
        arrival.outbound.append(outbound)


def _placement(account: Account, prefix: bytes) -> Placement:
    return Placement(
        account_id=account.id,
        organization_id=account.organization_id,
        mailbox_id=None,
        prefix=prefix,
        internal_date=datetime.now(UTC),
    )


def _outbound(
    letter: Letter,
    organization_id: int,
    address: Address,
    targets: tuple[str, ...],
    asked: Asked = NOTHING_ASKED,
) -> Outbound:
    message = letter.message
    return Outbound(
        organization_id=organization_id,
        account_id=message.account_id,
        sender=message.sender,
        recipients=targets,
        prefix=delivered_to_field(address) + message.prefix,
        expires_at=message.expires_at,
        smtputf8=message.smtputf8,
        eight_bit=message.eight_bit,
        terms=replace(message.terms, hold=None),
        asked=dict.fromkeys(targets, asked),
    )


def _prefix(sender: str, recipient: Address, letter: Letter) -> bytes:
    """Return-Path and Delivered-To: this is the final delivery (RFC 5321 §4.4)."""
    try:
        reverse_path = parse_address(sender, smtputf8=True) if sender else None
    except AddressError:
        reverse_path = None
    fields = return_path_field(reverse_path) + delivered_to_field(recipient)
    return fields + letter.message.prefix
