"""BODY and BODYSTRUCTURE of a message, ready for the wire (RFC 3501 §7.4.2)."""

from __future__ import annotations

import mmap
from collections import Counter

from mailserver.mail.envelope import envelope
from mailserver.mail.parts import Kind
from mailserver.mail.structure import Entity

_COUNT_STEP = 64 << 10  # bytes copied at a time where the message is mapped: they stay in the cache


def render(message: bytes | mmap.mmap, root: Entity) -> tuple[bytes, bytes]:
    """(BODY, BODYSTRUCTURE): the same tree without and with extension data.

    Types and parameter names are in lower case, values as sent; RFC 2231 sections are joined and
    otherwise kept.
    """
    spans: list[tuple[int, int]] = []
    _collect_spans(root, spans)
    return _render(root, _line_counts(message, spans))


def _render(entity: Entity, lines: dict[int, int]) -> tuple[bytes, bytes]:
    media = entity.media
    if entity.kind is Kind.MULTIPART:
        rendered = [_render(child, lines) for child in entity.children]
        bodies = b"".join([body for body, _ in rendered])
        structures = b"".join([structure for _, structure in rendered])
        return (
            b"(%b %b)" % (bodies, media.basic),
            b"(%b %b%b)" % (structures, media.basic, media.extension),
        )
    size = entity.end - entity.body
    if media.maintype == b"text":
        basic = b"%b %d %d" % (media.basic, size, lines[entity.end] - lines[entity.body])
    elif entity.kind is Kind.MESSAGE:
        # body-type-msg adds envelope, structure and size in lines of the message inside
        inner = entity.children[0]
        basic = b"%b %d %b" % (media.basic, size, envelope(inner.fields))
        body, structure = _render(inner, lines)
        count = lines[entity.end] - lines[entity.body]
        return (
            b"(%b %b %d)" % (basic, body, count),
            b"(%b %b %d%b)" % (basic, structure, count, media.extension),
        )
    else:
        basic = b"%b %d" % (media.basic, size)
    return b"(%b)" % basic, b"(%b%b)" % (basic, media.extension)


def _collect_spans(entity: Entity, spans: list[tuple[int, int]]) -> None:
    if entity.kind is Kind.MESSAGE or (
        entity.kind is Kind.LEAF and entity.media.maintype == b"text"
    ):
        spans.append((entity.body, entity.end))
    for child in entity.children:
        _collect_spans(child, spans)


def _line_counts(message: bytes | mmap.mmap, spans: list[tuple[int, int]]) -> dict[int, int]:
    """A count at each end of each span, such that the difference is the span's number of lines.

    Spans may lie inside one another; each byte in one is counted once, others never.
    """
    edges: Counter[int] = Counter()
    for start, end in spans:
        edges[start] += 1
        edges[end] -= 1
    counts: dict[int, int] = {}
    counted = cover = last = 0
    for offset in sorted(edges):
        if cover:
            counted += _count(message, last, offset)
        counts[offset] = counted
        cover += edges[offset]
        last = offset
    return counts


def _count(message: bytes | mmap.mmap, start: int, end: int) -> int:
    if isinstance(message, bytes):
        return message.count(b"\n", start, end)
    steps = range(start, end, _COUNT_STEP)
    return sum(message[at : min(at + _COUNT_STEP, end)].count(b"\n") for at in steps)
