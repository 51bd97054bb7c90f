"""What each search key of RFC 3501 §6.4.4 asks, as a test (imap/searching/tree.py).

Pure. Text is compared folded (RFC 5051), in the decoded forms that a reader sees: encoded words
and transfer encodings are undone.
"""

import operator
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from imap.mailboxes.columns import greater
from imap.mailboxes.flag_masks import SYSTEM
from imap.mailboxes.named import Span
from imap.mailboxes.picked import RECENT, Picked
from imap.messages import static
from imap.messages.header_fields import chosen
from imap.protocol import flags
from imap.protocol.objectid import message_of, thread_of
from imap.protocol.search import (
    AgeKey,
    AllKey,
    AndKey,
    DateField,
    DateKey,
    EmailIdKey,
    FlagKey,
    HeaderKey,
    ModseqKey,
    NotKey,
    Order,
    OrKey,
    SearchKey,
    SequenceKey,
    SizeKey,
    TextKey,
    TextScope,
    ThreadIdKey,
    UidKey,
)
from imap.protocol.sequence import SequenceSet
from imap.searching.tree import Asked, Bounded, Facts, Inverted, Joined, Marked, Stage, Test
from mailserver.mail import text_lookup
from mailserver.mail.digest import CACHED_FIELDS
from mailserver.mail.text import What, field_texts, fold, header_text, stretch_text
from mailserver.storage.keywords import SYSTEM_BITS, keyword_mask

Needle = tuple[TextScope, str, bool]
"""Where a folded text is looked for, the text, whether by its words (FUZZY)."""
Day = tuple[Order, date]
"""Before, on or since a day."""
Marks = tuple[bytes, bytes]
"""0 or 1 for each message: it surely matches, it may match."""


@dataclass(slots=True)
class Ground:
    """What the keys are asked of: all messages of the picture."""

    picked: Picked
    mailbox_id: int
    last_number: int
    last_uid: int  # what `*` means, 0 in an empty mailbox
    keywords: Sequence[str]  # the mailbox's table
    codec: str  # of the strings
    now: datetime
    saved: Sequence[Span] = ()  # what `$` means, as ranges of UIDs
    came: Mapping[Day, Collection[int]] = field(default_factory=dict)  # UIDs (RFC 8514)
    indexed: Mapping[Needle, Marks] = field(default_factory=dict)  # what the text index answers


def needles(key: SearchKey, codec: str) -> Iterator[Needle]:
    """What the keys look for in texts. Raises UnicodeDecodeError."""
    match key:
        case TextKey():
            yield key.scope, fold(key.value.decode(codec)), key.fuzzy
        case NotKey():
            yield from needles(key.key, codec)
        case OrKey():
            yield from needles(key.left, codec)
            yield from needles(key.right, codec)
        case AndKey():
            for one in key.keys:
                yield from needles(one, codec)


def test_of(key: SearchKey, ground: Ground) -> Test:
    """The test of a key. Raises UnicodeDecodeError for a string that is not in the charset."""
    match key:
        case AllKey():
            return Marked(b"\1" * len(ground.picked))
        case FlagKey():
            return _flag(key, ground)
        case SequenceKey(SequenceSet(saved=True)) | UidKey(SequenceSet(saved=True)):
            return _within(ground.picked.uids, ground.saved)
        case SequenceKey():
            # QUIRKS: numbers beyond the last are no error: clients search 1:* in any mailbox.
            return _within(ground.picked.numbers, key.numbers.to_ranges(ground.last_number))
        case UidKey():
            return _within(ground.picked.uids, key.uids.to_ranges(ground.last_uid))
        case ModseqKey():
            return Marked(greater(ground.picked.modseqs, key.modseq - 1))
        case EmailIdKey():
            return _emailid(message_of(key.objectid), ground.picked)
        case ThreadIdKey():
            return _threadid(thread_of(key.objectid), ground.picked)
        case SizeKey():
            return _size(key)
        case DateKey(DateField.SAVED):
            came = ground.came[key.order, key.day]
            return Marked(bytes(map(came.__contains__, ground.picked.uids)))
        case DateKey():
            return _sent(key) if key.field is DateField.SENT else _internal(key)
        case AgeKey():
            return _age(key, ground.now)
        case HeaderKey():
            return _header(key.name.lower(), fold(key.value.decode(ground.codec)), key.fuzzy)
        case TextKey():
            return _indexed((key.scope, fold(key.value.decode(ground.codec)), key.fuzzy), ground)
        case NotKey():
            return Inverted(test_of(key.key, ground))
        case OrKey():
            return Joined([test_of(key.left, ground), test_of(key.right, ground)], either=True)
        case AndKey():
            return Joined([test_of(one, ground) for one in key.keys])


# ── by columns ───────────────────────────────────────────────────────────────────────────────


def _flag(key: FlagKey, ground: Ground) -> Marked:
    picked = ground.picked
    bit = RECENT if key.flag == flags.RECENT else SYSTEM.get(key.flag, 0)
    if bit:
        table = bytes(bool(mark & bit) is key.present for mark in range(256))
        return Marked(picked.marks.translate(table))
    # A keyword the mailbox does not know has no bit, and so no message has it.
    bit = keyword_mask(ground.keywords, [key.flag]) >> SYSTEM_BITS
    words = picked.words
    if words is None or not bit:
        return Marked(bytes((not key.present,)) * len(picked))
    return Marked(bytes(bool(word & bit) is key.present for word in words))


def _within(values: Sequence[int], ranges: Iterable[Span]) -> Marked:
    marks = bytearray(len(values))
    for low, high in ranges:
        start, end = bisect_left(values, low), bisect_right(values, high)
        marks[start:end] = b"\1" * (end - start)
    return Marked(marks)


