"""Values of the MAIL and RCPT parameters that ask something of delivery: DSN (RFC 3461),
REQUIRETLS (RFC 8689), FUTURERELEASE (RFC 4865), DELIVERBY (RFC 2852).

Invariants: no I/O and no clock, times stay as they were said; nothing but MailError is raised.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from mailserver.errors import MailError
from mailserver.mail.terms import ByMode, Notify, Return, decoded, parse_notify

MAX_ENVELOPE_ID = 100  # characters, RFC 3461 §4.4
MAX_ORIGINAL_RECIPIENT = 500  # characters, RFC 3461 §4.2
# What the parameters of this file may add to MAIL: ENVID and RET (RFC 3461 §5.4), REQUIRETLS
# (RFC 8689 §2), HOLDUNTIL (RFC 4865 §3), BY (RFC 2852 §2); and to RCPT (RFC 3461 §5.4).
MAIL_OCTETS = (MAX_ENVELOPE_ID + 7) + 9 + 11 + 34 + 17
RCPT_OCTETS = 530

XTEXT = re.compile(rb"(?:[!-*,-<>-~]|\+[0-9A-F]{2})*").fullmatch  # RFC 3461 §4
_PRINTABLE = re.compile(r"[ -~]*").fullmatch
_ORCPT = re.compile(rb"([A-Za-z0-9!#$%&'*/?^_`{|}~.-]+);(.+)").fullmatch
# RFC 6533 §3: utf-8-enc-addr. QUIRKS: xtext inside it, as RFC 3461 alone would have it.
_UTF8_ADDRESS = re.compile(
    r"(?:[!-*,-<>-\[\]-~\x80-\U0010ffff]|\\x\{[0-9A-F]{2,6}\}|\+[0-9A-F]{2})+"
).fullmatch
_HOLD_FOR = re.compile(rb"[1-9][0-9]{0,8}").fullmatch  # RFC 4865 §3
# date-time of RFC 3339 §5.6, as the erratum to RFC 4865 has it. A leap second is the next one.
_DATE_TIME = re.compile(
    rb"(\d{4}-\d\d-\d\d)[Tt]([0-2]\d:[0-5]\d):([0-5]\d|60)(?:\.\d+)?([Zz]|[+-][0-2]\d:[0-5]\d)"
).fullmatch
_BY = re.compile(rb"([+-]?[0-9]{1,9});([NRnr])([Tt]?)").fullmatch  # RFC 2852 §4


@dataclass(slots=True)
class By:
    """BY=: `seconds` from now, negative when it is late already."""

    seconds: int
    mode: ByMode
    trace: bool


@dataclass(slots=True)
class HoldFor:
    """HOLDFOR=."""

    seconds: int


@dataclass(slots=True)
class HoldUntil:
    """HOLDUNTIL=; `text` as it was given."""

    moment: datetime
    text: str


@dataclass(slots=True)
class Options:
    """The parameters of MAIL that ask something of delivery; each None when it was not given."""

    returned: Return | None = None
    envelope_id: str | None = None
    require_tls: bool = False
    hold: HoldFor | HoldUntil | None = None
    by: By | None = None


def option(known: Options | None, keyword: bytes, value: bytes | None) -> Options | None:
    """`known` with one more parameter; None: it is not one of these."""
    options = known or Options()
    match keyword:
        case b"RET":
            options.returned = _returned(value)
        case b"ENVID":
            options.envelope_id = _envelope_id(value)
        case b"REQUIRETLS":
            if value is not None:  # RFC 8689 §2
                raise _bad("REQUIRETLS takes no value")
            options.require_tls = True
        case b"HOLDFOR" | b"HOLDUNTIL":
            if options.hold is not None:  # RFC 4865 §4.2: one and only one
                raise _bad("HOLDFOR and HOLDUNTIL exclude one another")
            options.hold = _hold_for(value) if keyword == b"HOLDFOR" else _hold_until(value)
        case b"BY":
            options.by = _by(value)
        case _:
            return None
    return options


def notify(value: bytes | None) -> Notify:
    """RFC 3461 §4.1."""
    try:
        return parse_notify((value or b"").decode("ascii", "replace"))
    except ValueError:
        raise _bad("NOTIFY is NEVER, or SUCCESS, FAILURE and DELAY") from None


def original_recipient(value: bytes | None) -> str:
    """ORCPT as it was given: `addr-type ";" xtext` (RFC 3461 §4.2), or RFC 6533's UTF-8 type."""
    found = _ORCPT(value or b"")
    if found is None or len(found[0]) > MAX_ORIGINAL_RECIPIENT:
        raise _bad("Syntax: ORCPT=type;address")
    if found[1].lower() == b"utf-8":
        valid = _is_utf8_address(found[2])
    else:
        # §4.2: nothing but printable US-ASCII is behind the xtext.
        valid = bool(XTEXT(found[2])) and bool(_PRINTABLE(decoded(found[2].decode())))
    if not valid:
        raise _bad("Syntax: ORCPT=type;address")
    return found[0].decode()


def _is_utf8_address(raw: bytes) -> bool:
    try:
        return _UTF8_ADDRESS(raw.decode()) is not None
    except UnicodeDecodeError:
        return False


def _returned(value: bytes | None) -> Return:
    try:
        return Return((value or b"").decode("ascii", "replace").upper())
    except ValueError:
        raise _bad("RET is FULL or HDRS") from None


def _envelope_id(value: bytes | None) -> str:
    """RFC 3461 §4.4: xtext of printable US-ASCII."""
    if value and len(value) <= MAX_ENVELOPE_ID and XTEXT(value):
        text = value.decode()
        if _PRINTABLE(decoded(text)):
            return text
    raise _bad("Syntax: ENVID=xtext, of 100 characters at most")


def _hold_for(value: bytes | None) -> HoldFor:
    if value is None or not _HOLD_FOR(value):
        raise _bad("Syntax: HOLDFOR=seconds")
    return HoldFor(int(value))


def _hold_until(value: bytes | None) -> HoldUntil:
    found = _DATE_TIME(value or b"")
    try:
        if found is None:
            raise ValueError
        date, minute, second, zone = (part.decode().upper() for part in found.groups())
        whole = datetime.fromisoformat(f"{date}T{minute}:00{zone.replace('Z', '+00:00')}")
        moment = whole.astimezone(UTC) + timedelta(seconds=int(second))
    except (ValueError, OverflowError):
        raise _bad("Syntax: HOLDUNTIL=date and time of RFC 3339") from None
    return HoldUntil(moment, found[0].decode())


def _by(value: bytes | None) -> By:
    found = _BY(value or b"")
    if found is None:
        raise _bad("Syntax: BY=seconds;R or BY=seconds;N, and T to trace")
    by = By(int(found[1]), ByMode(found[2].decode().upper()), bool(found[3]))
    if by.mode is ByMode.RETURN and by.seconds <= 0:  # RFC 2852 §4
        raise _bad("BY with R takes a time to come")
    return by


def _bad(text: str) -> MailError:
    return MailError(501, "5.5.4", text)
