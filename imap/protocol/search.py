"""SEARCH (RFC 3501 §6.4.4, 4731, 5032): the command as a tree of keys, and its response.

Strings stay bytes: `codec` says how the command's charset decodes them.
"""

import enum
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date

from imap.protocol import flags
from imap.protocol.esearch import Return, parse_return
from imap.protocol.objectid import parse_objectid
from imap.protocol.sequence import STAR, SequenceSet
from imap.protocol.tokens import Cursor

MAX_DEPTH = 100


class DateField(enum.Enum):
    """Which date of a message is compared, without its time and zone (RFC 3501 §6.4.4)."""

    INTERNAL = enum.auto()
    SENT = enum.auto()
    SAVED = enum.auto()
    """when it came into the mailbox (RFC 8514)"""


class Order(enum.Enum):
    """How a date or size is compared."""

    LESS = enum.auto()
    """BEFORE, SMALLER, YOUNGER: less than"""
    EQUAL = enum.auto()
    """ON"""
    NOT_LESS = enum.auto()
    """SINCE: on the day or later"""
    GREATER = enum.auto()
    """LARGER, OLDER: greater than"""


class TextScope(enum.Enum):
    """Where a text is looked for."""

    BODY = enum.auto()
    TEXT = enum.auto()
    """header and body"""


@dataclass(slots=True)
class AllKey:
    """ALL"""


@dataclass(slots=True)
class FlagKey:
    """A flag that is set, or is not: SEEN, UNSEEN, KEYWORD …, RECENT, OLD and so on."""

    flag: str
    present: bool = True


@dataclass(slots=True)
class HeaderKey:
    """HEADER, FROM, SUBJECT …: the field (upper case) holds the value; empty: it exists."""

    name: bytes
    value: bytes
    fuzzy: bool = False


@dataclass(slots=True)
class TextKey:
    """BODY, TEXT"""

    scope: TextScope
    value: bytes
    fuzzy: bool = False


@dataclass(slots=True)
class DateKey:
    """BEFORE, ON, SINCE, SENTBEFORE, SENTON, SENTSINCE, SAVEDBEFORE, SAVEDON, SAVEDSINCE"""

    field: DateField
    order: Order
    day: date


@dataclass(slots=True)
class AgeKey:
    """YOUNGER, OLDER than `seconds` (RFC 5032), or just as old"""

    order: Order
    seconds: int


@dataclass(slots=True)
class SizeKey:
    """LARGER, SMALLER than `size` bytes of RFC822.SIZE"""

    order: Order
    size: int


@dataclass(slots=True)
class SequenceKey:
    """Message sequence numbers"""

    numbers: SequenceSet


@dataclass(slots=True)
class UidKey:
    """UID"""

    uids: SequenceSet


@dataclass(slots=True)
class ModseqKey:
    """MODSEQ: changed by `modseq` or later (RFC 7162 §3.1.5)."""

    modseq: int


@dataclass(slots=True)
class EmailIdKey:
    """EMAILID (RFC 8474 §5.3)"""

    objectid: bytes


@dataclass(slots=True)
class ThreadIdKey:
    """THREADID (RFC 8474 §5.3)"""

    objectid: bytes


@dataclass(slots=True)
class NotKey:
    """NOT"""

    key: "SearchKey"


@dataclass(slots=True)
class OrKey:
    """OR"""

    left: "SearchKey"
    right: "SearchKey"


@dataclass(slots=True)
class AndKey:
    """Keys that all must match: a parenthesis with more than one, or the command's list."""

    keys: tuple["SearchKey", ...]


SearchKey = (
    AllKey
    | FlagKey
    | HeaderKey
    | TextKey
    | DateKey
    | AgeKey
    | SizeKey
    | SequenceKey
    | UidKey
    | ModseqKey
    | EmailIdKey
    | ThreadIdKey
    | NotKey
    | OrKey
    | AndKey
)


@dataclass(slots=True)
class Search:
    """SEARCH, or UID SEARCH if `by_uid`: whose result is UIDs.

    `charset` is as the client named it, None without one. If `codec` does not know it, answer
    NO [BADCHARSET (…)]. `returned`: what RETURN asks for, None without one.
    """

    key: SearchKey
    charset: bytes | None = None
    by_uid: bool = False
    returned: Return | None = None

    @property
    def saves(self) -> bool:
        """True if the result is kept for `$` (RFC 5182)."""
        return self.returned is not None and self.returned.saves

    @property
    def updates(self) -> bool:
        """True if changes of the result are to be told (RFC 5267)."""
        return self.returned is not None and self.returned.updates


