"""The primitive productions of RFC 3501 §9, read from a command by a cursor.

Each method stands at the cursor, takes what its ABNF rule names and moves behind it, or raises
ParseError and gives nothing. The cursor only moves forward. Literals are taken from the frame in
order, so that no rule ever looks into one.
"""

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from types import MappingProxyType
from typing import TypeVar

from imap.protocol.dates import parse_date, parse_date_time
from imap.protocol.errors import ParseError
from imap.protocol.events import Frame, Streamed
from imap.protocol.flags import canonical_flag
from imap.protocol.mailbox_name import decode_mailbox_name, normalised
from imap.protocol.sequence import SequenceSet

# tag = 1*<any ASTRING-CHAR except "+">
_TAG = re.compile(rb"[^\x00-\x20\x7f-\xff(){%*\"\\+]+").match
# atom = 1*ATOM-CHAR;  ATOM-CHAR = any CHAR except "(" ")" "{" SP CTL "%" "*" DQUOTE "\" "]"
_ATOM = re.compile(rb"[^\x00-\x20\x7f-\xff(){%*\"\\\]]+").match
# ASTRING-CHAR = ATOM-CHAR / resp-specials
# QUIRKS: 8-bit bytes too: UTF-8 in passwords and search strings of many clients.
_ASTRING = re.compile(rb"[^\x00-\x20\x7f(){%*\"\\]+").match
# list-char = ATOM-CHAR / list-wildcards / resp-specials
_LIST = re.compile(rb"[^\x00-\x20\x7f(){\"\\]+").match
# quoted = DQUOTE *QUOTED-CHAR DQUOTE, QUIRKS: with 8-bit bytes, as above
_QUOTED = re.compile(rb'"([^"\\\x00\r\n]*(?:\\["\\][^"\\\x00\r\n]*)*)"').match
_ESCAPE = re.compile(rb"\\(.)")
# literal = "{" number ["+"] "}" CRLF *CHAR8; the framer left the announcement and a line feed
_LITERAL = re.compile(rb"(~?)\{[0-9]+\+?\}\n").match
# flag = "\" atom / atom
_FLAG = re.compile(rb"\\?[^\x00-\x20\x7f-\xff(){%*\"\\\]]+").match
# number = 1*DIGIT
_NUMBER = re.compile(rb"[0-9]+").match
# RFC 5182 §3: sequence-set =/ "$"
_SEQUENCE_SET = re.compile(rb"[0-9:*,]+|\$").match
# The words that the grammar itself defines: FETCH attributes, options, search keys.
_WORD = re.compile(rb"[A-Za-z0-9.\-]+").match
_SPACES = re.compile(rb" +").match
_TRAILING = re.compile(rb" *\Z").match
# date = date-text / DQUOTE date-text DQUOTE
_DATE = re.compile(rb'("?)([0-9A-Za-z-]+)\1').match
# date-time has no escapes
_DATE_TIME = re.compile(rb'"([^"\\\x00\r\n]*)"').match

T = TypeVar("T")

_NUMBER64 = (1 << 63) - 1

NOTHING_SAID: Mapping[str, str] = MappingProxyType({})
"""The names of commands that have none to remember: one for all sessions."""


