"""The base subject of RFC 5256 §2.1: a subject without what replies and forwards put around it.

Pure, linear in the subject, never raises.
"""

import re
from typing import NamedTuple

# subj-blob = "[" *BLOBCHAR "]" *WSP;  BLOBCHAR is anything but "[" and "]"
_BLOBS = re.compile(r"(?:\[[^\[\]]*+\] *+)*+")
# subj-refwd = ("re" / ("fw" ["d"])) *WSP [subj-blob] ":"
_MARK = re.compile(r"(?:re|fwd?) *+(?:\[[^\[\]]*+\] *+)?+: *+", re.IGNORECASE | re.ASCII)
_FORWARD = "[fwd:"  # subj-fwd-hdr
_TRAILER = "(fwd)"
_SPACES = re.compile(r"[ \t\r\n]+")


class BaseSubject(NamedTuple):
    """What is left of a subject, and whether it was marked as a reply or a forward."""

    text: str
    is_reply: bool


def base_subject(subject: str) -> BaseSubject:
    """RFC 5256 §2.1, from a subject whose encoded words are decoded; its case stays."""
    # (1): tabs, continuations and several spaces are one space.
    text = _SPACES.sub(" ", subject).strip(" ")
    start, end, marked = 0, len(text), False
    while True:
        # (2): subj-trailer = "(fwd)" / WSP, as often as there are any
        while True:
            while end > start and text[end - 1] == " ":
                end -= 1
            if text[max(start, end - len(_TRAILER)) : end].lower() != _TRAILER:
                break
            end -= len(_TRAILER)
            marked = True
        start, found = _without_leaders(text, start, end)
        marked |= found
        # (6): "[fwd:" … "]" around it all, and again from (2)
        inner = start + len(_FORWARD)
        if text[start:inner].lower() != _FORWARD or text[end - 1] != "]" or inner >= end:
            return BaseSubject(text[start:end], marked)
        start, end, marked = inner, end - 1, True


def _without_leaders(text: str, start: int, end: int) -> tuple[int, bool]:
    """Steps (3) to (5): (where the base begins, whether a mark of a reply stood before it)."""
    marked = False
    while True:
        while start < end and text[start] == " ":
            start += 1
        blobs = _BLOBS.match(text, start, end)
        after = start if blobs is None else blobs.end()
        # (3): subj-leader = (*subj-blob subj-refwd) / WSP
        mark = _MARK.match(text, after, end)
        if mark is not None:
            start, marked = mark.end(), True
            continue
        # (4): blobs go as long as something is left behind them.
        if after >= end and start < end:
            return text.rindex("[", start, end), marked
        return after, marked
