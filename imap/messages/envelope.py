"""Fields of an ENVELOPE as it stands ready for the wire, for SORT and THREAD.

Pure. What is read is what ingest wrote (mailserver/mail/envelope.py): strings are quoted, literals
or NIL, and address lists are parentheses of rows.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from imap.messages.static import ENVELOPE

_TOKEN = re.compile(rb' *(?:"((?:[^"\\]|\\.)*+)"|\{(\d+)\}\r\n|NIL|(\()|(\)))', re.DOTALL).match
_PAIR = re.compile(rb"\\(.)", re.DOTALL)

_STRING, _LITERAL, _OPEN, _CLOSE = 1, 2, 3, 4

Row = Sequence[bytes | None]
"""An address: name, adl, mailbox, host"""


@dataclass(slots=True)
class Envelope:
    """What is compared of a message; of an address list the first row, None where it is empty."""

    subject: bytes
    sender: Row | None
    to: Row | None
    cc: Row | None
    in_reply_to: bytes
    message_id: bytes


def read_envelope(static: bytes) -> Envelope:
    """The envelope in the ready-made bytes of a message."""
    _, subject, sender, _, _, to, cc, _, in_reply_to, message_id = _fields(static)
    return Envelope(
        *(_text(subject), _first(sender), _first(to), _first(cc)),
        *(_text(in_reply_to), _text(message_id)),
    )


def _text(field: object) -> bytes:
    return field if isinstance(field, bytes) else b""


def _first(field: object) -> Row | None:
    return cast(Row, field[0]) if isinstance(field, list) else None


def _fields(static: bytes) -> list[object]:
    """The ten fields: bytes, None for NIL, or lists of lists of these."""
    position = static.index(ENVELOPE) + len(ENVELOPE)
    lists: list[list[object]] = [[]]
    while True:
        found = _TOKEN(static, position)
        assert found is not None
        position, kind = found.end(), found.lastindex
        if kind == _STRING:
            value = found[1]
            lists[-1].append(_PAIR.sub(rb"\1", value) if b"\\" in value else value)
        elif kind == _OPEN:
            lists.append([])
        elif kind == _CLOSE:
            whole = lists.pop()
            if len(lists) == 1:
                return whole
            lists[-1].append(whole)
        elif kind == _LITERAL:
            start, position = position, position + int(found[2])
            lists[-1].append(static[start:position])
        else:
            lists[-1].append(None)
