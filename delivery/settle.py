"""What follows from outcomes: reports, the next attempt, figures, log lines, the record."""

from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random

from delivery.notices import notice_times, owed
from delivery.outcome import Outcome, expired
from delivery.recorder import Recorder
from delivery.report import Told, send_home
from delivery.schedule import retry_after
from delivery.signing import sender_domain
from delivery.sites import Job
from mailserver import metrics
from mailserver.errors import MailError, StorageUnavailable
from mailserver.logs import logger
from mailserver.mail.addresses import AddressError, parse_address
from mailserver.mail.terms import Action
from mailserver.node import Node
from mailserver.settings import Delivery
from mailserver.storage.queue import Message, Recipient, Result, State

log = logger("delivery")


@dataclass(slots=True)
class Settled:
    """A recipient after an attempt."""

    recipient: Recipient
    outcome: Outcome
    wait: float = 0.0  # seconds until the next attempt, if it is deferred
    action: Action | None = None  # the report that is owed to the sender


def settled(
    outcome: Outcome,
    recipient: Recipient,
    message: Message,
    *,
    now: datetime,
    settings: Delivery,
    random: float,
) -> Settled:
    """The outcome with lifetime and DELIVERBY applied, and the report that is owed. Pure."""
    notices = notice_times(message, settings.delay_notice)
    wait: float | None = 0.0
    if outcome.state is State.DEFERRED:
        returned_at = message.terms.returned_at or message.expires_at
        wait = retry_after(
            recipient.attempts,
            now=now,
            expires_at=min(message.expires_at, returned_at),
            notices=notices,
            first=settings.retry_first,
            most=settings.retry_most,
            random=random,
        )
    if wait is None:
        outcome = expired(outcome)
    action = owed(outcome, recipient.asked, notices, now=now, told_at=recipient.delay_told_at)
    return Settled(recipient, outcome, wait or 0.0, action if message.sender else None)


async def settle_job(
    node: Node, recorder: Recorder, random: Random, job: Job, outcomes: list[Outcome]
) -> bool:
    """Act on the outcomes of one job; recorded when this returns. True if any was deferred."""
    message, settings = job.letter.message, node.settings.delivery
    found = [
        settled(
            outcome,
            recipient,
            message,
            now=datetime.now(UTC),
            settings=settings,
            random=random.random(),
        )
        for recipient, outcome in zip(job.recipients, outcomes, strict=True)
    ]
    told = [Told(one.recipient, one.outcome, one.action) for one in found if one.action]
    reported = not told or await _told(node, message, told)
    await recorder.record([_result(one, settings.retry_first, told=reported) for one in found])
    await _tell(node, message, found)
    return any(one.outcome.state is State.DEFERRED for one in found)


async def _told(node: Node, message: Message, told: list[Told]) -> bool:
    """Send the report; False: it could not be stored now."""
    try:
        await send_home(node, message, told)
    except StorageUnavailable as error:
        log.warning("report not sent", queue_id=message.id, cause=str(error))
        return False
    except MailError as error:
        log.warning("report refused", queue_id=message.id, cause=str(error))
        return not error.temporary
    return True


def _result(one: Settled, again: float, *, told: bool) -> Result:
    """What is recorded; what its sender could not be told of waits for it another `again` s."""
    outcome = one.outcome
    result = Result(one.recipient.id, outcome.state, outcome.host, outcome.text, one.wait)
    if one.action is None:
        return result
    if told:
        result.delay_told = one.action is Action.DELAYED
    elif outcome.state is State.BOUNCED:
        result.state, result.retry_after = State.DEFERRED, again
        result.reply = f"no report could be stored of: {outcome.text}"
    elif outcome.state is State.DELIVERED:
        result.state, result.retry_after, result.done = State.DEFERRED, again, one.action
    return result


async def _tell(node: Node, message: Message, found: list[Settled]) -> None:
    domain, organization = await _labels(node, message.sender)
    for one in found:
        recipient, outcome = one.recipient, one.outcome
        if not recipient.asked.done:  # it was counted when it was
            metrics.DELIVERY_ATTEMPTS.labels(outcome.state).inc()
            metrics.smtp_messages(domain, organization, "out", outcome.state).inc()
        if one.action:
            metrics.DELIVERY_REPORTS.labels(one.action).inc()
        log.info(
            outcome.state,
            queue_id=message.id,
            recipient=recipient.address,
            host=outcome.host,
            status=outcome.status,
            category=outcome.category,
            reply=outcome.text,
            attempts=recipient.attempts,
            retry_after=round(one.wait),
            reported=one.action or "",
        )


async def _labels(node: Node, sender: str) -> tuple[str, str]:
    """Domain and organization of a sender of ours, "" and "" of others: labels are bounded."""
    try:
        found = await node.accounts.resolve(parse_address(sender, smtputf8=True))
    except (AddressError, MailError, StorageUnavailable):
        return "", ""
    return (sender_domain(sender), found.organization) if found.local else ("", "")
