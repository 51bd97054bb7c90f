"""What the server says it can do (RFC 3501 §7.2.1), by the state of the session.

Pure. Only what is whole stands here.
"""

from collections.abc import Collection, Iterable

from mailserver import sasl
from mailserver.settings import Imap

ENABLABLE: frozenset[str] = frozenset(
    (
        *("IMAP4REV2", "CONDSTORE", "QRESYNC", "UTF8=ACCEPT", "UIDONLY"),
        *("METADATA", "METADATA-SERVER"),
    )
)
"""What ENABLE turns on (RFC 5161), in upper case."""

_ALWAYS = (
    "IMAP4rev1",
    "IMAP4rev2",  # RFC 9051
    "ENABLE",  # RFC 5161
    "ID",  # RFC 2971
    "IDLE",  # RFC 2177
    "NOTIFY",  # RFC 5465
    "INPROGRESS",  # RFC 9585
    "NAMESPACE",  # RFC 2342
    "UIDPLUS",  # RFC 4315
    "UNSELECT",  # RFC 3691
    "CHILDREN",  # RFC 3348
    "SPECIAL-USE",  # RFC 6154
    "CREATE-SPECIAL-USE",  # RFC 6154
    "LIST-EXTENDED",  # RFC 5258
    "LIST-STATUS",  # RFC 5819
    "SEARCH=FUZZY",  # RFC 6203
    "MOVE",  # RFC 6851
    "CONDSTORE",  # RFC 7162
    "QRESYNC",  # RFC 7162
    "UIDONLY",  # RFC 9586
    "MULTIAPPEND",  # RFC 3502
    "CATENATE",  # RFC 4469
    "REPLACE",  # RFC 8508
    "BINARY",  # RFC 3516
    "STATUS=SIZE",  # RFC 8438
    "OBJECTID",  # RFC 8474
    "PREVIEW",  # RFC 8970
    "SAVEDATE",  # RFC 8514
    "UTF8=ACCEPT",  # RFC 6855
    "ESEARCH",  # RFC 4731
    "SEARCHRES",  # RFC 5182
    "WITHIN",  # RFC 5032
    "SORT",  # RFC 5256
    "SORT=DISPLAY",  # RFC 5957
    "ESORT",  # RFC 5267
    "CONTEXT=SEARCH",  # RFC 5267
    "CONTEXT=SORT",  # RFC 5267
    "PARTIAL",  # RFC 9394
    "MULTISEARCH",  # RFC 7377
    "THREAD=ORDEREDSUBJECT",  # RFC 5256
    "THREAD=REFERENCES",  # RFC 5256
    "I18NLEVEL=1",  # RFC 5255
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
_PLAIN = ("SASL-IR", "STARTTLS", "LOGINDISABLED")

# RFC 3501 §6.1.1: these must be told; a client that does not know of them cannot do without.
MUST_BE_TOLD = frozenset({"IMAP4REV1", "STARTTLS", "LOGINDISABLED"})
_SOMETIMES = ("LITERAL+", "LITERAL-", "COMPRESS=DEFLATE", "UNAUTHENTICATE")  # RFC 4978, 8437
_SPELLED = {name.upper(): name for name in _ALWAYS}
HIDEABLE = frozenset(
    name.upper()
    for name in (
        *(*_ALWAYS, *_PLAIN, *_SOMETIMES),
        *(f"AUTH={mechanism}" for mechanism in sasl.MECHANISMS),
    )
).difference(MUST_BE_TOLD)
"""What an operator may hide from an account or a program (`mailserver imap hide`)."""


def capabilities(
    mechanisms: Iterable[str],
    settings: Imap,
    *,
    authenticated: bool,
    secure: bool,
    compressed: bool = False,
    hidden: Collection[str] = (),
) -> tuple[str, ...]:
    """The capability list, without what is `hidden`, names in upper case.

    `secure`: inside TLS, where the SASL `mechanisms` are offered.
    """
    # RFC 7888 §5: one of LITERAL+ and LITERAL-. RFC 7889 §3: the same limit in all mailboxes.
    settled: tuple[str, ...] = (settings.literals, f"APPENDLIMIT={settings.max_literal}")
    if settings.message_limit:
        settled += (f"MESSAGELIMIT={settings.message_limit}",)  # RFC 9738 §3
    if authenticated:
        # RFC 4978 §3: COMPRESS is of no more use while the connection is compressed.
        more: tuple[str, ...] = (
            ("UNAUTHENTICATE",) if compressed else ("COMPRESS=DEFLATE", "UNAUTHENTICATE")
        )
    elif not secure:
        more = _PLAIN
    else:
        more = ("SASL-IR", *(f"AUTH={mechanism}" for mechanism in mechanisms))
    told = (*_ALWAYS, *settled, *more)
    return tuple(name for name in told if name.upper() not in hidden) if hidden else told


def spelled(name: str) -> str:
    """A capability in upper case as it is announced."""
    return _SPELLED.get(name, name)
