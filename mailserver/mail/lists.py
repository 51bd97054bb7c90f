"""The fields by which a group's mail is known for what it is (RFC 2369, RFC 2919)."""

from __future__ import annotations

from urllib.parse import quote

from mailserver.mail.addresses import Address
from mailserver.mail.folding import fold_field
from mailserver.mail.headers import fields

OWNER = "owner-"  # before a group's local part: the address of those who answer for it


def owner_of(group: Address) -> Address:
    """Where a group's bounces go (RFC 5321 §3.9.2: the person who administers the list)."""
    return Address(OWNER + group.local, group.domain)


def list_fields(group: Address, *, closed: bool) -> bytes:
    """What goes before a group's mail, CR LF-ended; `closed`: its readers may not post."""
    # RFC 2919 §2: a list-id is a dot-atom-text in a domain of its owner's.
    name = quote(group.local, safe="!#$&'*+/=?^_`{|}~-.").strip(".") or "list"
    post = "NO" if closed else f"<mailto:{_url(group)}>"  # RFC 2369 §3.4
    return b"".join(
        (
            fold_field("List-Id", [f"<{name}.{group.domain}>"]),
            fold_field("List-Post", [post]),
            fold_field("List-Owner", [f"<mailto:{_url(owner_of(group))}>"]),
        )
    )


def is_from_list(header: bytes) -> bool:
    """True when it has a List-Id already: a list within that list leaves it (RFC 2919 §7)."""
    return any(name.lower() == b"list-id" for name, _ in fields(header))


def _url(address: Address) -> str:
    """The address as RFC 6068 §2 writes it in a mailto: URL."""
    return f"{quote(address.local, safe='')}@{address.domain}"
