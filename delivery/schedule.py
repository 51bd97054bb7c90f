"""When a deferred recipient is tried again, and when it is given up. Pure."""

from datetime import datetime

_JITTER = 0.2  # a fifth earlier or later, so that what failed together does not return together


def delay(attempts: int, *, first: float, most: float, random: float) -> float:
    """Seconds to wait after `attempts` (>= 1) attempts: `first`, doubling, `most` at the most.

    `random` is in [0, 1).
    """
    doubled = first * 2.0 ** min(attempts - 1, 30)
    return min(doubled, most) * (1 - _JITTER + 2 * _JITTER * random)


def retry_after(
    attempts: int,
    *,
    now: datetime,
    expires_at: datetime,
    first: float,
    most: float,
    random: float,
    notices: tuple[datetime, ...] = (),
) -> float | None:
    """Seconds until the next attempt; None: the lifetime is over, give up.

    The last attempt is made when the lifetime ends, not a whole delay earlier; and one when a
    notice of the delay is due, so that it says what is true then.
    """
    if expires_at <= now:
        return None
    coming = [(moment - now).total_seconds() for moment in (expires_at, *notices) if moment > now]
    return min(delay(attempts, first=first, most=most, random=random), *coming)
