"""The names of certificates: what a client asks for, and what may answer it. Pure."""

import re

from mailserver.mail.addresses import AddressError, normalise_domain

_LONGEST = 253
# RFC 6066 §3: HostName is ASCII. This also keeps what a client sends from leaving a folder.
_HOST_NAME = re.compile(
    r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*"
)


def asked_for(server_name: str | None) -> str | None:
    """A name in its one spelling: lower case, A-labels, no trailing dot; None: it is none."""
    try:
        name = normalise_domain(server_name or "")
    except AddressError:
        return None
    return name if len(name) <= _LONGEST and _HOST_NAME.fullmatch(name) else None


def answering(name: str) -> tuple[str, ...]:
    """The certificates that may be shown for `name`, best first."""
    # RFC 6125 §6.4.3: "*" stands for the whole leftmost label, and for one.
    _, _, parent = name.partition(".")
    return (name, f"*.{parent}") if "." in parent else (name,)
