"""Senders rewritten for forwarding (SRS): the local part that stands for another's address.

    SRS0=hash=stamp=domain=local     stands for local@domain
    SRS0=hash=stamp==token           stands for a sender that is kept under this token
    SRS1=hash=domain=rest            stands for SRS0rest@domain, the address of another forwarder

Invariants: pure; what `rewrite` gives, `original` reads back with the same key, also after somebody
changed the case of its letters; nothing but SrsError is raised on any text. Stamps are days, of
which 1024 can be told apart.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass

from mailserver.mail.addresses import (
    MAX_ADDRESS,
    MAX_LOCAL,
    Address,
    AddressError,
    normalise_domain,
)

DAY = 86400  # seconds
LONGEST_AGE = 1000  # days that can be told from the future
_DAYS = 1024  # 5 bits in each of two letters
_SKEW = 1  # days by which another node's clock may be ahead

# 40 bits: an address that relays is found by 10^11 RCPTs, and every one is refused in vain.
_HASH = 8  # letters of base32, which survives a change of case
_TOKEN = 16
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"

# Others separate by "+" or "-" too; what follows an SRS0 of theirs is theirs to understand.
_FOREIGN = re.compile(r"SRS0([=+-].+[=+-].+[=+-].+)", re.IGNORECASE | re.DOTALL).fullmatch
_FOREIGN_AGAIN = re.compile(
    r"SRS1([=+-])[^=+-]+\1([^=+]+?)\1([=+-].+)", re.IGNORECASE | re.DOTALL
).fullmatch


class SrsError(ValueError):
    """The address does not stand for a sender (any more); `str(error)` says why, for the log."""


@dataclass(slots=True)
class Token:
    """What a kept sender is found by."""

    text: str


def is_rewritten(local: str) -> bool:
    """True when a local part of ours stands for another address, or pretends to."""
    return local[:5].upper() in ("SRS0=", "SRS1=")


def rewrite(sender: Address, domain: str, *, key: bytes, day: int) -> Address | None:
    """`sender` as an address in `domain`; None when it is too long (RFC 5321 §4.5.3.1).

    `day` in days of the Unix epoch.
    """
    host = normalise_domain(sender.domain)
    if again := _FOREIGN_AGAIN(sender.local):
        # However many forwarders: the second one's address leads to the first one's at once.
        return _signed("SRS1", f"{again[2]}={again[3]}", domain, key)
    if foreign := _FOREIGN(sender.local):
        return _signed("SRS1", f"{host}={foreign[1]}", domain, key)
    return _signed("SRS0", f"{_stamp(day)}={host}={sender.local}", domain, key)


def token(sender: Address) -> Token:
    """What `sender` is kept under."""
    digest = hashlib.sha256(str(sender).encode("utf-8", "surrogatepass")).digest()
    return Token(base64.b32encode(digest).decode()[:_TOKEN])


def rewrite_token(kept: Token, domain: str, *, key: bytes, day: int) -> Address | None:
    """The address in `domain` that stands for what is kept under the token."""
    return _signed("SRS0", f"{_stamp(day)}=={kept.text}", domain, key)


def original(local: str, *, keys: Sequence[bytes], day: int, lifetime: int) -> Address | Token:
    """What a local part stands for. Raises SrsError: malformed, forged, or too old.

    `lifetime` in days. An SRS1 has no age of its own: the first forwarder looks at its own stamp.
    """
    kind, _, rest = local.partition("=")
    digest, found, text = rest.partition("=")
    if not is_rewritten(local) or not found:
        raise SrsError("malformed")
    kind = kind.upper()
    if not any(_same(digest, _digest(kind, text, key)) for key in keys):
        raise SrsError("forged")
    if kind == "SRS1":
        host, _, opaque = text.partition("=")
        return _address(f"SRS0{opaque}", host)
    stamp, _, text = text.partition("=")
    if not _fresh(stamp, day, lifetime):
        raise SrsError("expired")
    host, _, name = text.partition("=")
    return _address(name, host) if host else Token(name.upper())


def _signed(kind: str, text: str, domain: str, key: bytes) -> Address | None:
    made = Address(f"{kind}={_digest(kind, text, key)}={text}", domain)
    written = str(made)
    octets = len(written.encode("utf-8", "surrogatepass"))
    fits = octets - len(domain) - 1 <= MAX_LOCAL and octets <= MAX_ADDRESS
    return made if fits else None


def _digest(kind: str, text: str, key: bytes) -> str:
    signed = f"{kind}={text}".lower().encode("utf-8", "surrogatepass")
    return base64.b32encode(hmac.digest(key, signed, "sha256")).decode()[:_HASH]


def _same(said: str, right: str) -> bool:
    return hmac.compare_digest(said.upper().encode("utf-8", "surrogatepass"), right.encode())


def _stamp(day: int) -> str:
    day %= _DAYS
    return _LETTERS[day >> 5] + _LETTERS[day & 31]


def _fresh(stamp: str, day: int, lifetime: int) -> bool:
    if len(stamp) != 2 or any(letter not in _LETTERS for letter in stamp.upper()):
        return False
    high, low = (_LETTERS.index(letter) for letter in stamp.upper())
    age = (day - (high << 5 | low) + _SKEW) % _DAYS - _SKEW
    return age <= lifetime


def _address(local: str, host: str) -> Address:
    try:
        if not local:
            raise AddressError("no local part")
        return Address(local, normalise_domain(host))
    except AddressError as error:  # signed by a mistake of ours, or by an older release
        raise SrsError(f"malformed: {error}") from None
