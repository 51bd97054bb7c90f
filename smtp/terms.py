"""What MAIL asked of delivery, as this door grants it now. Pure; told the time."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from mailserver.mail.terms import ByMode, DeliverBy, Hold, Terms
from smtp import replies
from smtp.parameters import By, HoldFor, HoldUntil, Options
from smtp.policy import Rules, Stage
from smtp.replies import Reply


@dataclass(slots=True)
class Bounds:
    """What is granted at most, in seconds."""

    max_hold: int  # from now to the release (RFC 4865)
    min_by: int  # the shortest BY with R (RFC 2852 §3)


def granted(
    options: Options, stage: Stage, rules: Rules, bounds: Bounds, now: datetime
) -> Terms | Reply:
    """The terms a message is taken on, or why it is not."""
    # RFC 8689 §2: only within TLS; RFC 4865 §3, §4.2: only on submission, and so here is BY.
    if options.require_tls and not stage.tls:
        return replies.NOT_OFFERED
    if (options.hold or options.by) and not rules.login:
        return replies.NOT_OFFERED
    hold = _hold(options.hold, bounds, now) if options.hold else None
    if isinstance(hold, Reply):
        return hold
    by = _deliver_by(options.by, bounds, now) if options.by else None
    if isinstance(by, Reply):
        return by
    if hold and by and hold.until > by.moment:
        return replies.HOLD_PAST_BY  # RFC 4865 §5.2.2
    return Terms(options.returned, options.envelope_id, options.require_tls, hold, by)


def _hold(asked: HoldFor | HoldUntil, bounds: Bounds, now: datetime) -> Hold | Reply:
    """RFC 4865 §4.2: too far in the future is refused, and so is the past."""
    if isinstance(asked, HoldFor):
        until, request = now + timedelta(seconds=asked.seconds), f"for;{asked.seconds}"
    else:
        until, request = asked.moment, f"until;{asked.text}"
    if not now < until <= now + timedelta(seconds=bounds.max_hold):
        return replies.BAD_HOLD
    return Hold(until, request)


def _deliver_by(asked: By, bounds: Bounds, now: datetime) -> DeliverBy | Reply:
    if asked.mode is ByMode.RETURN and asked.seconds < bounds.min_by:
        return replies.BY_TOO_SOON
    return DeliverBy(now + timedelta(seconds=asked.seconds), asked.mode, asked.trace)
