"""The report that goes home when a recipient is given up (RFC 3464).

Invariants: a bounce is never answered by a bounce, since it has the null reverse path and mail from
there gets none (RFC 5321 §4.5.5); a report is durable before the outcome is recorded, so that a
process killed in between reports twice rather than never.
"""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from delivery.outcome import Outcome
from mailserver.ingest import Arrival, Outbound, Placement
from mailserver.logs import logger
from mailserver.mail.addresses import Address, AddressError, parse_address
from mailserver.mail.completion import message_id
from mailserver.mail.report import Action, RecipientStatus, Report, build_report
from mailserver.mail.trace import delivered_to_field, return_path_field
from mailserver.node import Node
from mailserver.objects import ObjectMissing
from mailserver.storage.blobs import BlobMissing
from mailserver.storage.queue import Message

_WHOLE = 64 * 1024  # bytes; of a larger message the header goes back only

log = logger("delivery")


@dataclass(slots=True)
class Undelivered:
    """A recipient that is given up, and why."""

    recipient: str
    outcome: Outcome


def report(
    message: Message,
    undelivered: list[Undelivered],
    original: bytes,
    *,
    hostname: str,
    now: datetime,
    unique: str,
) -> bytes:
    """The report as a message. Pure.

    `original` is the message from its prefix on, maybe cut after the header; `unique` is
    unguessable and different at each call.
    """
    statuses = [
        RecipientStatus(
            recipient=one.recipient,
            action=Action.FAILED,
            status=one.outcome.status,
            diagnostic=str(one.outcome.reply) if one.outcome.reply else None,
            remote_mta=one.outcome.host if one.outcome.reply else None,
            last_attempt=now,
            reason=None if one.outcome.reply else one.outcome.text,
        )
        for one in undelivered
    ]
    return build_report(
        Report(
            reporting_mta=hostname,
            sender=f"MAILER-DAEMON@{hostname}",
            to=message.sender,
            recipients=statuses,
            original=original,
            whole=message.size <= _WHOLE,
            arrival=message.created_at,
        ),
        now=now,
        message_id=message_id(unique, hostname),
        boundary=f"report-{unique}",
    )


async def send_home(node: Node, message: Message, undelivered: list[Undelivered]) -> None:
    """Tell the sender; durable when this returns. Nothing happens for the null reverse path.

    Raises StorageUnavailable and MailError: then the sender was not told.
    """
    if not message.sender:
        log.info("no report to the null reverse path", queue_id=message.id)
        return
    try:
        sender = parse_address(message.sender, smtputf8=True)
    except AddressError as error:
        log.warning("no report, bad sender", queue_id=message.id, cause=str(error))
        return
    content = report(
        message,
        undelivered,
        message.prefix + await _returned(node, message),
        hostname=node.settings.hostname,
        now=datetime.now(UTC),
        unique=secrets.token_hex(12),
    )
    arrival = await _addressed(node, message, sender, content)
    if not (arrival.placements or arrival.outbound):
        log.warning("no report, the sender is gone", queue_id=message.id, sender=message.sender)
        return
    receipt = await node.ingest.accept(arrival)
    log.info("report sent", queue_id=message.id, sender=message.sender, report_id=receipt.id)


async def _returned(node: Node, message: Message) -> bytes:
    """As much of the received bytes as goes back."""
    end = max(min(message.size, _WHOLE) - len(message.prefix), 0)
    try:
        return await node.blobs.read(message.blob_id, 0, end)
    except (BlobMissing, ObjectMissing):
        log.error("the message's bytes are gone", queue_id=message.id, blob_id=message.blob_id)
        return b""


async def _addressed(node: Node, message: Message, sender: Address, content: bytes) -> Arrival:
    """Where the report goes: mailboxes here, and the queue for senders elsewhere."""
    found = await node.accounts.resolve(sender)
    now = datetime.now(UTC)
    arrival = Arrival(
        content=content,
        placements=[
            Placement(
                account_id=account.id,
                organization_id=account.organization_id,
                mailbox_id=None,
                prefix=return_path_field(None) + delivered_to_field(sender),
                internal_date=now,
            )
            for account in found.accounts
        ],
    )
    elsewhere = found.forwards if found.local else (str(sender),)
    if elsewhere and not found.suspended:
        arrival.outbound.append(
            Outbound(
                organization_id=message.organization_id,
                account_id=None,
                sender="",  # RFC 3464 §2
                recipients=elsewhere,
                prefix=b"",
                expires_at=now + timedelta(seconds=node.settings.delivery.lifetime),
                smtputf8=not "".join(elsewhere).isascii(),
                eight_bit=not content.isascii(),
            )
        )
    return arrival