# Looked up here, never in Python's registry of codecs: that one holds codecs that are no charsets
# and remembers every unknown name it is asked for.
_CODECS = {
    name.upper().encode(): name
    for name in (
        "utf-8",
        *(f"iso-8859-{part}" for part in range(1, 17) if part != 12),
        *(f"windows-125{page}" for page in range(9)),
        *("koi8-r", "koi8-u", "big5", "gb2312", "gbk", "gb18030", "euc-kr"),
        *("euc-jp", "iso-2022-jp", "shift_jis"),
    )
}

CHARSETS = ("US-ASCII", *(name.decode("ascii") for name in _CODECS))
"""The charsets that can be searched in, for BADCHARSET."""


def codec(charset: bytes | None) -> str | None:
    """The Python codec that decodes the strings of a search, None for an unknown charset.

    QUIRKS: without a charset strings are US-ASCII (RFC 3501 §6.4.4); clients send UTF-8.
    """
    if charset is None or charset.upper() in (b"US-ASCII", b"ASCII"):
        return "utf-8"
    return _CODECS.get(charset.upper())


_FLAGS = {
    b"ANSWERED": flags.ANSWERED,
    b"DELETED": flags.DELETED,
    b"DRAFT": flags.DRAFT,
    b"FLAGGED": flags.FLAGGED,
    b"SEEN": flags.SEEN,
}
_BARE: dict[bytes, Callable[[], SearchKey]] = {
    b"ALL": AllKey,
    b"SAVEDATESUPPORTED": AllKey,  # RFC 8514 §4.3: by every mailbox
    b"RECENT": lambda: FlagKey(flags.RECENT),
    b"OLD": lambda: FlagKey(flags.RECENT, present=False),
    # RFC 3501 §6.4.4: NEW is functionally equivalent to "(RECENT UNSEEN)".
    b"NEW": lambda: AndKey((FlagKey(flags.RECENT), FlagKey(flags.SEEN, present=False))),
}
_HEADERS = (b"BCC", b"CC", b"FROM", b"SUBJECT", b"TO")
_DATES = {
    b"BEFORE": (DateField.INTERNAL, Order.LESS),
    b"ON": (DateField.INTERNAL, Order.EQUAL),
    b"SINCE": (DateField.INTERNAL, Order.NOT_LESS),
    b"SENTBEFORE": (DateField.SENT, Order.LESS),
    b"SENTON": (DateField.SENT, Order.EQUAL),
    b"SENTSINCE": (DateField.SENT, Order.NOT_LESS),
    # RFC 8514 §5
    b"SAVEDBEFORE": (DateField.SAVED, Order.LESS),
    b"SAVEDON": (DateField.SAVED, Order.EQUAL),
    b"SAVEDSINCE": (DateField.SAVED, Order.NOT_LESS),
}
_SIZES = {b"LARGER": Order.GREATER, b"SMALLER": Order.LESS}
_AGES = {b"YOUNGER": Order.LESS, b"OLDER": Order.GREATER}
_SCOPES = {b"BODY": TextScope.BODY, b"TEXT": TextScope.TEXT}


# search = "SEARCH" [search-return-opts] SP [SP "CHARSET" SP astring] 1*(SP search-key)
def parse_search(cursor: Cursor, by_uid: bool) -> Search:
    cursor.space()
    returned = parse_return(cursor)
    charset = _parse_charset(cursor)
    return Search(_parse_keys(cursor), charset, by_uid, returned)


# RFC 5256 §5: search-criteria = charset 1*(SP search-key);  charset = atom / quoted
def parse_criteria(cursor: Cursor, by_uid: bool, returned: Return | None = None) -> Search:
    """What SORT and THREAD find: the charset is always named, without a word before it."""
    charset = cursor.astring()
    cursor.space()
    return Search(_parse_keys(cursor), charset, by_uid, returned)


def _parse_keys(cursor: Cursor) -> SearchKey:
    keys = [_parse_key(cursor, 0)]
    while cursor.more():
        keys.append(_parse_key(cursor, 0))
    return _all_of(keys)


