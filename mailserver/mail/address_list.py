"""RFC 5322 address lists, tolerantly, in the four columns of an IMAP ENVELOPE (RFC 3501 §7.4.2).

Invariants: never raises, linear in the length, at most MAX_ADDRESSES rows; encoded words stay raw.
"""

from __future__ import annotations

import re
from typing import NamedTuple

MAX_ADDRESSES = 4096  # rows of one list; further ones are left out


class EnvelopeAddress(NamedTuple):
    """One row of an address list.

    `host` None marks group syntax: with a mailbox the start of that group, without one its end.
    An address without "@" has an empty host.
    """

    name: bytes | None
    adl: bytes | None
    mailbox: bytes | None
    host: bytes | None


GROUP_END = EnvelopeAddress(None, None, None, None)

# What nearly all addresses are: "Name" <a@b>, Name <a@b>, a@b; then a comma or the end.
_WORD = r"[^\s\"(),:;<>@\[\]\\]+"
_PHRASE = r"[^\"(),:;<>@\[\]\\]*"
_SIMPLE = re.compile(
    rf"(?:(?:\"([^\"\\]*+)\"\s*+|({_PHRASE}))<({_WORD})@({_WORD})>|({_WORD})@({_WORD}))"
    r"\s*+(?:,|\Z)".encode()
).match
_SEPARATORS = re.compile(rb"[\s,]+").match
_TOKEN = re.compile(
    rb"\s+|\"([^\"\\]*(?:\\.[^\"\\]*)*)\"?|(\[[^\]]*\]?)|([^\s\"(),:;<>@\[\]\\]+)|(.)", re.DOTALL
).match
_PAIR = re.compile(rb"\\(.)", re.DOTALL)
_COMMENT_MARK = re.compile(rb"\\.|[()]", re.DOTALL)

_WORD_TOKEN = 0  # an atom, quoted string or domain literal; specials are their own octet
_LESS, _GREATER, _AT, _COMMA, _COLON, _SEMICOLON, _PAREN = b"<>@,:;("


def parse_address_list(value: bytes) -> list[EnvelopeAddress]:
    """The rows of an unfolded address-list body, with group markers as IMAP wants them.

    Quoted strings are unquoted; the comment after a bare address is its name, as in RFC 822 mail.
    """
    reader = _Reader(value)
    rows = reader.rows
    pos = 0
    while len(rows) < MAX_ADDRESSES:
        separators = _SEPARATORS(value, pos)
        if separators is not None:
            pos = separators.end()
        if pos == len(value):
            break
        simple = _SIMPLE(value, pos)
        if simple is None:
            pos = reader.address(pos)
            continue
        quoted, phrase, mailbox, host, bare_mailbox, bare_host = simple.groups()
        if bare_mailbox is not None:
            rows.append(EnvelopeAddress(None, None, bare_mailbox, bare_host))
        else:
            name = b" ".join(phrase.split()) if quoted is None else quoted
            rows.append(EnvelopeAddress(name or None, None, mailbox, host))
        pos = simple.end()
    if reader.in_group:
        rows.append(GROUP_END)
    return rows


