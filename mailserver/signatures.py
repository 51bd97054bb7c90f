"""DKIM (RFC 6376, Ed25519 by RFC 8463): signing by `cryptography`, verifying by dkimpy.

Invariants: what is signed is what is sent, byte for byte, so callers hand in CRLF lines only; every
step is linear in the message, whose body is hashed in pieces and never copied whole. Signing 10 KB
costs about 0.3 ms; callers sign large bodies in a thread.

dkimpy signs with its own clock, splits the whole body into lines and computes RSA in Python (7 ms),
so that only its verifier is used, with RSA by `cryptography` and a linear "relaxed" body.
"""

import base64
import functools
import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import dkim
import dkim.canonicalization
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from mailserver.mail.headers import end_of_header, fields
from mailserver.objects import Content

_PIECE = 256 * 1024  # bytes of body canonicalised at a time
_LINE = 76  # characters of a line of our field

# RFC 6376 §5.4.1: what carries the meaning of the message. Not what hosts on the way add or change
# (Received, Return-Path, other signatures).
_SIGNED = frozenset(
    b"from sender reply-to subject date message-id to cc mime-version content-type"
    b" content-transfer-encoding content-id content-description resent-date resent-from"
    b" resent-sender resent-to resent-cc resent-message-id in-reply-to references list-id"
    b" list-help list-unsubscribe list-unsubscribe-post list-subscribe list-post list-owner"
    b" list-archive".split()
)
# RFC 6376 §8.15: named once more than they occur, so that nobody can add another one on top.
_OVERSIGNED = frozenset((b"from", b"subject", b"date"))

_WSP = re.compile(rb"[ \t]+")
_BLANK = b" \t\r\n"

_MOST_SIGNATURES = 10  # verified in one message; RFC 6376 §6.1 lets a verifier stop somewhere


@dataclass(slots=True)
class Verdict:
    """One DKIM-Signature field, in the order of the message."""

    domain: str  # d=, lower case; "" when the field cannot be read
    selector: str
    valid: bool


def sign(
    content: Content,
    *,
    prefix: bytes,
    domain: str,
    selector: str,
    private_key: bytes,
    algorithm: str,
    time: int,
) -> bytes:
    """The DKIM-Signature field, ended by CRLF, to be put before `prefix` and `content`.

    `prefix` is whole header fields, `content` the message, both with CRLF line ends only;
    `private_key` PKCS#8 PEM; `algorithm` "rsa-sha256" or "ed25519-sha256"; `time` in seconds of the
    Unix epoch. Raises ValueError when key and algorithm do not fit.
    """
    key = _private_key(private_key)
    body = end_of_header(content)
    names, canonical = _header(prefix + content[:body])
    digest = hashlib.sha256()
    for piece in relaxed_body(content, body):
        digest.update(piece)
    unsigned = _field(names, domain, selector, algorithm, time, digest.digest())
    # RFC 6376 §3.7: our own field comes last, with an empty b= and without its line end.
    hashed = hashlib.sha256(canonical + _relaxed(b"DKIM-Signature", unsigned)).digest()
    signature = base64.b64encode(_signature(key, algorithm, hashed))
    return b"DKIM-Signature:" + unsigned + _folded(signature, room=_LINE - 4) + b"\r\n"


def _header(header: bytes) -> tuple[list[bytes], bytes]:
    """The names for h= and the canonical fields they stand for, in that order."""
    names: list[bytes] = []
    canonical: list[bytes] = []
    # RFC 6376 §5.4.2: of several fields of one name, the lowest is signed first.
    for name, raw in reversed(list(fields(header))):
        lower = name.lower()
        if lower in _SIGNED:
            names.append(lower)
            canonical.append(_relaxed(name, raw.partition(b":")[2]) + b"\r\n")
    names += sorted(_OVERSIGNED.intersection(names) | {b"from"})
    return names, b"".join(canonical)


def _relaxed(name: bytes, value: bytes) -> bytes:
    """One field in the "relaxed" form without its line end, RFC 6376 §3.4.2."""
    unfolded = value.replace(b"\r\n", b"")
    return name.lower() + b":" + _WSP.sub(b" ", unfolded).strip(b" ")


def relaxed_body(content: Content, start: int) -> Iterator[bytes]:
    """The body, from offset `start` on, in the "relaxed" form of RFC 6376 §3.4.4, in pieces.

    White space at the end of lines goes, other runs become one space, empty lines at the end go; a
    body that is not empty then ends by one CRLF.
    """
    lines = 0  # line ends that wait for something to follow them
    space = False  # white space that waits for something to follow it on its line
    empty = True
    while start < len(content):
        piece = content[start : start + _PIECE]
        if piece.endswith(b"\r") and start + len(piece) < len(content):
            piece += content[start + len(piece) : start + len(piece) + 1]  # keep CR LF together
        start += len(piece)
        text = piece.lstrip(_BLANK)
        lines, space = _gap(piece[: len(piece) - len(text)], lines, space)
        if not text:
            continue
        core = text.rstrip(_BLANK)
        yield b"\r\n" * lines + b" " * space + _relaxed_lines(core)
        empty = False
        lines, space = _gap(text[len(core) :], 0, False)
    if not empty:
        yield b"\r\n"


