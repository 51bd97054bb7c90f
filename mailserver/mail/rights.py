"""The rights of IMAP's access control lists (RFC 4314 §2). Pure.

A set of rights is a frozenset of letters. An entry grants rights to one account or to everybody of
the organization, or takes them away (a negative entry, RFC 4314 §2: "-" before the identifier).
"""

from collections.abc import Iterable
from dataclasses import dataclass

Rights = frozenset[str]

ORDER = "lrswipkxtea"  # RFC 4314 §2.1: lookup, read, seen, write, insert, post, …
ALL: Rights = frozenset(ORDER)
NONE: Rights = frozenset()
ANYONE = 0  # in place of an account's id
OWNER_KEEPS: Rights = frozenset("lra")

# RFC 4314 §2.1.1: what the rights `c` and `d` of the first ACL extension stand for.
_OBSOLETE = {"c": frozenset("kx"), "d": frozenset("te")}
# RFC 4314 §5.2: with one of these a mailbox is not read-only.
_CHANGING = frozenset("iswte")


@dataclass(slots=True)
class Entry:
    """What a list says of one account, or of ANYONE."""

    account_id: int
    rights: Rights
    negative: bool = False


def parse_rights(text: str) -> Rights:
    """The rights that the letters name. Raises ValueError for a letter that is none."""
    found: set[str] = set()
    for letter in text:
        if letter in _OBSOLETE:
            found |= _OBSOLETE[letter]
        elif letter in ALL:
            found.add(letter)
        else:
            raise ValueError(f"{letter!r} is no right")
    return frozenset(found)


def write_rights(rights: Rights) -> str:
    """Letters in their usual order; RFC 4314 §2.1.1: then `c` and `d` for who knows only those."""
    obsolete = (letter for letter, stands_for in _OBSOLETE.items() if rights & stands_for)
    return "".join(letter for letter in ORDER if letter in rights) + "".join(obsolete)


def effective(entries: Iterable[Entry], account_id: int, owner_id: int) -> Rights:
    """What an account of the owner's organization may do.

    RFC 4314 §2: granted is what any entry grants, less what any negative entry names. An owner
    whose list does not name him has all rights; some of them he never loses.
    """
    granted: set[str] = set()
    denied: set[str] = set()
    owns = account_id == owner_id
    named = False
    for entry in entries:
        if entry.account_id in (account_id, ANYONE):
            (denied if entry.negative else granted).update(entry.rights)
            named = named or (entry.account_id == account_id and not entry.negative)
    if owns and not named:
        granted.update(ALL)
    rights = frozenset(granted - denied)
    return rights | OWNER_KEEPS if owns else rights


def may_change(rights: Rights) -> bool:
    """True if SELECT is told READ-WRITE (RFC 4314 §5.2)."""
    return bool(rights & _CHANGING)
