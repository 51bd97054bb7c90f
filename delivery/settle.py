"""What follows from outcomes: reports, the next attempt, figures, log lines, the record."""

from datetime import UTC, datetime
from random import Random

from delivery.bounce import Undelivered, send_home
from delivery.outcome import Failure, Outcome, expired, failed
from delivery.recorder import Recorder
from delivery.schedule import retry_after
from delivery.signing import sender_domain
from delivery.sites import Job
from mailserver import metrics
from mailserver.errors import MailError, StorageUnavailable
from mailserver.logs import logger
from mailserver.mail.addresses import AddressError, parse_address
from mailserver.node import Node
from mailserver.settings import Delivery
from mailserver.storage.queue import Message, Recipient, Result, State

log = logger("delivery")


def verdict(
    outcome: Outcome,
    recipient: Recipient,
    message: Message,
    *,
    now: datetime,
    settings: Delivery,
    random: float,
) -> tuple[Outcome, float]:
    """The outcome with the lifetime applied, and the seconds until the next attempt. Pure."""
    if outcome.state is not State.DEFERRED:
        return outcome, 0.0
    wait = retry_after(
        recipient.attempts,
        now=now,
        expires_at=message.expires_at,
        first=settings.retry_first,
        most=settings.retry_most,
        random=random,
    )
    return (expired(outcome), 0.0) if wait is None else (outcome, wait)


async def settle_job(
    node: Node, recorder: Recorder, random: Random, job: Job, outcomes: list[Outcome]
) -> bool:
    """Act on the outcomes of one job; recorded when this returns. True if any was deferred."""
    message = job.letter.message
    settled = [
        (
            recipient,
            *verdict(
                outcome,
                recipient,
                message,
                now=datetime.now(UTC),
                settings=node.settings.delivery,
                random=random.random(),
            ),
        )
        for recipient, outcome in zip(job.recipients, outcomes, strict=True)
    ]
    bounced = [Undelivered(r.address, o) for r, o, _ in settled if o.state is State.BOUNCED]
    if bounced and not await _told(node, message, bounced):
        settled = [_kept(*one, node.settings.delivery.retry_first) for one in settled]
    await recorder.record([Result(r.id, o.state, o.host, o.text, w) for r, o, w in settled])
    await _tell(node, message, settled)
    return any(outcome.state is State.DEFERRED for _, outcome, _ in settled)


async def _told(node: Node, message: Message, bounced: list[Undelivered]) -> bool:
    """Send the report; False: it could not be stored now."""
    try:
        await send_home(node, message, bounced)
    except StorageUnavailable as error:
        log.warning("report not sent", queue_id=message.id, cause=str(error))
        return False
    except MailError as error:
        log.warning("report refused", queue_id=message.id, cause=str(error))
        return not error.temporary
    return True


def _kept(
    recipient: Recipient, outcome: Outcome, wait: float, again: float
) -> tuple[Recipient, Outcome, float]:
    """A bounce nobody could be told of stays in the queue, for another attempt in `again` s."""
    if outcome.state is not State.BOUNCED:
        return recipient, outcome, wait
    text = f"no report could be stored of: {outcome.text}"
    return recipient, failed(Failure.SYSTEM, text, outcome.host), again


async def _tell(
    node: Node, message: Message, settled: list[tuple[Recipient, Outcome, float]]
) -> None:
    domain, organization = await _labels(node, message.sender)
    for recipient, outcome, wait in settled:
        metrics.DELIVERY_ATTEMPTS.labels(outcome.state).inc()
        metrics.SMTP_MESSAGES.labels(domain, organization, "out", outcome.state).inc()
        log.info(
            outcome.state,
            queue_id=message.id,
            recipient=recipient.address,
            host=outcome.host,
            status=outcome.status,
            category=outcome.category,
            reply=outcome.text,
            attempts=recipient.attempts,
            retry_after=round(wait),
        )


async def _labels(node: Node, sender: str) -> tuple[str, str]:
    """Domain and organization of a sender of ours, "" and "" of others: labels are bounded."""
    try:
        found = await node.accounts.resolve(parse_address(sender, smtputf8=True))
    except (AddressError, MailError, StorageUnavailable):
        return "", ""
    return (sender_domain(sender), found.organization) if found.local else ("", "")
