"""Command lines of SMTP (RFC 5321 §4.1): bytes in, values out, or a MailError with the reply.

Invariants: no I/O; linear in the line; nothing but MailError is raised on any bytes. Line ends are
cut off before a line comes here. Where a client breaks the grammar and is taken nevertheless, the
line says `QUIRKS`.
"""

import re
from dataclasses import dataclass
from enum import Enum

from mailserver.errors import MailError
from mailserver.mail.addresses import Address, AddressError, normalise_domain, parse_address
from mailserver.mail.terms import NOTHING_ASKED, Asked
from smtp import parameters
from smtp.parameters import XTEXT, Options

# Octets without CR LF. RFC 5321 §4.5.3.1.4: 512 with CR LF, longer where an extension says so.
MAX_LINE = 510
# SIZE 26 (RFC 1870 §3), BODY 17 (RFC 6152), SMTPUTF8 10 (RFC 6531 §3.4), AUTH 500 (RFC 4954 §3),
# and UTF-8 paths of 256 octets leave it at that; then what asks something of delivery.
MAX_MAIL_LINE = MAX_LINE + 26 + 17 + 10 + 500 + parameters.MAIL_OCTETS
MAX_RCPT_LINE = MAX_LINE + parameters.RCPT_OCTETS
MAX_AUTH_LINE = 12288  # RFC 4954 §4: what an exchange may need

# A control character in a command is never meant: it is a smuggling attempt or another protocol.
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]").search
# QUIRKS: Outlook and many scripts send a space after "FROM:" and "TO:".
_FROM = re.compile(rb"FROM:[ \t]*<", re.IGNORECASE).match
_TO = re.compile(rb"TO:[ \t]*<", re.IGNORECASE).match
# The end of a path: the first ">" outside of a Quoted-string (RFC 5321 §4.1.2).
_PATH_END = re.compile(rb'(?:[^">]|"(?:[^"\\]|\\.)*+")*+>').match
# A-d-l ":" of RFC 5321 §4.1.2, accepted and ignored as §4.1.1.3 and Appendix C want it.
_SOURCE_ROUTE = re.compile(rb"@[^:,@<>\"\s]+(?:,@[^:,@<>\"\s]+)*:").match
# esmtp-param = esmtp-keyword ["=" esmtp-value]; RFC 6531 §3.3 adds UTF-8 to the value.
_PARAMETER = re.compile(rb"([A-Za-z0-9][A-Za-z0-9-]*)(?:=([!-<>-~\x80-\xff]+))?").fullmatch
_SIZE = re.compile(rb"[0-9]{1,20}").fullmatch  # RFC 1870 §3: size-value = 1*20DIGIT
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?\.?|\[[!-Z^-~]+\]").fullmatch


class Body(Enum):
    """BODY= of MAIL (RFC 6152, RFC 3030 §3)."""

    SEVEN_BIT = b"7BIT"
    EIGHT_BIT = b"8BITMIME"
    BINARY = b"BINARYMIME"


@dataclass(slots=True)
class Mail:
    """MAIL FROM."""

    reverse_path: Address | None  # None: the null reverse path <>
    size: int = 0  # octets; 0: not declared
    body: Body = Body.SEVEN_BIT
    smtputf8: bool = False
    auth: bytes | None = None  # AUTH= of RFC 4954 §5, not decoded; b"<>" is "not known"
    options: Options | None = None  # what is asked of delivery; None: nothing


@dataclass(slots=True)
class Rcpt:
    """RCPT TO. `forward_path` None is the bare `<Postmaster>` of RFC 5321 §4.5.1."""

    forward_path: Address | None
    asked: Asked = NOTHING_ASKED


def command(line: bytes) -> tuple[bytes, bytes]:
    """A line's verb in capitals and its argument, without outer white space.

    RFC 5321 §4.1.1: verbs are in any case, trailing white space is tolerated.
    """
    if _CONTROL(line):
        raise MailError(500, "5.5.2", "Syntax error: control character in command")
    verb, _, argument = line.partition(b" ")
    if len(line) > MAX_LINE and len(line) > _limit(verb.upper()):
        raise MailError(500, "5.5.2", "Line too long")
    return verb.rstrip(b"\t").upper(), argument.strip(b" \t")


def _limit(verb: bytes) -> int:
    if verb == b"MAIL":
        return MAX_MAIL_LINE
    if verb == b"RCPT":
        return MAX_RCPT_LINE
    return MAX_AUTH_LINE if verb == b"AUTH" else MAX_LINE


def mail(argument: bytes, *, extended: bool) -> Mail:
    """`mail = "MAIL FROM:" Reverse-path [SP Mail-parameters]`; `extended`: EHLO was said."""
    found = _FROM(argument)
    if found is None:
        raise MailError(501, "5.5.4", "Syntax: MAIL FROM:<address> [parameters]")
    path, words = _path(argument, found.end(), "5.1.7", "sender")
    result = Mail(None)
    for keyword, value in _parameters(words, extended=extended):
        _mail_parameter(result, keyword, value)
    if path:
        result.reverse_path = _mailbox(path, result.smtputf8, "5.1.7", "sender")
    return result


