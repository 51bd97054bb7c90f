"""SMTP replies as values: made here for the wire, or read from a remote server.

Invariant: `wire` is well-formed reply lines whatever the text is; no text can add a line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

MAX_LINE = 512  # octets with CR LF, RFC 5321 §4.5.3.1.5

# RFC 3463 §2: status-code = class "." subject "." detail; class is 2, 4 or 5
_STATUS = re.compile(r"\s*([245]\.\d{1,3}\.\d{1,3})(?:\s+|\Z)").match
_NOT_TEXT = re.compile(r"[^\t -~]")  # textstring = 1*(%d09 / %d32-126), RFC 5321 §4.2
_LINE_END = re.compile(r"\r\n|\n|\r")


@dataclass(slots=True, unsafe_hash=True)
class Reply:
    """One reply. `enhanced` is an RFC 3463 status code or ""; `text` may have several lines."""

    code: int
    enhanced: str
    text: str
    _wire: bytes = field(default=b"", init=False, repr=False, compare=False)

    @property
    def positive(self) -> bool:
        """2xx: done. (3xx, go on, is neither this nor a failure.)"""
        return 200 <= self.code < 300

    @property
    def temporary(self) -> bool:
        """4xx: failed, worth another attempt."""
        return 400 <= self.code < 500

    @property
    def permanent(self) -> bool:
        """5xx: failed for good."""
        return 500 <= self.code < 600

    @property
    def status(self) -> str:
        """The enhanced code, or the one that says no more than the class (RFC 3463 §3.1: X.0.0)."""
        return self.enhanced or f"{self.code // 100}.0.0"

    @property
    def wire(self) -> bytes:
        """Reply lines with CR LF; made once, since most replies are constants."""
        if not self._wire:
            self._wire = self._encoded()
        return self._wire

    def _encoded(self) -> bytes:
        # RFC 2034 §4: the enhanced code stands on every line.
        lead = f"{self.enhanced} " if self.enhanced else ""
        room = MAX_LINE - len("250-\r\n") - len(lead)
        lines = [
            _NOT_TEXT.sub("?", line[at : at + room])
            for line in _LINE_END.split(self.text)
            for at in range(0, max(len(line), 1), room)
        ]
        out = [f"{self.code}-{lead}{line}\r\n" for line in lines[:-1]]
        out.append(f"{self.code} {lead}{lines[-1]}\r\n")
        return "".join(out).encode("ascii")

    def __str__(self) -> str:
        """One line, for logs and Diagnostic-Code: "550 5.1.1 no such user"."""
        text = " ".join(self.text.split())
        return " ".join(word for word in (str(self.code), self.enhanced, text) if word)


def parse_reply(code: int, text: str) -> Reply:
    """The reply of a remote server: its enhanced code is split off the text of every line.

    A code whose class contradicts the reply's is left in the text (RFC 2034 §4: they agree).
    """
    lines = _LINE_END.split(text)
    first = _STATUS(lines[0])
    if first is None or first[1][0] != str(code)[0]:
        return Reply(code, "", "\n".join(lines).strip())
    enhanced = first[1]
    for index, line in enumerate(lines):
        found = _STATUS(line)
        if found is not None and found[1] == enhanced:
            lines[index] = line[found.end() :]
    return Reply(code, enhanced, "\n".join(lines).strip())
