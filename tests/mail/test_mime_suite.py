"""The public suite of 33 broken and RFC messages: no exception, parts and types, decoded text.

The suite's parser differs from the RFCs in known ways; the cases where we follow the RFC (or other
IMAP servers) instead are listed with their reason and compared with our own reading.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mailserver.mail.digest import digest
from mailserver.mail.parts import Part, PartTable
from mailserver.mail.text import Stretch, What, stretch_text

_SUITE = Path(__file__).parents[2].parent / "shared" / "suites" / "mime"
_CASES = sorted(path.relative_to(_SUITE).with_suffix("") for path in _SUITE.glob("*/*.eml"))

pytestmark = pytest.mark.skipif(
    not _CASES, reason="the public MIME suite is not at ../shared/suites/mime"
)

# Where our tree is another: why, and its media types in order, one dot for each level.
_EMPTY_LINE = "a part whose header no empty line ends is a part; the suite drops it"
_OUTER = "an outer delimiter ends inner parts, closed or not (RFC 2046 §5.1.2)"
_WHOLE_LINE = "a line that only begins like the boundary is no delimiter"
_NO_PARTS = "a multipart in which no part begins is text (RFC 3501 §9 has none without parts)"
_MESSAGE = "message/rfc822 is always read as a message, encoded or not (RFC 2046 §5.2.1)"
_OURS = {
    "malformed/000": (
        _EMPTY_LINE,
        "multipart/mixed .text/plain .text/plain .text/plain .text/html",
    ),
    "malformed/001": (_OUTER, "multipart/mixed .text/plain .text/plain"),
    "malformed/002": (_NO_PARTS, "text/plain"),
    "malformed/004": (_WHOLE_LINE, "text/plain"),
    "malformed/007": (_NO_PARTS, "multipart/mixed .text/plain"),
    "malformed/008": (_OUTER, "multipart/mixed .multipart/mixed ..text/plain .text/html"),
    "malformed/009": (
        _OUTER,
        "multipart/mixed .multipart/mixed ..text/plain ..text/plain .text/plain",
    ),
    "malformed/011": (
        _OUTER,
        "multipart/mixed .multipart/mixed ..text/plain ..text/plain .text/plain",
    ),
    "malformed/012": (
        _OUTER,
        (
            "multipart/mixed .multipart/mixed ..message/rfc822 ...text/plain ..message/rfc822 "
            "...text/plain .message/rfc822 ..text/plain"
        ),
    ),
    "malformed/016": (
        _OUTER,
        "multipart/mixed .multipart/mixed ..multipart/mixed ...text/plain .text/plain",
    ),
    "malformed/020": (
        _EMPTY_LINE,
        "multipart/related .multipart/alternative ..text/html ..text/plain .image/png",
    ),
    "malformed/021": (
        _EMPTY_LINE,
        "multipart/related .multipart/alternative ..text/html ..text/plain .image/png",
    ),
    "malformed/022": (_MESSAGE, "multipart/mixed .text/plain .message/rfc822 ..text/plain"),
    "rfc/008": (_MESSAGE, "multipart/mixed .text/plain .message/rfc822 ..text/plain"),
}


def _flatten(
    message: dict[str, Any], index: int, depth: int, out: list[tuple[int, str, Any]]
) -> None:
    """(depth, media type, text or None) of each part the suite expects, in order."""
    part = message["parts"][index]
    body = part["body"]
    kind, content = next(iter(body.items()))
    types = [header["value"] for header in part["headers"] if header["name"] == "content_type"]
    named = types[0].get("ContentType") if types and isinstance(types[0], dict) else None
    media = f"{named['c_type']}/{named['c_subtype']}".lower() if named else "text/plain"
    if kind == "Message" and media == "text/plain":
        media = "message/rfc822"  # the default inside a digest
    out.append((depth, media, content if kind in ("Text", "Html") else None))
    if kind == "Multipart":
        for child in content:
            _flatten(message, child, depth + 1, out)
    elif kind == "Message":
        _flatten(content, 0, depth + 1, out)


def _expected(case: Path) -> list[tuple[int, str, Any]]:
    out: list[tuple[int, str, Any]] = []
    _flatten(json.loads((_SUITE / case).with_suffix(".json").read_bytes()), 0, 0, out)
    return out


def _read(case: Path) -> tuple[bytes, list[Part]]:
    message = (_SUITE / case).with_suffix(".eml").read_bytes()
    return message, PartTable.decode(digest(message).parts).parts


def test_the_whole_suite_is_here() -> None:
    assert len(_CASES) == 33


@pytest.mark.parametrize("case", _CASES, ids=str)
def test_parts_and_types(case: Path) -> None:
    _, parts = _read(case)
    ours = " ".join("." * part.depth + part.media_type for part in parts)
    theirs = " ".join("." * depth + media for depth, media, _ in _expected(case))
    if str(case) in _OURS:
        reason, expected = _OURS[str(case)]
        assert ours == expected, reason
        assert ours != theirs, "no longer different: take it off the list"
    else:
        assert ours == theirs


@pytest.mark.parametrize("case", [case for case in _CASES if str(case) not in _OURS], ids=str)
def test_decoded_text(case: Path) -> None:
    message, parts = _read(case)
    for part, (_, media, text) in zip(parts, _expected(case), strict=True):
        if text is not None and media.startswith("text/"):
            # the suite counts the last line end of some parts to the text, of others not
            content = Stretch(What.CONTENT, part.body, part.end, part)
            assert stretch_text(message[part.body : part.end], content).strip() == text.strip()