def _gap(blank: bytes, lines: int, space: bool) -> tuple[int, bool]:
    """What waits after `blank`, a run of white space and line ends."""
    more = blank.count(b"\r\n")
    if more:
        return lines + more, not blank.endswith(b"\r\n")
    return lines, space or bool(blank)


def _relaxed_lines(text: bytes) -> bytes:
    # Halving runs of spaces is linear, where the pattern "[ \t]+\r\n" is quadratic in a long run.
    text = text.replace(b"\t", b" ")
    while b"  " in text:
        text = text.replace(b"  ", b" ")
    return text.replace(b" \r\n", b"\r\n")


def _field(
    names: list[bytes], domain: str, selector: str, algorithm: str, time: int, body_hash: bytes
) -> bytes:
    """The value of our field, up to and with "b=" (RFC 6376 §3.5)."""
    signed = _joined(names)
    return (
        b" v=1; a=%b; c=relaxed/relaxed;\r\n\td=%b; s=%b; t=%d;\r\n\th=%b;\r\n\tbh=%b;\r\n\tb="
        % (
            algorithm.encode(),
            domain.encode(),
            selector.encode(),
            time,
            signed,
            base64.b64encode(body_hash),
        )
    )


def _joined(names: list[bytes]) -> bytes:
    """The names separated by colons, folded where a line would get long."""
    lines = [names[0]]
    for name in names[1:]:
        if len(lines[-1]) + len(name) > _LINE - 4:
            lines.append(name)
        else:
            lines[-1] += b":" + name
    return b":\r\n\t ".join(lines)


def _folded(text: bytes, *, room: int) -> bytes:
    return b"\r\n\t".join(text[at : at + room] for at in range(0, len(text), room))


@functools.lru_cache(maxsize=1024)
def _private_key(pem: bytes) -> rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey:
    key = load_pem_private_key(pem, password=None)
    if not isinstance(key, rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey):
        raise ValueError("a DKIM key is RSA or Ed25519")
    return key


def _signature(
    key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey, algorithm: str, digest: bytes
) -> bytes:
    if isinstance(key, rsa.RSAPrivateKey) and algorithm == "rsa-sha256":
        return key.sign(digest, PKCS1v15(), Prehashed(SHA256()))
    if isinstance(key, ed25519.Ed25519PrivateKey) and algorithm == "ed25519-sha256":
        return key.sign(digest)  # RFC 8463 §3: PureEdDSA over the SHA-256 hash
    raise ValueError(f"this key does not sign {algorithm}")


def verify(message: bytes, key_record: Callable[[str], bytes | None]) -> list[Verdict]:
    """Check the DKIM signatures of `message`, topmost first; blocking.

    `key_record` gives the TXT record of a name such as "s1._domainkey.example.com", None when there
    is none; what it raises goes through.
    """
    try:
        checker = dkim.DKIM(message)
    except _MALFORMED:
        return []
    found = [value for name, value in checker.headers if name.lower() == b"dkim-signature"]

    def record(name: bytes, timeout: float = 5.0) -> bytes | None:
        return key_record(name.decode("ascii", "replace").rstrip("."))

    verdicts = []
    for index in range(min(len(found), _MOST_SIGNATURES)):
        try:
            valid = bool(checker.verify(idx=index, dnsfunc=record))
        except _MALFORMED:
            valid = False
        verdicts.append(Verdict(_tag(found[index], b"d").lower(), _tag(found[index], b"s"), valid))
    return verdicts


# What dkimpy raises on bytes that are no message, no signature or no key.
_MALFORMED = (dkim.DKIMException, ValueError, LookupError, TypeError, AssertionError)


def _tag(value: bytes, name: bytes) -> str:
    """The value of one tag of a tag list (RFC 6376 §3.2)."""
    for tag in value.split(b";"):
        key, _, text = tag.partition(b"=")
        if key.strip() == name:
            return text.strip().decode("ascii", "replace")
    return ""


def _verify_rsa(hashed: Any, signature: bytes, key: dict[str, int]) -> bool:
    """dkimpy's RSASSA_PKCS1_v1_5_verify, by `cryptography`."""
    if hashed.name != "sha256":  # RFC 8301 §3.1: rsa-sha1 is not to be believed any more
        return False
    try:
        public = rsa.RSAPublicNumbers(key["publicExponent"], key["modulus"]).public_key()
        public.verify(signature, hashed.digest(), PKCS1v15(), Prehashed(SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return True


def _relaxed_whole(body: bytes) -> bytes:
    """dkimpy's "relaxed" body; what others signed may hold a CR alone, which is text."""
    text = _relaxed_lines(body)
    kept = text.rstrip(b"\r\n")
    tail = text[len(kept) :]
    kept += tail if tail.endswith(b"\r") else tail[: tail.rfind(b"\r\r") + 1]
    return kept + b"\r\n" if kept else b""


dkim.RSASSA_PKCS1_v1_5_verify = _verify_rsa
dkim.canonicalization.Relaxed.canonicalize_body = staticmethod(_relaxed_whole)
