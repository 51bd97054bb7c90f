"""The fields a submission server adds where the client left them out (RFC 6409 §8)."""

from __future__ import annotations

import re
from datetime import datetime

from mailserver.mail.dates import format_date
from mailserver.mail.folding import fold_field
from mailserver.mail.headers import fields

_NOT_ATOM = re.compile(r"[^A-Za-z0-9._-]")


def missing_fields(
    header: bytes, *, now: datetime, unique: str, domain: str, sender: str | None = None
) -> bytes:
    """Sender (§8.1), Date (§8.2) and Message-ID (§8.3), if the header lacks them, as prefix; b"" if
    it has them.

    `sender` is given where the header needs one. `unique` must be different at every call (it is
    the left side of the Message-ID) and `domain` ours to make it in. `now` is aware.
    """
    present = {name.lower() for name, _ in fields(header)}
    prefix = b""
    if sender and b"sender" not in present:
        prefix += fold_field("Sender", [sender])
    if b"date" not in present:
        prefix += fold_field("Date", [format_date(now)])
    if b"message-id" not in present:
        prefix += fold_field("Message-ID", [message_id(unique, domain)])
    return prefix


def message_id(unique: str, domain: str) -> str:
    """msg-id (RFC 5322 §3.6.4) with its angle brackets."""
    return f"<{_NOT_ATOM.sub('-', unique).strip('.')}@{domain}>"