def _emailid(message: int | None, picked: Picked) -> Marked:
    """COPY may have placed one message several times in a mailbox."""
    marks = bytearray(len(picked))
    if message is not None:
        with suppress(ValueError):
            place = -1
            while True:
                place = picked.message_ids.index(message, place + 1)
                marks[place] = 1
    return Marked(marks)


# ── by the message's row ─────────────────────────────────────────────────────────────────────

_SIZES: dict[Order, Callable[[int, int], bool]] = {
    Order.LESS: operator.lt,
    Order.GREATER: operator.gt,
}
_DAYS: dict[Order, Callable[[date, date], bool]] = {
    Order.LESS: operator.lt,
    Order.EQUAL: operator.eq,
    Order.NOT_LESS: operator.ge,
}


def _size(key: SizeKey) -> Asked:
    compare = _SIZES[key.order]
    return Asked(lambda facts: compare(facts.row.size, key.size), Stage.ROW)


def _threadid(thread: int | None, picked: Picked) -> Test:
    if thread is None:
        return Marked(bytes(len(picked)))
    return Asked(lambda facts: facts.row.thread_id == thread, Stage.ROW)


def _internal(key: DateKey) -> Asked:
    compare = _DAYS[key.order]
    return Asked(lambda facts: compare(static.internal_day(facts.row.static), key.day), Stage.ROW)


def _age(key: AgeKey, now: datetime) -> Asked:
    """RFC 5032 §3: a message just as old as the interval is both younger and older."""
    limit = now - timedelta(seconds=key.seconds)
    if key.order is Order.LESS:
        return Asked(lambda facts: facts.row.internal_date >= limit, Stage.ROW)
    return Asked(lambda facts: facts.row.internal_date <= limit, Stage.ROW)


def _sent(key: DateKey) -> Asked:
    compare = _DAYS[key.order]

    def answer(facts: Facts) -> bool:
        if facts.row.sent_at is None:
            # QUIRKS: mail without a readable Date was sent neither before nor since any day.
            return False
        near = facts.row.sent_at.date()
        if abs((near - key.day).days) > 1:
            return compare(near, key.day)
        # The day in the sender's zone is at most one off, and stands in the field alone.
        day = static.sent_day(facts.row.static)
        return day is not None and compare(day, key.day)

    return Asked(answer, Stage.ROW)


# ── by text ──────────────────────────────────────────────────────────────────────────────────


def _header(name: bytes, needle: str, fuzzy: bool) -> Asked:
    """RFC 3501 §6.4.4: the field's text holds the needle; an empty one is in any such field."""
    cached = name in CACHED_FIELDS
    words = text_lookup.words(needle) if fuzzy else []
    plain = None if words else _plain(needle)

    def answer(facts: Facts) -> bool | None:
        header = facts.header
        if header is None and cached and facts.row.fields is not None:
            header = facts.row.prefix + facts.row.fields
        if header is None:
            return None
        texts = (fold(header_text(raw)) for raw in chosen(header, (name,)))
        if words:
            return _has_words(texts, words)
        return _may_hold(header, plain) and any(needle in text for text in texts)

    return Asked(answer, Stage.ROW if cached else Stage.HEADER)


def _indexed(needle: Needle, ground: Ground) -> Test:
    found = ground.indexed.get(needle)
    asked = _text(*needle)
    return asked if found is None else Bounded(*found, asked)


def _text(scope: TextScope, needle: str, fuzzy: bool) -> Asked:
    """BODY: what is read in the body holds the needle, headers of messages within it included.

    TEXT: that, or the header with its field names, or the header of a part (a file's name).
    mailserver/indexing.py reads the same.
    """
    everywhere = scope is TextScope.TEXT
    words = text_lookup.words(needle) if fuzzy else []
    plain = _plain(needle)

    def answer(facts: Facts) -> bool | None:
        if facts.content is None:
            return None
        header = facts.header or b""
        if words:
            around = field_texts(header) if everywhere else ()
            return _has_words((*around, *_in_body(facts, parts_too=everywhere)), words)
        # An empty needle is also in a message without text.
        return (
            not needle
            or (everywhere and in_header(header))
            or any(needle in text for text in _in_body(facts, parts_too=everywhere))
        )

    def in_header(header: bytes) -> bool:
        return _may_hold(header, plain) and any(needle in text for text in field_texts(header))

    return Asked(answer, Stage.BODY)


def _in_body(facts: Facts, *, parts_too: bool) -> Iterator[str]:
    for place, (stretch, raw) in enumerate(facts.content or ()):
        if stretch.what is What.MIME and not parts_too:
            continue
        if place not in facts.texts:
            facts.texts[place] = fold(stretch_text(raw, stretch))
        yield facts.texts[place]


def _has_words(texts: Iterable[str], words: Sequence[str]) -> bool:
    """RFC 6203 §3: each word begins a word of some text, accents aside, in whatever order."""
    plain = [text_lookup.unmarked(text) for text in texts]
    return all(any(text_lookup.has_word(text, word) for text in plain) for word in words)


def _plain(needle: str) -> bytes | None:
    """The needle as it stands in a header of nothing but ASCII; None if it cannot."""
    return needle.encode("ascii").translate(None, b"\r\n") if needle.isascii() else None


def _may_hold(header: bytes, plain: bytes | None) -> bool:
    """False if the needle is in no field: tells most headers without decoding any."""
    if b"=?" in header or not header.isascii():
        return True
    return plain is not None and plain in header.translate(None, b"\r\n").upper()
