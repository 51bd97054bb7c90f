"""Names of other users' mailboxes (RFC 2342): `user/ann@example.net/Projects`. Pure.

Everything else is a name of the user's own. What stands behind the address is the name that its
owner has for the mailbox, INBOX too.
"""

from imap.protocol.mailbox_name import SEPARATOR, canonical, mailbox_token

_ROOT = "user"
PREFIX = _ROOT + SEPARATOR


def is_others(name: str) -> bool:
    """True for a name that can be no mailbox of the user's own."""
    return name == _ROOT or name.startswith(PREFIX)


def owner_and_name(name: str) -> tuple[str, str] | None:
    """The owner's address and his name for the mailbox; None where there is not both.

    A local part may hold a separator, a domain none.
    """
    local_part, at, rest = name.removeprefix(PREFIX).partition("@")
    domain, separator, owned = rest.partition(SEPARATOR)
    if not (local_part and at and domain and separator and owned):
        return None
    return f"{local_part}@{domain}", canonical(owned)


def others_name(address: str, name: str) -> str:
    """What everybody but its owner calls a mailbox."""
    return f"{PREFIX}{address}{SEPARATOR}{name}"


# RFC 2342 §6: namespace-response = "*" SP "NAMESPACE" SP namespace SP namespace SP namespace
def encode_namespace() -> bytes:
    """`* NAMESPACE (("" "/")) (("user/" "/")) NIL`: one's own, other users', no shared ones."""
    separator = SEPARATOR.encode("ascii")
    prefix = mailbox_token(PREFIX)
    return b'* NAMESPACE (("" "%b")) (("%b" "%b")) NIL\r\n' % (separator, prefix, separator)
