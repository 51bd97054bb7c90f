"""SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, RFC 7677): the password is not sent, both sides
prove that they know it, and -PLUS binds the proof to the TLS connection it came over."""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass

from mailserver.sasl import verifier
from mailserver.sasl.exchange import (
    Denied,
    Exchange,
    Malformed,
    ProofClaim,
    VerifiersWanted,
    response_to,
    same_identity,
    text,
)
from mailserver.sasl.names import SASLNAME, unescaped
from mailserver.sasl.verifier import Verifiers

_PRINTABLE = r"[\x21-\x2b\x2d-\x7e]+"  # everything that may stand in a nonce: no comma
# RFC 5802 §7: gs2-header = gs2-cbind-flag "," [authzid] ","
#   QUIRKS: GNU SASL sends "a=" for no authzid.
#   client-first-message = gs2-header [reserved-mext ","] username "," nonce ["," extensions]
_FIRST = re.compile(
    rf"(?P<header>(?P<flag>n|y|p=(?P<binding>[A-Za-z0-9.-]+)),(?:a=(?P<authzid>(?:{SASLNAME})?))?,)"
    rf"(?P<bare>n=(?P<name>{SASLNAME}),r=(?P<nonce>{_PRINTABLE})(?:,[A-Za-z]=[^\0,]+)*)"
)
# client-final-message = "c=" base64 "," "r=" nonce ["," extensions] "," "p=" base64
_FINAL = re.compile(
    rf"(?P<unproved>c=(?P<binding>[A-Za-z0-9+/=]+),r=(?P<nonce>{_PRINTABLE})"
    r"(?:,[A-Za-z]=[^\0,]+)*),p=(?P<proof>[A-Za-z0-9+/=]+)"
)


@dataclass(slots=True)
class _First:
    """The client's first message."""

    header: bytes  # gs2-header, which its last message has to repeat
    flag: str  # gs2-cbind-flag: "n", "y" or "p=…"
    binding: str  # cb-name behind "p="
    authorization: str
    name: str
    nonce: str
    bare: str


def scram(nonce: str, bindings: Mapping[str, bytes], *, plus: bool, offers_plus: bool) -> Exchange:
    """`nonce`: the server's part, fresh and printable. `bindings`: channel binding type → data.

    `plus`: the mechanism is the -PLUS one; `offers_plus`: the client could have chosen it.
    """
    first = _first((yield from response_to(b"")))
    same_identity(first.authorization, first.name)
    bound = _channel(first, bindings, plus=plus, offers_plus=offers_plus)

    verifiers: Verifiers = yield VerifiersWanted(first.name)
    salt = base64.b64encode(verifiers.salt).decode()
    server_first = f"r={first.nonce}{nonce},s={salt},i={verifiers.iterations}"
    final = _FINAL.fullmatch(text((yield from response_to(server_first.encode()))))
    if final is None:
        raise Malformed("no client-final-message")
    # RFC 5802 §5.1: what the client saw of the channel, and both nonces, must be what is here.
    if _decoded(final["binding"]) != bound or final["nonce"] != first.nonce + nonce:
        raise Denied

    auth_message = f"{first.bare},{server_first},{final['unproved']}".encode()
    found = verifier.matching(verifiers.known, auth_message, _decoded(final["proof"]))
    if found is None:
        raise Denied
    valid: bool = yield ProofClaim(first.name, found.stored_key)
    if not valid:
        raise Denied
    signature = base64.b64encode(verifier.server_signature(found, auth_message))
    # RFC 4422 §5: data with the outcome goes in a challenge, which is answered with nothing.
    if (yield from response_to(b"v=" + signature)):
        raise Malformed("a response where none is due")


def _first(message: bytes) -> _First:
    found = _FIRST.fullmatch(text(message))
    if found is None:
        # A mandatory extension (reserved-mext, "m=") is one that no server may let pass.
        raise Malformed("no client-first-message")
    return _First(
        header=found["header"].encode(),
        flag=found["flag"],
        binding=found["binding"] or "",
        authorization=unescaped(found["authzid"] or ""),
        name=unescaped(found["name"]),
        nonce=found["nonce"],
        bare=found["bare"],
    )


def _channel(
    first: _First, bindings: Mapping[str, bytes], *, plus: bool, offers_plus: bool
) -> bytes:
    """cbind-input, which the client's last message has to repeat (RFC 5802 §6, §7)."""
    if plus != first.flag.startswith("p="):
        raise Malformed("the channel binding flag does not fit the mechanism")
    if first.flag == "y" and offers_plus:
        # Somebody between us has taken -PLUS off the list.
        raise Denied
    if not plus:
        return first.header
    data = bindings.get(first.binding)
    if data is None:
        raise Malformed("this channel binding type is not offered")
    return first.header + data


def _decoded(base64_text: str) -> bytes:
    try:
        return base64.b64decode(base64_text, validate=True)
    except binascii.Error:
        raise Malformed("not base64") from None