def rcpt(argument: bytes, *, extended: bool, smtputf8: bool) -> Rcpt:
    """`rcpt = "RCPT TO:" ( "<Postmaster>" / Forward-path ) [SP Rcpt-parameters]`."""
    found = _TO(argument)
    if found is None:
        raise MailError(501, "5.5.4", "Syntax: RCPT TO:<address> [parameters]")
    path, words = _path(argument, found.end(), "5.1.3", "recipient")
    asked = _asked(_parameters(words, extended=extended))
    if path.lower() == b"postmaster":
        return Rcpt(None, asked)
    return Rcpt(_mailbox(path, smtputf8, "5.1.3", "recipient"), asked)


def host_name(argument: bytes) -> str | None:
    """The name or address literal of EHLO and HELO (RFC 5321 §4.1.1.1); None if it is neither.

    QUIRKS: clients on desktops send names with "_" or without a dot, and literals of their own;
    §4.1.4 forbids to refuse mail for a name that does not verify, so only the form is looked at.
    """
    try:
        name = argument.decode()
        name = name if name.isascii() else normalise_domain(name)
    except (UnicodeDecodeError, AddressError):
        return None
    return name if len(name) <= 255 and _HOST(name) else None


def _path(argument: bytes, start: int, enhanced: str, who: str) -> tuple[bytes, bytes]:
    """What stands between "<" (before `start`) and its ">", and the parameters after it."""
    end = _PATH_END(argument, start)
    if end is None:
        raise MailError(501, enhanced, f"Bad {who} address syntax: no >")
    path = argument[start : end.end() - 1]
    rest = argument[end.end() :]
    if rest and not rest.startswith(b" "):
        raise MailError(501, "5.5.4", f"Syntax error after {who} address")
    if path.startswith(b"@") and (route := _SOURCE_ROUTE(path)):
        path = path[route.end() :]
    return path, rest


def _mailbox(path: bytes, smtputf8: bool, enhanced: str, who: str) -> Address:
    if not smtputf8 and not path.isascii():
        # RFC 6531 §3.5: the reply for an address that needs SMTPUTF8 and came without.
        raise MailError(553, "5.6.7", f"Non-ASCII {who} address needs SMTPUTF8")
    try:
        return parse_address(path, smtputf8=smtputf8)
    except AddressError as error:
        raise MailError(501, enhanced, f"Bad {who} address syntax: {error}") from None


def _parameters(text: bytes, *, extended: bool) -> list[tuple[bytes, bytes | None]]:
    words = text.split()
    if not words:
        return []
    if not extended:
        # RFC 5321 §4.1.1.1: extensions are for those who said EHLO.
        raise MailError(555, "5.5.4", "Parameters are not recognized after HELO")
    result: list[tuple[bytes, bytes | None]] = []
    seen = set()
    for word in words:
        found = _PARAMETER(word)
        if found is None:
            raise MailError(501, "5.5.4", "Syntax error in parameters")
        keyword = found[1].upper()
        if keyword in seen:
            raise MailError(501, "5.5.4", f"Parameter {keyword.decode()} given twice")
        seen.add(keyword)
        result.append((keyword, found[2]))
    return result


def _mail_parameter(target: Mail, keyword: bytes, value: bytes | None) -> None:
    if keyword == b"SIZE":
        if value is None or not _SIZE(value):
            raise MailError(501, "5.5.4", "Syntax: SIZE=octets")
        target.size = int(value)
    elif keyword == b"BODY":
        target.body = _body(value)
    elif keyword == b"SMTPUTF8":
        if value is not None:  # RFC 6531 §3.4: without value
            raise MailError(501, "5.5.4", "SMTPUTF8 takes no value")
        target.smtputf8 = True
    elif keyword == b"AUTH":
        # RFC 4954 §5: xtext mailbox or "<>"; nobody here is trusted to name another, so not used.
        if value is None or not (value == b"<>" or XTEXT(value)):
            raise MailError(501, "5.5.4", "Syntax: AUTH=mailbox")
        target.auth = value
    elif options := parameters.option(target.options, keyword, value):
        target.options = options
    else:
        raise _unknown(keyword)


def _asked(words: list[tuple[bytes, bytes | None]]) -> Asked:
    """What the parameters of RCPT ask for (RFC 3461 §4)."""
    notify = original_recipient = None
    for keyword, value in words:
        if keyword == b"NOTIFY":
            notify = parameters.notify(value)
        elif keyword == b"ORCPT":
            original_recipient = parameters.original_recipient(value)
        else:
            raise _unknown(keyword)
    return Asked(notify, original_recipient) if words else NOTHING_ASKED


def _body(value: bytes | None) -> Body:
    try:
        return Body((value or b"").upper())
    except ValueError:
        raise MailError(501, "5.5.4", "BODY is 7BIT, 8BITMIME or BINARYMIME") from None


def _unknown(keyword: bytes) -> MailError:
    # RFC 5321 §4.1.1.11: a parameter that is not recognized or implemented.
    return MailError(555, "5.5.4", f"Parameter {keyword.decode()} is not recognized")
