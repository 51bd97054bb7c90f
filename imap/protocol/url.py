"""IMAP URLs of a message or a part of one (RFC 5092), as CATENATE (RFC 4469) names them."""

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote_to_bytes

from imap.protocol.errors import ParseError
from imap.protocol.events import Frame
from imap.protocol.mailbox_name import decode_mailbox_name, normalised
from imap.protocol.section import Section, parse_section
from imap.protocol.strings import quoted
from imap.protocol.tokens import Cursor

# iserver = [iuserinfo "@"] host [ ":" port ];  iuserinfo = enc-user [iauth] / [enc-user] iauth
_SERVER = rb"(?:(?:imap:)?//(?:(?P<user>[^@/;]*)(?:;AUTH=[^@/]*)?@)?(?P<host>[^@/:;]+)(?::\d*)?)?"
# imessagepart = enc-mailbox [uidvalidity] iuid [isection] [ipartial], or from the iuid on
_MAILBOX = rb"(?:/(?P<mailbox>[^;?#]+?)(?:;UIDVALIDITY=(?P<validity>[1-9]\d{0,9}))?/)?"
_PART = (
    rb";UID=(?P<uid>[1-9]\d{0,9})(?:/;SECTION=(?P<section>[^;?#/]+))?"
    rb"(?:/;PARTIAL=(?P<origin>\d{1,18})(?:\.(?P<count>[1-9]\d{0,17}))?)?"
)
_URL = re.compile(_SERVER + _MAILBOX + _PART, re.IGNORECASE)
_PRINTABLE = "".join(map(chr, range(0x21, 0x7F))).translate(dict.fromkeys(b'"\\]'))


@dataclass(slots=True)
class MessageUrl:
    """A message or a part of one. `user`, `host`: None where the URL is relative to ours.

    `mailbox`: None for the selected one. `partial`: first byte, and count of bytes or None: to the
    end.
    """

    uid: int
    mailbox: str | None = None
    uid_validity: int | None = None
    section: Section | None = None
    partial: tuple[int, int | None] | None = None
    user: str | None = None
    host: str | None = None


def parse_url(url: bytes) -> MessageUrl:
    """Raises ParseError for what is no URL of a message, or needs URLAUTH."""
    found = _URL.fullmatch(url)
    if found is None or (found["host"] and found["mailbox"] is None):
        raise ParseError(0, "expected the URL of a message")
    mailbox, section, user = found["mailbox"], found["section"], found["user"]
    return MessageUrl(
        int(found["uid"]),
        None if mailbox is None else _mailbox(unquote_to_bytes(mailbox)),
        int(found["validity"]) if found["validity"] else None,
        None if section is None else _parse_section(unquote_to_bytes(section)),
        _parse_partial(found["origin"], found["count"]),
        _text(user) if user else None,
        _text(found["host"]) if found["host"] else None,
    )


def _mailbox(name: bytes) -> str:
    # RFC 5092 §3: names in URLs are UTF-8, whatever the session has enabled.
    return normalised(decode_mailbox_name(name, utf8=True))


def _parse_section(text: bytes) -> Section:
    cursor = Cursor(Frame(b"[%b]" % text))
    section = parse_section(cursor)
    cursor.end()
    return section


def _parse_partial(origin: bytes | None, count: bytes | None) -> tuple[int, int | None] | None:
    # partial-range = number ["." nz-number]
    return None if origin is None else (int(origin), int(count) if count else None)


def _text(encoded: bytes) -> str:
    try:
        return unquote_to_bytes(encoded).decode()
    except UnicodeDecodeError:
        raise ParseError(0, "expected UTF-8") from None


# RFC 4469 §5: badurl-response-code = "BADURL" SP url-resp-text, without "]"; quoted in its examples
def badurl_code(url: bytes) -> bytes:
    """`BADURL "/INBOX;UIDVALIDITY=1/;UID=5"`: the URL at fault, in printable characters."""
    return b"BADURL " + quoted(quote(url, safe=_PRINTABLE).encode("ascii"))