class Cursor:
    """A place in the text of a command.

    `utf8`: the client has enabled UTF8=ACCEPT or IMAP4rev2 (mailbox names are UTF-8).
    `said`: mailbox names that were not in NFC, by what they were made.
    """

    __slots__ = ("_next_literal", "literals", "position", "said", "text", "utf8")

    def __init__(self, frame: Frame, *, utf8: bool = False) -> None:
        self.text = frame.text
        self.literals = frame.literals
        self.position = 0
        self.utf8 = utf8
        self.said = NOTHING_SAID
        self._next_literal = 0

    def fail(self, text: str, position: int | None = None) -> ParseError:
        """The error to raise, at the cursor or at `position`."""
        return ParseError(self.position if position is None else position, text)

    def at(self, char: bytes) -> bool:
        """True if the next byte is `char`."""
        return self.text.startswith(char, self.position)

    def take(self, char: bytes) -> bool:
        """Move over `char` if it is next."""
        if not self.text.startswith(char, self.position):
            return False
        self.position += len(char)
        return True

    def expect(self, char: bytes) -> None:
        """Move over `char`, which has to be next."""
        if not self.take(char):
            raise self.fail(f"expected {char.decode('ascii')}")

    def space(self) -> None:
        """SP. QUIRKS: more than one, as Dovecot takes them (telnet users, old scripts)."""
        if not self.spaces():
            raise self.fail("expected a space")

    def spaces(self) -> bool:
        """Move over spaces: True if there were any."""
        found = _SPACES(self.text, self.position)
        if found is None:
            return False
        self.position = found.end()
        return True

    def more(self) -> bool:
        """Move over spaces: True if there were any and the command or list goes on behind them."""
        return self.spaces() and self.position < len(self.text) and not self.at(b")")

    def items(self, item: Callable[[], T], *, empty: bool = False) -> tuple[T, ...]:
        """ "(" item *(SP item) ")", or also "()" if it may be `empty`.

        QUIRKS: spaces behind the first and before the last parenthesis are taken for nothing.
        """
        self.expect(b"(")
        self.spaces()
        if empty and self.take(b")"):
            return ()
        found = [item()]
        while True:
            gap = self.spaces()
            if self.take(b")"):
                return tuple(found)
            if not gap:
                raise self.fail("expected a space or a closing parenthesis")
            found.append(item())

    def end(self) -> None:
        """The end of the command. QUIRKS: behind spaces too (Outlook, phones, scripts)."""
        if _TRAILING(self.text, self.position) is None:
            raise self.fail("expected the end of the command")

    def tag(self) -> bytes:
        """tag = 1*<any ASTRING-CHAR except "+">"""
        found = _TAG(self.text, self.position)
        if found is None:
            raise self.fail("expected a tag")
        self.position = found.end()
        return found[0]

    def word(self) -> bytes:
        """A word of the grammar, in upper case."""
        found = _WORD(self.text, self.position)
        if found is None:
            raise self.fail("expected a word")
        self.position = found.end()
        return found[0].upper()

    def atom(self) -> bytes:
        """atom = 1*ATOM-CHAR"""
        found = _ATOM(self.text, self.position)
        if found is None:
            raise self.fail("expected an atom")
        self.position = found.end()
        return found[0]

    def astring(self) -> bytes:
        """astring = 1*ASTRING-CHAR / string"""
        found = _ASTRING(self.text, self.position)
        if found is None:
            return self.string()
        self.position = found.end()
        return found[0]

    def string(self) -> bytes:
        """string = quoted / literal"""
        found = _QUOTED(self.text, self.position)
        if found is None:
            return self._string_literal()
        self.position = found.end()
        value = found[1]
        return _ESCAPE.sub(rb"\1", value) if b"\\" in value else value

    def nstring(self) -> bytes | None:
        """nstring = string / nil"""
        found = _ATOM(self.text, self.position)
        if found is None:
            return self.string()
        if found[0].upper() != b"NIL":
            raise self.fail("expected a string or NIL")
        self.position = found.end()
        return None

    def _string_literal(self) -> bytes:
        start = self.position
        if not self.at(b"{"):
            raise self.fail("expected a string")
        value, _ = self.literal()
        if isinstance(value, Streamed):
            raise self.fail("expected a short literal", start)
        if b"\x00" in value:
            # RFC 3501 §9: CHAR8 = %x01-ff, any OCTET except NUL
            raise self.fail("NUL in a literal", start)
        return value

    def literal(self) -> tuple[bytes | Streamed, bool]:
        """literal / literal8: the contents, and whether it is a literal8 (RFC 3516 §7)."""
        found = _LITERAL(self.text, self.position)
        if found is None or self._next_literal >= len(self.literals):
            raise self.fail("expected a literal")
        self.position = found.end()
        self._next_literal += 1
        return self.literals[self._next_literal - 1], bool(found[1])

    def number64(self) -> int:
        """number64 = 1*DIGIT, 63 bits (RFC 9051 §9)"""
        found = _NUMBER(self.text, self.position)
        if found is None:
            raise self.fail("expected a number")
        # int() of a very long text is slow and, beyond 4,300 digits, an error.
        digits = found[0]
        if len(digits) > 20 or int(digits) > _NUMBER64:
            raise self.fail("number is too large")
        self.position = found.end()
        return int(digits)

    def sequence_set(self) -> SequenceSet:
        """sequence-set = (seq-number / seq-range) *("," sequence-set)"""
        found = _SEQUENCE_SET(self.text, self.position)
        if found is None:
            raise self.fail("expected a sequence set")
        try:
            numbers = SequenceSet.parse(found[0])
        except ParseError as error:
            raise error.moved(self.position) from None
        self.position = found.end()
        return numbers

    def flag(self) -> str:
        """flag = "\\Answered" / … / flag-keyword / flag-extension"""
        found = _FLAG(self.text, self.position)
        if found is None:
            raise self.fail("expected a flag")
        self.position = found.end()
        return canonical_flag(found[0])

    def flag_list(self) -> tuple[str, ...]:
        """flag-list = "(" [flag *(SP flag)] ")" """
        return self.items(self.flag, empty=True)

    def mailbox(self) -> str:
        """mailbox = "INBOX" / astring"""
        start = self.position
        return self._decoded(self.astring(), start)

    def list_mailbox(self) -> str:
        """list-mailbox = 1*list-char / string"""
        start = self.position
        found = _LIST(self.text, start)
        if found is None:
            name = self.string()
        else:
            self.position = found.end()
            name = found[0]
        try:
            return self._decoded(name, start)
        except ParseError:
            # QUIRKS: a pattern such as `R&D*` is no modified UTF-7, and yet no fault: it matches
            # nothing but what it says.
            if self.utf8 or not name.isascii() or not name.decode("ascii").isprintable():
                raise
            return name.decode("ascii")

    def _decoded(self, name: bytes, start: int) -> str:
        try:
            decoded = decode_mailbox_name(name, utf8=self.utf8)
        except ParseError as error:
            # Where the name is a literal, or quoted with escapes, its own offset says little.
            plain = self.text.startswith(name, start)
            raise error.moved(start if plain else start - error.position) from None
        normal = normalised(decoded)
        if normal != decoded:
            self.said = {**self.said, normal: decoded}
        return normal

    def date(self) -> date:
        """date = date-text / DQUOTE date-text DQUOTE"""
        found = _DATE(self.text, self.position)
        day = parse_date(found[2]) if found else None
        if found is None or day is None:
            raise self.fail("expected a date")
        self.position = found.end()
        return day

    def date_time(self) -> datetime:
        """date-time = DQUOTE date-day-fixed "-" date-month "-" date-year SP time SP zone DQUOTE"""
        found = _DATE_TIME(self.text, self.position)
        time = parse_date_time(found[1]) if found else None
        if found is None or time is None:
            raise self.fail("expected a date and time")
        self.position = found.end()
        return time
