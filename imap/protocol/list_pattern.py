"""LIST's wildcards (RFC 3501 §6.3.8): `*` is anything, `%` anything within one level.

Matching takes one pass over the name whatever the pattern: the set of places in the pattern that
may have been reached is carried along as the bits of an integer, nothing is tried twice.
"""

import re

from imap.protocol.mailbox_name import INBOX, SEPARATOR, join_reference

_WILDCARDS = re.compile(r"[*%]{2,}")


class ListPattern:
    """One pattern, ready to be held against many names."""

    __slots__ = ("_automaton", "_plain", "_upper", "text")

    def __init__(self, reference: str, pattern: str) -> None:
        text = join_reference(reference, pattern)
        # Wildcards that stand together mean the widest of them.
        text = _WILDCARDS.sub(lambda found: "*" if "*" in found[0] else "%", text)
        self.text = text
        self._plain = None if "*" in text or "%" in text else text
        self._automaton = _Automaton(text)
        # RFC 3501 §5.1: INBOX is that name in any case.
        self._upper = _Automaton(text.upper())

    def matches(self, name: str) -> bool:
        """True if LIST with this pattern tells of the mailbox."""
        if self.text == "*":
            return True
        if self._plain is not None:
            return name == self._plain
        return self._automaton.accepts(name) or (name == INBOX and self._upper.accepts(name))


class _Automaton:
    """The pattern's places as bits: bit i is set when its first i elements have been matched."""

    __slots__ = ("_final", "_literal", "_stars", "_wild")

    def __init__(self, text: str) -> None:
        self._literal: dict[str, int] = {}
        self._stars = 0
        self._wild = 0
        self._final = 1 << len(text)
        for place, char in enumerate(text):
            if char in "*%":
                self._wild |= 1 << place
                self._stars |= (char == "*") << place
            else:
                self._literal[char] = self._literal.get(char, 0) | 1 << place

    def accepts(self, name: str) -> bool:
        literal, wild, stars = self._literal, self._wild, self._stars
        # A wildcard may match nothing; no two stand together, so one step over it is enough.
        places = 1 | (1 & wild) << 1
        for char in name:
            stay = stars if char == SEPARATOR else wild
            places = (places & literal.get(char, 0)) << 1 | (places & stay)
            places |= (places & wild) << 1
            if not places:
                return False
        return bool(places & self._final)