def _parse_charset(cursor: Cursor) -> bytes | None:
    if cursor.text[cursor.position : cursor.position + 8].upper() != b"CHARSET ":
        return None
    cursor.word()
    cursor.space()
    charset = cursor.astring()
    cursor.space()
    return charset


def _all_of(keys: list[SearchKey]) -> SearchKey:
    return keys[0] if len(keys) == 1 else AndKey(tuple(keys))


# search-key = "ALL" / … / "NOT" SP search-key / "OR" SP search-key SP search-key /
#              sequence-set / "(" search-key *(SP search-key) ")" /
#              "FUZZY" SP search-key                                            ; RFC 6203
def _parse_key(cursor: Cursor, depth: int) -> SearchKey:
    if depth > MAX_DEPTH:
        raise cursor.fail("search is nested too deep")
    if cursor.at(b"("):
        return _all_of(list(cursor.items(lambda: _parse_key(cursor, depth + 1))))
    if cursor.at(b"*") or cursor.at(b"$"):
        return SequenceKey(cursor.sequence_set())
    start = cursor.position
    word = cursor.word()
    if word[:1].isdigit():
        cursor.position = start
        return SequenceKey(cursor.sequence_set())
    if word == b"NOT":
        cursor.space()
        return NotKey(_parse_key(cursor, depth + 1))
    if word == b"FUZZY":
        cursor.space()
        return _fuzzy(_parse_key(cursor, depth + 1))
    if word == b"OR":
        cursor.space()
        left = _parse_key(cursor, depth + 1)
        cursor.space()
        return OrKey(left, _parse_key(cursor, depth + 1))
    bare = _BARE.get(word)
    if bare is not None:
        return bare()
    flag = _FLAGS.get(word.removeprefix(b"UN"))
    if flag is not None:
        return FlagKey(flag, present=word[:2] != b"UN")
    return _parse_argument(cursor, word, start)


def _fuzzy(key: SearchKey) -> SearchKey:
    """RFC 6203 §3: the keys of texts match as the server likes; of others nothing changes."""
    match key:
        case TextKey() | HeaderKey():
            return replace(key, fuzzy=True)
        case NotKey():
            return NotKey(_fuzzy(key.key))
        case OrKey():
            return OrKey(_fuzzy(key.left), _fuzzy(key.right))
        case AndKey():
            return AndKey(tuple(map(_fuzzy, key.keys)))
    return key


def _parse_argument(cursor: Cursor, word: bytes, start: int) -> SearchKey:
    """The keys that are a word and a value."""
    parse = _ARGUMENTS.get(word)
    if parse is None:
        raise cursor.fail("unknown search key", start)
    cursor.space()
    return parse(cursor, word)


# "HEADER" SP header-fld-name SP astring
def _parse_header(cursor: Cursor, word: bytes) -> SearchKey:
    name = cursor.astring().upper()
    cursor.space()
    return HeaderKey(name, cursor.astring())


# "BCC" SP astring / "CC" SP astring / "FROM" SP astring / "SUBJECT" SP astring / "TO" SP astring
def _parse_named_header(cursor: Cursor, word: bytes) -> SearchKey:
    return HeaderKey(word, cursor.astring())


# "BODY" SP astring / "TEXT" SP astring
def _parse_text(cursor: Cursor, word: bytes) -> SearchKey:
    return TextKey(_SCOPES[word], cursor.astring())


# "BEFORE" SP date / "ON" SP date / "SINCE" SP date / "SENTBEFORE" SP date / …
def _parse_date(cursor: Cursor, word: bytes) -> SearchKey:
    field, order = _DATES[word]
    return DateKey(field, order, cursor.date())


# "LARGER" SP number / "SMALLER" SP number;  number64 in RFC 9051 §9
def _parse_size(cursor: Cursor, word: bytes) -> SearchKey:
    return SizeKey(_SIZES[word], cursor.number64())


# RFC 5032 §4: "OLDER" SP nz-number / "YOUNGER" SP nz-number
def _parse_age(cursor: Cursor, word: bytes) -> SearchKey:
    start = cursor.position
    seconds = cursor.number64()
    if not 0 < seconds < 1 << 32:
        raise cursor.fail("expected a number of 32 bits above 0", start)
    return AgeKey(_AGES[word], seconds)


