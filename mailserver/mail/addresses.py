"""Mail addresses as SMTP paths carry them: parsing, comparing, sub-addressing.

Invariants: an `Address` made by `parse_address` fits the limits of RFC 5321 §4.5.3.1; its local
part is held without quoting; `str(address)` is again a valid addr-spec for the same mailbox.
"""

from __future__ import annotations

import functools
import ipaddress
import re
import unicodedata
from dataclasses import dataclass

import idna

MAX_LOCAL = 64  # octets, RFC 5321 §4.5.3.1.1
MAX_DOMAIN = 255  # octets, RFC 5321 §4.5.3.1.2
MAX_ADDRESS = 254  # octets: the path limit of 256 (§4.5.3.1.3) less its angle brackets
MAX_LABEL = 63  # octets, RFC 1035 §2.3.4


class AddressError(ValueError):
    """The text is no address; `str(error)` says why in words fit for an SMTP reply."""


# RFC 5321 §4.1.2: Dot-string = Atom *("." Atom).
# QUIRKS: "_" in domain labels: Let-dig and Ldh-str know none, but hosts with such names send mail.
_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]"
_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?"
_PLAIN = re.compile(rf"({_ATEXT}+(?:\.{_ATEXT}+)*)@({_LABEL}(?:\.{_LABEL})*)").fullmatch
_DOT_ATOM = re.compile(rf"{_ATEXT}+(?:\.{_ATEXT}+)*").fullmatch
_ASCII_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*").fullmatch
# RFC 6531 §3.3 adds UTF8-non-ascii to atext, qtextSMTP and sub-domain.
_UTF8_DOT_ATOM = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\x80-\U0010ffff-]+"
    r"(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~\x80-\U0010ffff-]+)*"
).fullmatch
# Quoted-string = DQUOTE *(qtextSMTP / quoted-pairSMTP) DQUOTE
_QUOTED = re.compile(r'"((?:[ !#-\[\]-~\x80-\U0010ffff]|\\[ -~])*)"').fullmatch
_QUOTED_START = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL).match
_QUOTED_PAIR = re.compile(r"\\(.)")


@dataclass(slots=True, unsafe_hash=True)
class Address:
    """One mailbox. `local` is unquoted; `domain` is as written (A-labels, U-labels or literal)."""

    local: str
    domain: str

    @property
    def key(self) -> str:
        """What look-ups compare: lower-cased local part, "@", normalised domain.

        RFC 5321 §2.4 lets only the final host say whether local parts are case-sensitive; here they
        are not. Raises AddressError if the domain cannot be an internationalised name.
        """
        local = self.local
        if not local.isascii():
            local = unicodedata.normalize("NFC", local)
        return f"{local.lower()}@{normalise_domain(self.domain)}"

    def without_detail(self, separator: str = "+") -> Address:
        """The address without its sub-address (RFC 5233): user+detail@d is user@d."""
        user, found, _ = self.local.partition(separator)
        return Address(user, self.domain) if found and user else self

    def __str__(self) -> str:
        local = self.local
        if _DOT_ATOM(local) or (not local.isascii() and _UTF8_DOT_ATOM(local)):
            return f"{local}@{self.domain}"
        escaped = local.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"@{self.domain}'


def parse_address(text: str | bytes, *, smtputf8: bool) -> Address:
    """Mailbox = Local-part "@" ( Domain / address-literal ), RFC 5321 §4.1.2, without brackets.

    With `smtputf8` the forms of RFC 6531 §3.3 are taken too. Raises AddressError.
    """
    if isinstance(text, bytes):
        text = _decode(text, smtputf8)
    plain = _PLAIN(text) if len(text) <= MAX_ADDRESS else None
    if plain is not None:
        local, domain = plain.groups()
        # a domain of MAX_LABEL octets or less has no label that is longer
        if len(local) <= MAX_LOCAL and (len(domain) <= MAX_LABEL or _labels_fit(domain)):
            return Address(local, domain)
    return _parse_rare(text, smtputf8)


def _decode(raw: bytes, smtputf8: bool) -> str:
    try:
        return raw.decode("utf-8" if smtputf8 else "ascii")
    except UnicodeDecodeError:
        reason = "not valid UTF-8" if smtputf8 else "non-ASCII address without SMTPUTF8"
        raise AddressError(reason) from None


def _parse_rare(text: str, smtputf8: bool) -> Address:
    """Quoted local parts, literals, internationalised addresses; what is wrong with the rest."""
    if not text.isascii() and not smtputf8:
        raise AddressError("non-ASCII address without SMTPUTF8")
    try:
        octets = len(text.encode())
    except UnicodeEncodeError:  # lone surrogates, from a str that never was valid text
        raise AddressError("not valid UTF-8") from None
    if octets > MAX_ADDRESS:
        raise AddressError(f"address longer than {MAX_ADDRESS} octets")
    local, domain = _split(text)
    if len(local.encode()) > MAX_LOCAL:
        raise AddressError(f"local part longer than {MAX_LOCAL} octets")
    _check_domain(domain)
    return Address(_unquote(local), domain)


def _split(text: str) -> tuple[str, str]:
    quoted = _QUOTED_START(text)
    at = quoted.end() if quoted is not None else text.find("@")
    if at < 0 or text[at : at + 1] != "@":
        raise AddressError("address without @")
    return text[:at], text[at + 1 :]


def _unquote(local: str) -> str:
    if local.startswith('"'):
        quoted = _QUOTED(local)
        if quoted is None:
            raise AddressError("bad quoted local part")
        return _QUOTED_PAIR.sub(r"\1", quoted.group(1))
    if not _UTF8_DOT_ATOM(local):
        raise AddressError("bad local part")
    return local


def _check_domain(domain: str) -> None:
    if domain.startswith("["):
        _check_literal(domain)
    elif domain.isascii():
        if not _ASCII_DOMAIN(domain) or not _labels_fit(domain):
            raise AddressError("bad domain")
    else:
        normalise_domain(domain)


def _check_literal(domain: str) -> None:
    """address-literal of RFC 5321 §4.1.3: [192.0.2.1] or [IPv6:2001:db8::1], no other tag."""
    inner = domain[1:-1]
    try:
        if not domain.endswith("]"):
            raise ValueError
        if inner[:5].lower() == "ipv6:":
            if "%" in inner:  # a zone means nothing to anybody else
                raise ValueError
            ipaddress.IPv6Address(inner[5:])
        else:
            ipaddress.IPv4Address(inner)
    except ValueError:
        raise AddressError("bad address literal") from None


def _labels_fit(domain: str) -> bool:
    return all(len(label) <= MAX_LABEL for label in domain.split("."))


def normalise_domain(domain: str) -> str:
    """The domain as it is looked up: lower case, A-labels (UTS #46, RFC 5891), no trailing dot.

    An address literal is only lower-cased. Raises AddressError if it cannot be made an A-label form
    or has more than 255 octets.
    """
    if domain.isascii():
        plain = domain.lower()
        if plain.endswith("."):
            plain = plain[:-1]
        if not plain or len(plain) > MAX_DOMAIN:
            raise AddressError("bad domain")
        return plain
    return _a_labels(domain)


@functools.lru_cache(maxsize=4096)
def _a_labels(domain: str) -> str:
    if len(domain) > MAX_DOMAIN:
        raise AddressError("bad domain")
    try:
        encoded = idna.encode(domain, uts46=True, transitional=False).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        raise AddressError("bad internationalised domain") from None
    return encoded.lower().rstrip(".")
