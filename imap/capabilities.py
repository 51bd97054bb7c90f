"""What the server says it can do (RFC 3501 §7.2.1), by the state of the session.

Pure. Only what is whole stands here.
"""

from collections.abc import Collection, Iterable

from mailserver import sasl

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
)
# RFC 3501 §6.2.3: what an eavesdropper must not read is not even asked for.
_PLAIN = (*_ALWAYS, "SASL-IR", "STARTTLS", "LOGINDISABLED")

# RFC 3501 §6.1.1: these must be told; a client that does not know of them cannot do without.
MUST_BE_TOLD = frozenset({"IMAP4REV1", "STARTTLS", "LOGINDISABLED"})
HIDEABLE = frozenset(
    name.upper() for name in (*_PLAIN, *(f"AUTH={mechanism}" for mechanism in sasl.MECHANISMS))
).difference(MUST_BE_TOLD)
"""What an operator may hide from an account or a program (`mailserver imap hide`)."""


def capabilities(
    mechanisms: Iterable[str],
    *,
    authenticated: bool,
    secure: bool,
    hidden: Collection[str] = (),
) -> tuple[str, ...]:
    """The capability list, without what is `hidden`, names in upper case.

    `secure`: inside TLS, where the SASL `mechanisms` are offered.
    """
    if authenticated:
        told: tuple[str, ...] = _ALWAYS
    elif not secure:
        told = _PLAIN
    else:
        told = (*_ALWAYS, "SASL-IR", *(f"AUTH={mechanism}" for mechanism in mechanisms))
    return tuple(name for name in told if name.upper() not in hidden) if hidden else told