# "KEYWORD" SP flag-keyword / "UNKEYWORD" SP flag-keyword
def _parse_keyword(cursor: Cursor, word: bytes) -> SearchKey:
    # QUIRKS: a system flag is taken where a keyword is due (KEYWORD \Seen).
    return FlagKey(cursor.flag(), present=word == b"KEYWORD")


# "UID" SP sequence-set
def _parse_uid(cursor: Cursor, word: bytes) -> SearchKey:
    return UidKey(cursor.sequence_set())


# RFC 9738 §4: "UIDAFTER" SP uniqueid / "UIDBEFORE" SP uniqueid
def _parse_uid_side(cursor: Cursor, word: bytes) -> SearchKey:
    start = cursor.position
    uid = cursor.number64()
    if not 0 < uid < STAR:
        raise cursor.fail("expected a number of 32 bits above 0", start)
    low, high = (uid + 1, STAR - 1) if word == b"UIDAFTER" else (1, uid - 1)
    return UidKey(SequenceSet(((low, high),) if low <= high else ()))


# "MODSEQ" [SP entry-name SP entry-type-req] SP mod-sequence-valzer (RFC 7162 §7)
def _parse_modseq(cursor: Cursor, word: bytes) -> SearchKey:
    if cursor.at(b'"'):
        start = cursor.position
        # RFC 7162 §3.1.5: a message has one modseq here, so that the entry is ignored.
        if not cursor.string().lower().startswith(b"/flags/"):
            raise cursor.fail("unknown entry name", start)
        cursor.space()
        start = cursor.position
        if cursor.word() not in (b"PRIV", b"SHARED", b"ALL"):
            raise cursor.fail("unknown entry type", start)
        cursor.space()
    return ModseqKey(cursor.number64())


_ARGUMENTS: dict[bytes, Callable[[Cursor, bytes], SearchKey]] = {
    **dict.fromkeys(_HEADERS, _parse_named_header),
    **dict.fromkeys(_SCOPES, _parse_text),
    **dict.fromkeys(_DATES, _parse_date),
    **dict.fromkeys(_SIZES, _parse_size),
    **dict.fromkeys(_AGES, _parse_age),
    b"HEADER": _parse_header,
    b"KEYWORD": _parse_keyword,
    b"UNKEYWORD": _parse_keyword,
    b"UID": _parse_uid,
    b"UIDAFTER": _parse_uid_side,
    b"UIDBEFORE": _parse_uid_side,
    b"MODSEQ": _parse_modseq,
    # RFC 8474 §7: search-key =/ "EMAILID" SP objectid / "THREADID" SP objectid
    b"EMAILID": lambda cursor, _: EmailIdKey(parse_objectid(cursor)),
    b"THREADID": lambda cursor, _: ThreadIdKey(parse_objectid(cursor)),
}


def each_key(key: SearchKey) -> Iterator[SearchKey]:
    """The key and all keys in it."""
    yield key
    within: tuple[SearchKey, ...] = ()
    if isinstance(key, AndKey):
        within = key.keys
    elif isinstance(key, OrKey):
        within = (key.left, key.right)
    elif isinstance(key, NotKey):
        within = (key.key,)
    for one in within:
        yield from each_key(one)


def names_numbers(key: SearchKey) -> bool:
    """True if message sequence numbers are in it."""
    return any(isinstance(one, SequenceKey) for one in each_key(key))


def asks_modseq(key: SearchKey) -> bool:
    """True if the key MODSEQ is in it, so that the result tells a modseq (RFC 7162 §3.1.5)."""
    return any(isinstance(one, ModseqKey) for one in each_key(key))


# mailbox-data =/ "SEARCH" [1*(SP nz-number) [SP search-sort-mod-seq]] (RFC 7162 §7)
def encode_search(
    numbers: Iterable[int], modseq: int | None = None, *, name: str = "SEARCH"
) -> bytes:
    """`* SEARCH 2 84 882`; an empty result is told too (RFC 3501 §7.2.5).

    `modseq`, of a result that is not empty, comes last: `(MODSEQ 917162500)`.
    """
    words = [f"* {name}", *map(str, numbers)]
    if modseq is not None:
        words.append(f"(MODSEQ {modseq})")
    return " ".join(words).encode("ascii") + b"\r\n"
