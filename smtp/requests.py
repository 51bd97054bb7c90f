"""What the recipients of an envelope asked for, by where it is answered. Pure.

Invariant: an envelope that asks for nothing costs one look at each recipient.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from mailserver.mail.terms import NOTHING_ASKED, Asked, Notify
from smtp.recipients import Envelope


def asked_of(envelope: Envelope) -> dict[str, Asked] | None:
    """By address, as it goes into the queue; who is named twice is asked for as the first time."""
    found: dict[str, Asked] = {}
    for recipient in envelope.recipients:
        if recipient.asked is not NOTHING_ASKED:
            found.setdefault(str(recipient.address), recipient.asked)
    return found or None


def along(addresses: Iterable[str], asked: Asked) -> Mapping[str, Asked] | None:
    """The same for each of the addresses an alias leads to."""
    return None if asked is NOTHING_ASKED else dict.fromkeys(addresses, asked)


def reported(envelope: Envelope) -> dict[int, dict[str, Asked]]:
    """Who is served at once, and a report of success is owed for: by organization and address.

    RFC 3461 §5.2.3 (a), §5.2.7.3 (c); the null reverse path gets none (§5.2).
    """
    found: dict[int, dict[str, Asked]] = {}
    for recipient in envelope.recipients:
        asked, places = recipient.asked, recipient.resolution
        if not asked.notify or Notify.SUCCESS not in asked.notify or not places.local:
            continue
        done, _ = recipient.settled
        if done and envelope.sender:
            here = found.setdefault(places.organization_id, {})
            here.setdefault(str(recipient.address), replace(asked, done=done))
    return found
