"""Which report a sender is owed after an attempt (RFC 3461 §5.2, RFC 2852 §4.1). Pure."""

from datetime import datetime, timedelta

from delivery.outcome import Outcome
from mailserver.mail.terms import NEVER, Action, Asked
from mailserver.storage.queue import Message, State


def notice_times(message: Message, delay_notice: float) -> tuple[datetime, ...]:
    """When the sender hears that it takes longer: `delay_notice` seconds from the release on, and
    the time that was set to deliver by."""
    ordinary = message.released_at + timedelta(seconds=delay_notice)
    late = message.terms.notified_at
    return (ordinary, late) if late else (ordinary,)


def owed(
    outcome: Outcome,
    asked: Asked,
    notices: tuple[datetime, ...],
    *,
    now: datetime,
    told_at: datetime | None,
) -> Action | None:
    """The report for one recipient; None: its sender hears nothing now.

    `told_at` is when he last heard of a delay: of each of `notices` he hears once.
    """
    action: Action | None
    match outcome.state:
        case State.BOUNCED:
            action = Action.FAILED
        case State.DEFERRED:
            action = Action.DELAYED
            passed = [moment for moment in notices if moment <= now]
            if not passed or (told_at is not None and told_at >= max(passed)):
                return None
        case _:
            action = outcome.action
            if action and outcome.traced:
                return None if asked.notify == NEVER else action
    return action if action and asked.wants(action) else None