class _Reader:
    """Reads what is not simple, one address or group mark at a time."""

    __slots__ = ("in_group", "last_greater", "rows", "value")

    def __init__(self, value: bytes) -> None:
        self.value = value
        self.rows: list[EnvelopeAddress] = []
        self.in_group = False
        # "<" without ">" after it opens nothing; found once so that many of them stay linear
        self.last_greater = value.rfind(b">")

    def address(self, pos: int) -> int:
        """Read up to and including the next "," ";" or group ":"; returns where to go on."""
        tokens: list[tuple[int, bytes]] = []
        comment: bytes | None = None
        angle = False
        while (found := _TOKEN(self.value, pos)) is not None:
            kind = found.lastindex
            special = found[4][0] if kind == 4 else _WORD_TOKEN
            pos = found.end()
            if kind is None:
                continue
            if special == _WORD_TOKEN:
                word = found[kind]
                if kind == 1 and b"\\" in word:
                    word = _PAIR.sub(rb"\1", word)
                tokens.append((_WORD_TOKEN, word))
            elif special == _PAREN:
                comment, pos = self._comment(pos)
            elif angle:
                angle = special != _GREATER
                tokens.append((special, found[4]))
            elif special == _LESS:
                angle = pos <= self.last_greater
                tokens.append((special, found[4]))
            elif special == _COLON and not self.in_group:
                self._start_group(tokens)
                return pos
            elif special in (_COMMA, _SEMICOLON):
                self._finish(tokens, comment)
                if special == _SEMICOLON and self.in_group:
                    self.rows.append(GROUP_END)
                    self.in_group = False
                return pos
            elif special == _AT:
                tokens.append((special, found[4]))
        self._finish(tokens, comment)
        return pos

    def _comment(self, pos: int) -> tuple[bytes, int]:
        """The content of a comment that was opened before `pos`, and the position after it."""
        depth = 1
        for mark in _COMMENT_MARK.finditer(self.value, pos):
            if mark[0] == b"(":
                depth += 1
            elif mark[0] == b")":
                depth -= 1
                if depth == 0:
                    return _PAIR.sub(rb"\1", self.value[pos : mark.start()]), mark.end()
        return _PAIR.sub(rb"\1", self.value[pos:]), len(self.value)

    def _start_group(self, tokens: list[tuple[int, bytes]]) -> None:
        name = b" ".join(word for kind, word in tokens if kind == _WORD_TOKEN)
        self.rows.append(EnvelopeAddress(None, None, name, None))
        self.in_group = True

    def _finish(self, tokens: list[tuple[int, bytes]], comment: bytes | None) -> None:
        if not tokens:
            return
        kinds = [kind for kind, _ in tokens]
        words = [word for _, word in tokens]
        if _LESS in kinds:
            less = kinds.index(_LESS)
            end = kinds.index(_GREATER, less) if _GREATER in kinds[less:] else len(kinds)
            name = b" ".join(filter(None, words[:less])).replace(b" @ ", b"@") or comment
            adl, start = _route(kinds, words, less + 1, end)
            mailbox, host = _mailbox(kinds[start:end], words[start:end])
            self.rows.append(EnvelopeAddress(name or None, adl, mailbox, host))
            return
        name, start = _bare_name(kinds, words)
        mailbox, host = _mailbox(kinds[start:], words[start:])
        self.rows.append(EnvelopeAddress(name or comment or None, None, mailbox, host))


def _route(kinds: list[int], words: list[bytes], start: int, end: int) -> tuple[bytes | None, int]:
    """obs-route = obs-domain-list ":" (RFC 5322 §4.4): its text, and where the addr-spec begins."""
    if start < end and kinds[start] == _AT and _COLON in kinds[start:end]:
        colon = kinds.index(_COLON, start, end)
        return b"".join(words[start:colon]), colon + 1
    return None, start


def _bare_name(kinds: list[int], words: list[bytes]) -> tuple[bytes | None, int]:
    """For tokens without "<": the words before the local part, and where the local part begins.

    The local part is the last word before "@" and what dots join to it (obs-local-part).
    """
    at = kinds.index(_AT) if _AT in kinds else len(kinds)
    if at == len(kinds) and at > 1:
        return b" ".join(filter(None, words)), at  # a phrase and no address
    start = max(at - 1, 0)
    while start and (words[start].startswith(b".") or words[start - 1].endswith(b".")):
        start -= 1
    return b" ".join(filter(None, words[:start])) or None, start


def _mailbox(kinds: list[int], words: list[bytes]) -> tuple[bytes, bytes]:
    """Local part and host: they divide at the last "@"; without one, all is local part."""
    if _AT not in kinds:
        return b"".join(words), b""
    at = len(kinds) - 1 - kinds[::-1].index(_AT)
    return b"".join(words[:at]), b"".join(words[at + 1 :])
