"""The prefix: trace fields written before a message as received (RFC 5321 §4.4).

Invariants: fields are folded and end by CR LF; nothing a client said can inject a field.
"""

from __future__ import annotations

import re
from datetime import datetime

from mailserver.mail.addresses import Address
from mailserver.mail.dates import format_date
from mailserver.mail.folding import fold_field
from mailserver.mail.networks import parsed

MAX_NAME = 255  # characters of a host name or HELO argument that are shown

_NOT_NAME = re.compile(r"[^A-Za-z0-9.:_\[\]-]")
_NOT_TOKEN = re.compile(r"[^A-Za-z0-9._+-]")


def protocol_keyword(
    *,
    extended: bool,
    tls: bool = False,
    authenticated: bool = False,
    smtputf8: bool = False,
    lmtp: bool = False,
) -> str:
    """The "with" keyword of a session (RFC 3848; RFC 6531 §4.3 for `smtputf8` transactions)."""
    if lmtp:
        base = "UTF8LMTP" if smtputf8 else "LMTP"
    elif smtputf8:
        base = "UTF8SMTP"
    elif extended:
        base = "ESMTP"
    else:
        return "SMTP"
    return base + ("S" if tls else "") + ("A" if authenticated else "")


def received_field(
    *,
    helo: str,
    client_name: str | None,
    client_address: str | None,
    by: str,
    protocol: str,
    transaction_id: str,
    when: datetime,
    tls: str | None = None,
    recipient: Address | None = None,
) -> bytes:
    """Time-stamp-line (RFC 5321 §4.4).

    `client_name` is the verified reverse name or None; `client_address` the IP, None to keep it
    private (submission); `tls` the cipher suite (RFC 8314 §4.3); `recipient` only if there is one
    alone, since others must not learn of each other (RFC 5321 §7.2).
    """
    if client_address is None and helo.startswith("["):
        # RFC 5321 §4.4: a literal needs TCP-info beside it, and it is the address itself again.
        helo = ""
    words = [f"from {_name(helo) or 'unknown'}"]
    if client_address is not None:
        words.append(f"({_name(client_name or 'unknown')} [{_literal(client_address)}])")
    words += [f"by {_name(by)}", f"with {_token(protocol)}", f"id {_token(transaction_id)}"]
    if recipient is not None:
        words.append(f"for <{recipient}>")
    # Opt-info ends with Additional-Registered-Clauses, so "tls" comes last
    if tls:
        words.append(f"tls {_token(tls)}")
    words[-1] += ";"
    words.append(format_date(when))
    return fold_field("Received", words)


def return_path_field(reverse_path: Address | None) -> bytes:
    """Return-path-line (RFC 5321 §4.4); None is the null reverse path."""
    return fold_field("Return-Path", [f"<{'' if reverse_path is None else reverse_path}>"])


def delivered_to_field(recipient: Address) -> bytes:
    """Delivered-To (RFC 9228): the address delivered to, which also shows forwarding loops."""
    return fold_field("Delivered-To", [str(recipient)])


def _name(text: str) -> str:
    return _NOT_NAME.sub("?", text[:MAX_NAME])


def _token(text: str) -> str:
    return _NOT_TOKEN.sub("?", text[:MAX_NAME])


def _literal(address: str) -> str:
    """The inside of an address-literal (RFC 5321 §4.1.3)."""
    found = parsed(address)
    if found is None:
        return "unknown"
    return f"IPv6:{found}" if found.version == 6 else str(found)
