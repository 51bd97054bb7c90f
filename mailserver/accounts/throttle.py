"""What failed logins cost: pure decisions. How many there were, `failures` knows."""

import ipaddress
import math
from functools import lru_cache

from mailserver.errors import Refused
from mailserver.mail.addresses import AddressError, parse_address
from mailserver.mail.networks import parsed
from mailserver.settings import Limits

MOST_DELAY = 20.0  # seconds; clients give up on an answer after 30


@lru_cache(maxsize=4096)
def network_of(address: str) -> str:
    """What one client can choose its addresses from: the IPv4 /24 or IPv6 /64; "" for none."""
    found = parsed(address)
    if found is None:
        return ""
    # RFC 4291 §2.5.4: a host has all of a /64.
    bits = 24 if found.version == 4 else 64
    return str(ipaddress.ip_network((found, bits), strict=False))


def subject_of(text: str) -> str:
    """What failures are counted by, for an account, a network or an address in one.

    Raises Refused.
    """
    if "@" in text:
        try:
            return parse_address(text, smtputf8=True).key
        except AddressError as error:
            raise Refused(f"{text} is no address: {error}", "subject") from None
    network = network_of(text.partition("/")[0])
    if not network:
        raise Refused(f"{text} is neither an account nor a network", "subject")
    return network


def limit_of(subject: str, limits: Limits) -> int:
    """How many failures are held against it before more are refused."""
    if "@" in subject:
        return limits.failed_logins_per_account
    return limits.failed_logins_per_network


def rate_of(subject: str, limits: Limits) -> float:
    """How many of them are forgotten in a second."""
    return limit_of(subject, limits) / limits.failed_login_window


def full(level: float, limit: int) -> bool:
    """One failure more would be over the limit."""
    return level > limit - 1


def delay(level: float, first: float) -> float:
    """Seconds that the answer to a failure waits, with `level` failures not forgotten yet."""
    doublings = min(max(level - 1, 0.0), 20.0)
    return min(first * math.pow(2, doublings), max(MOST_DELAY, first))
