"""A mailbox's keywords as bits of its flags masks.

A flags mask is one integer: bits 0-4 are the system flags of RFC 3501 §2.3.2, bit 5+k is the
keyword `mailbox.keywords[k]`. A bigint has room for 58 of them; a mailbox takes no more.
"""

from collections.abc import Iterable, Sequence

SYSTEM_BITS = 5
SYSTEM_MASK = (1 << SYSTEM_BITS) - 1
KEYWORD_LIMIT = 58


def keyword_mask(table: Sequence[str], words: Iterable[str]) -> int:
    """The bits of `words`; case does not matter, words that are not in `table` have none."""
    places = {word.lower(): place for place, word in enumerate(table)}
    mask = 0
    for word in words:
        place = places.get(word.lower())
        if place is not None:
            mask |= 1 << (SYSTEM_BITS + place)
    return mask


def extended(table: Sequence[str], words: Iterable[str]) -> list[str]:
    """`table` with those of `words` that it lacks, case aside, at its end.

    The caller decides what happens when that is more than KEYWORD_LIMIT.
    """
    result = list(table)
    known = {word.lower() for word in table}
    for word in words:
        if word.lower() not in known:
            known.add(word.lower())
            result.append(word)
    return result
