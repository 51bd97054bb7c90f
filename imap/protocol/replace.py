"""REPLACE and UID REPLACE (RFC 8508): an APPEND and the expunge of one message, as one."""

from dataclasses import dataclass

from imap.protocol.append import AppendMessage, parse_message
from imap.protocol.sequence import SequenceSet
from imap.protocol.tokens import Cursor


@dataclass(slots=True)
class Replace:
    """REPLACE, or UID REPLACE if `by_uid`; `number` names one message."""

    number: SequenceSet
    mailbox: str
    message: AppendMessage
    by_uid: bool = False


# RFC 8508 §5: replace = "REPLACE" SP seq-number SP mailbox append-message
def parse_replace(cursor: Cursor, by_uid: bool) -> Replace:
    cursor.space()
    start = cursor.position
    number = cursor.sequence_set()
    # seq-number = nz-number / "*": neither a range nor a list, nor "$"
    if len(number.ranges) != 1 or number.ranges[0][0] != number.ranges[0][1]:
        raise cursor.fail("expected one message", start)
    cursor.space()
    mailbox = cursor.mailbox()
    return Replace(number, mailbox, parse_message(cursor), by_uid)
