"""What the server says it can do (RFC 3501 §7.2.1), by the state of the session.

Pure. Only what is whole stands here.
"""

from collections.abc import Iterable

ENABLABLE: frozenset[str] = frozenset()
"""What ENABLE turns on (RFC 5161): nothing yet."""

_ALWAYS = (
    "IMAP4rev1",
    "LITERAL+",  # RFC 7888
    "ENABLE",  # RFC 5161
    "ID",  # RFC 2971
    "IDLE",  # RFC 2177
    "NAMESPACE",  # RFC 2342
    "UIDPLUS",  # RFC 4315
    "UNSELECT",  # RFC 3691
    "CHILDREN",  # RFC 3348
    "SPECIAL-USE",  # RFC 6154
    "CREATE-SPECIAL-USE",  # RFC 6154
    "LIST-EXTENDED",  # RFC 5258
    "LIST-STATUS",  # RFC 5819
    "MOVE",  # RFC 6851
    "QUOTA",  # RFC 2087, RFC 9208
    "QUOTA=RES-STORAGE",
    "QUOTA=RES-MESSAGE",
    "QUOTASET",
    "ACL",  # RFC 4314
    "RIGHTS=kxte",
    "LIST-MYRIGHTS",  # RFC 8440
    "METADATA",  # RFC 5464
    "METADATA-SERVER",
    "LIST-METADATA",  # RFC 9590
)
# RFC 3501 §6.2.3: what an eavesdropper must not read is not even asked for.
_PLAIN = (*_ALWAYS, "SASL-IR", "STARTTLS", "LOGINDISABLED")


def capabilities(
    mechanisms: Iterable[str], *, authenticated: bool, secure: bool
) -> tuple[str, ...]:
    """The capability list; `secure`: inside TLS, where the SASL `mechanisms` are offered."""
    if authenticated:
        return _ALWAYS
    if not secure:
        return _PLAIN
    return (*_ALWAYS, "SASL-IR", *(f"AUTH={mechanism}" for mechanism in mechanisms))
