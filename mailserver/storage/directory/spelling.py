"""How the directory spells what an operator types, or Refused: addresses and domain names."""

import re
import unicodedata

from mailserver.errors import Refused
from mailserver.mail.addresses import Address, AddressError, normalise_domain, parse_address
from mailserver.mail.srs import is_rewritten

# RFC 1123 §2.1: letters, digits and hyphens; two labels or more, since nobody else can send to one.
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"(?:{_LABEL}\.)+(?!\d+$){_LABEL}")


def domain_name(text: str) -> str:
    """The lower-case A-labels of a domain name."""
    try:
        name = normalise_domain(text)
    except AddressError as error:
        raise Refused(f"{text} is no domain name: {error}", "domain") from None
    if len(name) > 253 or not _DOMAIN.fullmatch(name):
        raise Refused(f"{text} is no domain name", "domain")
    return name


def local_address(text: str) -> tuple[str, str]:
    """Local part and domain of an address to be made here; one that needs quoting is refused."""
    try:
        address = parse_address(text, smtputf8=True)
    except AddressError as error:
        raise Refused(f"{text} is no address: {error}", "address") from None
    domain = domain_name(address.domain)
    local_part = split_key(address.key)[0]
    if str(Address(local_part, domain)) != f"{local_part}@{domain}":
        raise Refused(f"{text}: a local part that needs quotes is not taken here", "address")
    # What this Unicode does not know may have a lower case that Postgres does know.
    if len(local_part) > 64 or any(unicodedata.category(c)[0] in "CZ" for c in local_part):
        raise Refused(f"{text}: the local part has a character that is not taken here", "address")
    if is_rewritten(local_part):
        raise Refused(f"{text}: SRS0= and SRS1= are for rewritten senders", "address")
    return local_part, domain


def kept_address(text: str, field: str) -> str:
    """An address as it is kept: the local part as written, elsewhere its case may matter."""
    try:
        address = parse_address(text, smtputf8=True)
        return str(Address(address.local, normalise_domain(address.domain)))
    except AddressError as error:
        what = field.removesuffix("s")
        raise Refused(f"{what} {text} is no address: {error}", field) from None


def split_key(key: str) -> tuple[str, str]:
    """Local part and domain of an address's key."""
    local_part, _, domain = key.rpartition("@")
    return local_part, domain
