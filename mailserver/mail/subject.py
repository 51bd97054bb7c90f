"""The base subject, by which SORT orders and THREAD joins (RFC 5256 §2.1)."""

from __future__ import annotations

import re

MAX_SUBJECT = 1000  # characters looked at: stripping is quadratic in the number of [blobs]

# subj-trailer = "(fwd)" / WSP
_TRAILER = re.compile(r"(?:\(fwd\)|\s)+\Z", re.IGNORECASE)
# subj-leader = (*subj-blob subj-refwd) / WSP
# subj-refwd = ("re" / ("fw" ["d"])) *WSP [subj-blob] ":"
_LEADER = re.compile(r"\s+|(?:\[[^\[\]]*\]\s*)*(?:re|fwd?)\s*(?:\[[^\[\]]*\]\s*)?:", re.IGNORECASE)
_BLOB = re.compile(r"\[[^\[\]]*\]\s*")


def base_subject(subject: str) -> str:
    """What is left of a decoded subject without "Re:", "Fwd:", "[list]", "(fwd)"; case is kept."""
    text = " ".join(subject[:MAX_SUBJECT].split())
    while True:
        text = _TRAILER.sub("", text) if text.endswith((" ", ")")) else text
        text = _without_leaders(text)
        # step 6: subj-fwd = "[fwd:" subject "]"
        if text[:5].lower() == "[fwd:" and text.endswith("]"):
            text = text[5:-1]
        else:
            return text


def _without_leaders(text: str) -> str:
    while True:
        leader = _LEADER.match(text)
        if leader is not None:
            text = text[leader.end() :]
            continue
        blob = _BLOB.match(text)
        # step 4: a blob goes only if something is left
        if blob is None or blob.end() == len(text):
            return text
        text = text[blob.end() :]
