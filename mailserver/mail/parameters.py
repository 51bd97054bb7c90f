"""Content-Type and Content-Disposition: a value and its parameters (RFC 2045 §5.1, 2183, 2231).

Invariants: nothing here raises; parsing is linear; parameter names come out in lower case, values
without quoting and otherwise as sent.
"""

from __future__ import annotations

import re

from mailserver.mail.charsets import decode

Parameters = list[tuple[bytes, bytes]]

MAX_PARAMETERS = 100  # more are not looked at

_MEDIA = re.compile(rb"\s*([^\s/;\"()=,]+)\s*/\s*([^\s/;\"()=,]+)").match
_TOKEN = re.compile(rb"\s*+([^\s;\"()=,]++)(?!\s*+=)").match  # not the name of a parameter
_PAIR = re.compile(rb"\\(.)", re.DOTALL)
# A comment where RFC 2045 §5.1 may have one: after white space or ";". foo(1).pdf has none.
_COMMENT = re.compile(rb"\"[^\"\\]*(?:\\.[^\"\\]*)*\"?|(?:(?<=[\s;])|\A)\([^()]*\)", re.DOTALL)
# parameter := attribute "=" value. The pattern matches everywhere, junk and nothing too, so that
# iterating never searches. QUIRKS: an unquoted value goes on over spaces until ";" or the next
# name=, the closing quote may be missing, ";" may be missing.
_PARAMETER = re.compile(
    rb"[\s;]*+(?:([^\s=;\"]++)\s*+=\s*+"
    rb"(?:\"([^\"\\]*(?:\\.[^\"\\]*)*)\"?|([^;\s]*+(?:\s++(?![^\s=;]+=)[^;\s]++)*))"
    rb"|\"[^\"\\]*(?:\\.[^\"\\]*)*\"?|[^\s;]*)",
    re.DOTALL,
)
# RFC 2231 §7: attribute *section ["*"]; section is "*" 0 / "*" 1-9 *DIGIT
_SECTION = re.compile(rb"([^*]+)\*(?:(\d{1,4})(\*)?)?").fullmatch
_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})")
_UNSAFE = re.compile(rb"[^A-Za-z0-9!#$&+.^_`{}~-]")


def parse_content_type(value: bytes) -> tuple[bytes, bytes, Parameters] | None:
    """(type, subtype, parameters) of an unfolded Content-Type body, the first two in lower case.

    None if it names no media type: RFC 2045 §5.2 has that read as text/plain in us-ascii.
    """
    if b"(" in value:
        value = _without_comments(value)
    media = _MEDIA(value)
    if media is None:
        return None
    return media[1].lower(), media[2].lower(), _parameters(value, media.end())


def parse_disposition(value: bytes) -> tuple[bytes, Parameters]:
    """(type, parameters) of an unfolded Content-Disposition body; the type in lower case.

    RFC 2183 §2.8: what cannot be understood is an attachment.
    """
    if b"(" in value:
        value = _without_comments(value)
    token = _TOKEN(value)
    if token is None:
        return b"attachment", _parameters(value, 0)
    return token[1].lower(), _parameters(value, token.end())


def parse_token(value: bytes) -> bytes:
    """The first token of an unfolded body (Content-Transfer-Encoding), lower case; b"" if none."""
    if b"(" in value:
        value = _without_comments(value)
    token = _TOKEN(value)
    return token[1].lower() if token is not None else b""


def _without_comments(value: bytes) -> bytes:
    return _COMMENT.sub(lambda found: b" " if found[0][:1] == b"(" else found[0], value)


def _parameters(value: bytes, pos: int) -> Parameters:
    found: Parameters = []
    if pos == len(value):
        return found
    for pair in _PARAMETER.finditer(value, pos):
        name, quoted, plain = pair.groups()
        if name is None:
            continue
        if plain is None:
            plain = _PAIR.sub(rb"\1", quoted) if b"\\" in quoted else quoted
        found.append((name.lower(), plain))
        if len(found) == MAX_PARAMETERS:
            break
    return found


def parameter(parameters: Parameters, name: bytes) -> bytes | None:
    """The raw value of the first parameter called `name` (lower case)."""
    for key, value in parameters:
        if key == name:
            return value
    return None


def join_continuations(parameters: Parameters) -> Parameters:
    """Parameters with the sections of RFC 2231 §3 joined, as §6 demands of BODYSTRUCTURE.

    If one section is encoded the name keeps its "*" and the value is charset'language'octets with
    percent signs; a gap in the numbering ends the value.
    """
    if not any(b"*" in name for name, _ in parameters):
        return parameters
    out: Parameters = []
    sections: dict[bytes, dict[int, tuple[bool, bytes]]] = {}
    for name, value in parameters:
        parts = _SECTION(name)
        if parts is None or parts[2] is None:
            out.append((name, value))
            continue
        if parts[1] not in sections:
            sections[parts[1]] = {}
            out.append((parts[1], b""))
        sections[parts[1]].setdefault(int(parts[2]), (parts[3] is not None, value))
    return [_joined(name, sections[name]) if name in sections else (name, v) for name, v in out]


def _joined(name: bytes, sections: dict[int, tuple[bool, bytes]]) -> tuple[bytes, bytes]:
    run: list[tuple[bool, bytes]] = []
    while (section := sections.get(len(run))) is not None:
        run.append(section)
    if not any(encoded for encoded, _ in run):
        return name, b"".join(value for _, value in run)
    joined = b"".join(value if encoded else _percent(value) for encoded, value in run)
    if not run[0][0]:
        # only a first section that is encoded names a charset (RFC 2231 §4.1)
        joined = b"''" + joined
    return name + b"*", joined


def _percent(value: bytes) -> bytes:
    return _UNSAFE.sub(lambda found: b"%%%02X" % found[0][0], value)


def decode_parameters(parameters: Parameters) -> dict[str, str]:
    """Parameters as text by name: continuations joined, RFC 2231 charsets decoded; never raises.

    Where a name comes plain and extended the extended one counts (RFC 6266 §4.3's reading); of
    others, the first. RFC 2047 words, which §5 of it forbids here, are left for the caller.
    """
    plain: dict[str, str] = {}
    extended: dict[str, str] = {}
    for name, value in join_continuations(parameters):
        key = name.decode("ascii", "replace")
        if key.endswith("*") and len(key) > 1:
            extended.setdefault(key[:-1], decode_extended(value))
        else:
            plain.setdefault(key, decode(value))
    return plain | extended


def decode_extended(value: bytes) -> str:
    """Text of an extended-value (RFC 2231 §7): charset'language'percent-octets."""
    charset, first, rest = value.partition(b"'")
    _, second, octets = rest.partition(b"'")
    if not first or not second:
        charset, octets = b"", value
    raw = _PERCENT.sub(lambda found: bytes((int(found[1], 16),)), octets)
    return decode(raw, charset.decode("ascii", "replace") or "us-ascii")
