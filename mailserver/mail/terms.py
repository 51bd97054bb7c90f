"""What an envelope asks of delivery beyond bringing the message: parameters of MAIL and RCPT.

They go with a message from the door through the queue to the next host. Texts that travel on
unchanged (ENVID, ORCPT) are kept as they were given, in xtext; `decoded` is for people and reports.

Invariant: pure values; no clock.
"""

import re
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Flag, StrEnum, auto


class Notify(Flag):
    """NOTIFY of RCPT (RFC 3461 §4.1); no bit is NEVER."""

    SUCCESS = auto()
    FAILURE = auto()
    DELAY = auto()

    def __str__(self) -> str:
        """As it stands in the parameter."""
        return ",".join(one.name or "" for one in Notify if one in self) or "NEVER"


NEVER = Notify(0)


def parse_notify(text: str) -> Notify:
    """`"NEVER" / 1#( "SUCCESS" / "FAILURE" / "DELAY" )`, in any case. Raises ValueError."""
    words = text.upper().split(",")
    if words == ["NEVER"]:
        return NEVER
    found = NEVER
    for word in words:
        try:
            found |= Notify[word]
        except KeyError:
            raise ValueError(f"no NOTIFY: {text}") from None
    return found


class Return(StrEnum):
    """RET of MAIL (RFC 3461 §4.3): what a report of failure brings back."""

    FULL = "FULL"
    HEADERS = "HDRS"


class ByMode(StrEnum):
    """What happens when a message is late (RFC 2852 §4)."""

    RETURN = "R"  # it goes back
    NOTIFY = "N"  # its sender is told, and it is still tried


@dataclass(frozen=True, slots=True)
class DeliverBy:
    """BY of MAIL (RFC 2852)."""

    moment: datetime  # aware
    mode: ByMode
    trace: bool = False  # a report from each host that relays it


@dataclass(frozen=True, slots=True)
class Hold:
    """HOLDFOR or HOLDUNTIL of MAIL (RFC 4865)."""

    until: datetime  # aware
    request: str  # "for;3600" or "until;2026-…", as Future-Release-Request repeats it (§5.1.2)


@dataclass(frozen=True, slots=True)
class Terms:
    """What MAIL asked for."""

    returned: Return | None = None
    envelope_id: str | None = None  # xtext
    require_tls: bool = False  # RFC 8689
    hold: Hold | None = None
    deliver_by: DeliverBy | None = None

    @property
    def returned_at(self) -> datetime | None:
        """When it goes back undelivered (RFC 2852 §4.1.3)."""
        by = self.deliver_by
        return by.moment if by and by.mode is ByMode.RETURN else None

    @property
    def notified_at(self) -> datetime | None:
        """When its sender is told that it is late (RFC 2852 §4.1.3)."""
        by = self.deliver_by
        return by.moment if by and by.mode is ByMode.NOTIFY else None


NO_TERMS = Terms()  # nothing was asked


class Action(StrEnum):
    """action-value of RFC 3464 §2.3.3, the worst first."""

    FAILED = "failed"
    DELAYED = "delayed"
    DELIVERED = "delivered"
    RELAYED = "relayed"
    EXPANDED = "expanded"


@dataclass(frozen=True, slots=True)
class Asked:
    """What RCPT asked for, and what is settled already."""

    notify: Notify | None = None  # None: the sender said nothing
    original_recipient: str | None = None  # ORCPT: type ";" xtext
    done: Action | None = None  # this became of it; only the report is left to be sent

    def wants(self, action: Action) -> bool:
        """May this become a report? (RFC 3461 §5.2: without NOTIFY, failures and delays.)"""
        if self.notify is None:
            return action in (Action.FAILED, Action.DELAYED)
        return _WANTED.get(action, Notify.SUCCESS) in self.notify


_WANTED = {Action.FAILED: Notify.FAILURE, Action.DELAYED: Notify.DELAY}
NOTHING_ASKED = Asked()


def redistributed(asked: Asked, *, mailboxes: int, forwards: int) -> tuple[Action | None, Asked]:
    """What an address that leads to so many places is for its sender, and what goes with forwards.

    RFC 3461 §5.2.7.2: an alias of one address hands everything on and reports nothing;
    §5.2.7.3 (c): one of several reports the expansion and hands on all but SUCCESS.
    """
    if mailboxes + forwards == 1:
        return (Action.DELIVERED if mailboxes else None), asked
    if asked.notify is None:
        return Action.EXPANDED, asked
    return Action.EXPANDED, replace(asked, notify=asked.notify & ~Notify.SUCCESS)


_HEX = re.compile(r"\+([0-9A-F]{2})")
_UNICODE = re.compile(r"\\x\{([0-9A-F]{2,6})\}")
# RFC 6533 §3: QCHAR is printable ASCII but "+", "=" and "\".
_NOT_QCHAR = re.compile(r"[^!-*,-<>-\[\]-~]")


def decoded(xtext: str) -> str:
    """The text behind xtext (RFC 3461 §4): "+" and two hexadecimal digits stand for an octet."""
    return _HEX.sub(lambda found: chr(int(found[1], 16)), xtext)


def original_address(orcpt: str, *, utf8: bool) -> str:
    """ORCPT as Original-Recipient shows it: decoded, and in ASCII unless `utf8` (RFC 6533 §3)."""
    kind, _, address = orcpt.partition(";")
    if kind.lower() != "utf-8":
        return f"{kind};{decoded(address)}"
    return f"{kind};{from_unitext(address) if utf8 else as_unitext(from_unitext(address))}"


def from_unitext(text: str) -> str:
    """A utf-8-address out of any of its forms; as it is where an escape means nothing."""

    def character(found: re.Match[str]) -> str:
        point = int(found[1], 16)
        valid = point <= 0x10FFFF and not 0xD800 <= point <= 0xDFFF
        return chr(point) if valid else found[0]

    return _UNICODE.sub(character, decoded(text))


def as_unitext(address: str) -> str:
    """utf-8-addr-xtext: the form for where only ASCII passes."""
    return _NOT_QCHAR.sub(lambda found: f"\\x{{{ord(found[0]):02X}}}", address)
