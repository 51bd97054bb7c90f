"""The doors' decisions, as functions of values: which command is in order, who may be written to,
what becomes of a message.

Invariant: pure. None says "go on", a Reply says no.
"""

from dataclasses import dataclass

from mailserver.accounts import Resolution
from mailserver.settings import Smtp
from smtp import replies
from smtp.replies import Reply

MAX_FAILED_LOGINS = 5  # in one session


@dataclass(slots=True)
class Stage:
    """How far a session has come."""

    hello: bool  # EHLO or HELO was said
    extended: bool  # and it was EHLO
    tls: bool
    logged_in: bool
    in_mail: bool  # MAIL was accepted


@dataclass(slots=True)
class Rules:
    """What a door asks for."""

    login: bool  # submission: TLS, then AUTH, before mail


def before_mail(stage: Stage, rules: Rules) -> Reply | None:
    """May MAIL come now?"""
    if not stage.hello:
        return replies.NEED_HELLO
    if rules.login and not stage.tls:
        return replies.TLS_FIRST
    if rules.login and not stage.logged_in:
        return replies.LOGIN_FIRST  # RFC 6409 §4.3
    # RFC 5321 §4.1.4: a transaction ends before another begins.
    return replies.NESTED_MAIL if stage.in_mail else None


def before_data(*, named: int, accepted: int) -> Reply | None:
    """May DATA or BDAT come now, after that many RCPT?"""
    if accepted:
        return None
    # RFC 5321 §3.3, and RFC 2920 §3.1 for a client that pipelines DATA behind refused recipients.
    return replies.NO_VALID_RECIPIENTS if named else replies.NEED_RECIPIENT


def before_auth(stage: Stage, rules: Rules) -> Reply | None:
    """May AUTH come now (RFC 4954 §4)?"""
    if not rules.login:
        return replies.AUTH_ELSEWHERE
    if not stage.extended:
        return replies.NEED_EHLO
    if not stage.tls:
        return replies.TLS_FOR_AUTH
    if stage.logged_in:
        return replies.LOGGED_IN_ALREADY
    return replies.AUTH_IN_MAIL if stage.in_mail else None


def declared_size(size: int, limit: int) -> Reply | None:
    """RFC 1870 §6.1: SIZE= beyond the limit is refused before the message is sent."""
    return replies.TOO_LARGE if size > limit else None


def announced_limits(limits: Smtp) -> str:
    """The LIMITS line of EHLO (RFC 9422): what is not named there has no limit."""
    found = [f"RCPTMAX={limits.max_recipients}"]
    if limits.max_transactions:
        found.insert(0, f"MAILMAX={limits.max_transactions}")
    return " ".join(["LIMITS", *found])


def number_of_transactions(begun: int, limit: int) -> Reply | None:
    """RFC 9422 §4.1: MAILMAX of a session; a `limit` of 0 is none."""
    return replies.TOO_MANY_TRANSACTIONS if limit and begun >= limit else None


def number_of_recipients(accepted: int, limit: int) -> Reply | None:
    """RFC 5321 §4.5.3.1.10: too many recipients is 452, and those before it stand."""
    return replies.TOO_MANY_RECIPIENTS if accepted >= limit else None


def recipient(resolution: Resolution, domain: str, *, relaying: bool) -> Reply | None:
    """May mail go where this leads? `relaying`: the client may send to anywhere."""
    if resolution.suspended:
        return replies.ACCOUNT_SUSPENDED
    if not resolution.local:
        if not relaying:
            return replies.RELAY_DENIED
        # RFC 6409 §4.2: all domains are fully qualified; an address literal is no domain.
        return None if "." in domain or domain.startswith("[") else replies.NOT_QUALIFIED
    return None if resolution.known else replies.UNKNOWN_MAILBOX


def needs_asking(resolution: Resolution) -> bool:
    """True when RCPT depends on what changes with every message: room, and who posts."""
    if resolution.groups:
        return True
    return any(account.limited for account in resolution.accounts)


def room(has_room: list[bool]) -> Reply | None:
    """A recipient is full when one of the accounts it leads to is."""
    return None if all(has_room) else replies.MAILBOX_FULL


def sender(*, owned: bool) -> Reply:
    """MAIL on submission: RFC 6409 §6.1 lets only addresses be used that belong to the user."""
    return replies.SENDER_OK if owned else replies.NOT_YOUR_ADDRESS


def authors(owned: list[bool] | None) -> Reply | None:
    """From or Sender on submission: all their addresses are the user's (RFC 6409 §6.1).

    None: they cannot be read.
    """
    if owned is None:
        return replies.BAD_FROM
    return None if all(owned) else replies.NOT_YOUR_FROM


def framing(size: int, limit: int, *, bare: bool) -> Reply | None:
    """A message that has come to its end: may it be looked at? `size` and `limit` in octets."""
    if bare:
        return replies.BARE_IN_DATA
    return replies.TOO_LARGE if size > limit else None


@dataclass(slots=True)
class Evidence:
    """What is known of a message when all of it has come. Its sender's authentication (SPF, DKIM,
    DMARC) and what filters say belong here too, once they are found out."""

    hops: int  # Received fields
    max_hops: int
    passed_here: bool  # a Delivered-To field names one of its recipients


@dataclass(slots=True)
class Verdict:
    """What becomes of it: `refusal` None is accepted; `fields` go into the prefix (CR LF-ended)."""

    refusal: Reply | None = None
    fields: bytes = b""


def verdict(evidence: Evidence) -> Verdict:
    """Decide on a whole message, before it is stored."""
    # RFC 5321 §6.3: counting Received fields finds loops, with a large threshold.
    if evidence.hops > evidence.max_hops or evidence.passed_here:
        return Verdict(replies.LOOP)
    return Verdict()


def failed_login(failures: int, *, limited: bool) -> Reply:
    """The answer to the `failures`th refused login of a session.

    `limited`: it was not looked at.
    """
    if failures >= MAX_FAILED_LOGINS:
        return replies.TOO_MANY_LOGINS
    # RFC 4954 §6: 454 may succeed later; 535 would make programs ask for another password.
    return replies.LOGINS_LIMITED if limited else replies.BAD_CREDENTIALS
