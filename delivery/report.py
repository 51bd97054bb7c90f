"""The report that goes home: given up, delayed, delivered, relayed, expanded (RFC 3464).

Invariants: a report is never answered by a report, since it has the null reverse path and mail from
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
from mailserver.mail.report import RecipientStatus, Report, build_report
from mailserver.mail.terms import NEVER, NO_TERMS, Action, Asked, Return, Terms
from mailserver.mail.trace import delivered_to_field, return_path_field
from mailserver.node import Node
from mailserver.objects import ObjectMissing
from mailserver.storage.blobs import BlobMissing
from mailserver.storage.queue import Message, Recipient

_WHOLE = 64 * 1024  # bytes; of a larger message the header goes back, unless RET says FULL
_FULL = 4 * 1024 * 1024  # bytes; RFC 3461 §6.2 allows a limit to that too

log = logger("delivery")


@dataclass(slots=True)
class Told:
    """A recipient, what became of it, and as what its sender hears of it."""

    recipient: Recipient
    outcome: Outcome
    action: Action


def returned_size(message: Message, told: list[Told]) -> int:
    """Bytes up to which the whole message goes back; 0: its header only. Pure."""
    # RFC 3461 §4.3: RET is for failures, anything else brings the header back; RFC 8689 §5: so
    # does a failure of what requires TLS, whatever RET says.
    failures = any(one.action is Action.FAILED for one in told)
    if not failures or message.terms.require_tls or message.terms.returned is Return.HEADERS:
        return 0
    return _FULL if message.terms.returned is Return.FULL else _WHOLE


def report(
    message: Message,
    told: list[Told],
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
    terms = message.terms
    return build_report(
        Report(
            reporting_mta=hostname,
            sender=f"MAILER-DAEMON@{hostname}",
            to=message.sender,
            recipients=[_status(message, one, now) for one in told],
            original=original,
            whole=message.size <= returned_size(message, told),
            arrival=message.created_at,
            envelope_id=terms.envelope_id,
            deliver_by=terms.deliver_by.moment if terms.deliver_by else None,
            hold_request=terms.hold.request if terms.hold else None,
            utf8=message.smtputf8,
        ),
        now=now,
        message_id=message_id(unique, hostname),
        boundary=f"report-{unique}",
    )


def _status(message: Message, one: Told, now: datetime) -> RecipientStatus:
    outcome, delayed = one.outcome, one.action is Action.DELAYED
    by_host = outcome.reply is not None or (one.action is Action.RELAYED and bool(outcome.host))
    late = message.terms.notified_at
    status = outcome.status
    if delayed and late and late <= now:
        status = "4.4.7"  # RFC 2852 §4.1.3
    return RecipientStatus(
        recipient=one.recipient.address,
        action=one.action,
        status=status,
        # Of a report that comes later only the words of the reply are left.
        diagnostic=(str(outcome.reply) if outcome.reply else outcome.text) if by_host else None,
        remote_mta=outcome.host if by_host else None,
        last_attempt=now,
        retry_until=message.expires_at if delayed else None,
        original_recipient=one.recipient.asked.original_recipient,
        reason=None if by_host else outcome.text,
    )


async def send_home(node: Node, message: Message, told: list[Told]) -> None:
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
        told,
        message.prefix + await _returned(node, message, returned_size(message, told)),
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


async def _returned(node: Node, message: Message, whole: int) -> bytes:
    """As much of the received bytes as goes back: all up to `whole`, or what holds the header."""
    limit = message.size if message.size <= whole else _WHOLE
    end = max(min(message.size, limit) - len(message.prefix), 0)
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
                # RFC 8689 §5: protected as the message was.
                terms=Terms(require_tls=True) if message.terms.require_tls else NO_TERMS,
                # RFC 3461 §6.1: NEVER is the only NOTIFY of a report.
                asked=dict.fromkeys(elsewhere, Asked(notify=NEVER)),
            )
        )
    return arrival
