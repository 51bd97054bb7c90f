"""The columns of a mailbox as bytes (mailserver/storage/snapshots.py): 21 or 29 a message.

Pure. Arrays stand one behind the other as the machine has them, after a head that says how.
"""

import sys
from array import array

from imap.mailboxes.columns import Columns

_HEAD = b"1 " + sys.byteorder.encode()  # version and byte order
_KEYWORDS = b" keywords"


def encode(columns: Columns) -> bytes:
    """The bytes for `decode`."""
    arrays = [columns.uids, columns.modseqs, columns.message_ids]
    head = _HEAD
    if columns.keywords is not None:
        head += _KEYWORDS
        arrays.append(columns.keywords)
    return b"".join((head, b"\n", bytes(columns.system), *(one.tobytes() for one in arrays)))


def decode(data: bytes) -> Columns | None:
    """The columns; None if a machine or a release wrote them that has them otherwise."""
    head, _, body = data.partition(b"\n")
    if head not in (_HEAD, _HEAD + _KEYWORDS):
        return None
    columns = Columns()
    arrays = [columns.uids, columns.modseqs, columns.message_ids]
    if head.endswith(_KEYWORDS):
        columns.keywords = array("Q")
        arrays.append(columns.keywords)
    count, rest = divmod(len(body), 1 + sum(one.itemsize for one in arrays))
    if rest:
        return None
    columns.system[:] = body[:count]
    start = count
    for one in arrays:
        end = start + count * one.itemsize
        one.frombytes(body[start:end])
        start = end
    return columns
