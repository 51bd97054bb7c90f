"""The first words of a message, as a list of messages shows them (RFC 8970).

Invariants: never raises; looks at a bounded beginning of one part; the result is one line of plain
text without control characters.
"""

from __future__ import annotations

import html
import mmap
import re
from collections.abc import Iterable

from mailserver.mail.charsets import decode
from mailserver.mail.parts import Kind, Part
from mailserver.mail.text import decode_content

MOST = 200
"""Characters of a preview (RFC 8970 §3.1: 200 should be, 256 may be at the most)."""
_TEXT = 1024  # bytes of plain text looked at
_HTML = 16 * 1024, 128 * 1024  # of HTML; the second where the first was nothing but style sheets

_ENOUGH = 2 * MOST  # characters of HTML's text, in which an entity is one
# Inline elements divide no words, all others do. What is never closed is taken to the end, so that
# nothing is looked at twice.
_MARKUP = re.compile(
    r"(?P<inline></?(?:a|abbr|b|big|code|em|font|i|mark|small|span|strong|u)\b[^>]*(?:>|\Z))"
    r"|<!--.*?(?:-->|\Z)"
    r"|<(?P<unshown>head|style|script)\b[^<]*(?:<(?!/(?P=unshown)\b)[^<]*)*(?:<[^>]*(?:>|\Z))?"
    r"|<[^>]*(?:>|\Z)",
    re.DOTALL | re.IGNORECASE,
)
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f]+")
# Without width: newsletters hide the rest of their text from previews behind many of them.
_INVISIBLE = re.compile("[\u00ad\u034f\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")


def preview(message: bytes | mmap.mmap, parts: Iterable[Part]) -> str:
    """The preview of a message with these parts; empty if there is nothing to be read."""
    texts = _texts(parts)
    plain, marked_up = texts.get("text/plain"), texts.get("text/html")
    if plain is not None and (shown := _shown(_decoded(message, plain, _TEXT))):
        return shown
    if marked_up is None:
        return ""
    for most in _HTML:
        shown = _shown(_without_markup(_decoded(message, marked_up, most)))
        if shown or marked_up.end - marked_up.body <= most:
            return shown
    return ""


def _texts(parts: Iterable[Part]) -> dict[str, Part]:
    """By media type the first leaf that is no part of a message within the message."""
    found: dict[str, Part] = {}
    within: int | None = None  # the depth of a message within
    for part in parts:
        if within is None or part.depth <= within:
            within = part.depth if part.kind is Kind.MESSAGE else None
            if part.kind is Kind.LEAF:
                found.setdefault(part.media_type, part)
    return found


def _decoded(message: bytes | mmap.mmap, part: Part, most: int) -> str:
    cut = part.end - part.body > most
    raw = message[part.body : part.body + most if cut else part.end]
    text = decode(decode_content(raw, part.encoding), part.charset or "us-ascii")
    return text.rstrip("\ufffd") if cut else text  # half a character


def _without_markup(text: str) -> str:
    """The text of HTML, as far as it may be shown."""
    pieces: list[str] = []
    place = length = 0
    for markup in _MARKUP.finditer(text):
        piece = text[place : markup.start()]
        pieces += (piece, "" if markup["inline"] else " ")
        place = markup.end()
        length += len(piece.strip())
        if length > _ENOUGH:
            break
    else:
        pieces.append(text[place:])
    return html.unescape("".join(pieces))


def _shown(text: str) -> str:
    if not text.isascii():
        text = _INVISIBLE.sub("", text)
    shown = _squeezed(text)
    if _CONTROLS.search(shown):
        shown = _squeezed(_CONTROLS.sub(" ", text))
    return shown


def _squeezed(text: str) -> str:
    # More words than MOST characters hold; what follows them is not divided.
    return " ".join(text.split(None, MOST // 2 + 1))[:MOST].rstrip()
