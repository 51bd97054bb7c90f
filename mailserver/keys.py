"""Key pairs: DKIM's, and the self-signed certificate of a server that has no other yet.

Private keys are PKCS#8 PEM without a passphrase. Nothing here keeps or logs a key.
"""

import base64
import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

RSA_BITS = 2048  # RFC 8301 §3.2: signers SHOULD use 2048 bits or more; 4096 overflows a UDP answer
SELF_SIGNED_DAYS = 397  # what clients accept at most; it is made again at a start near its end
_CLOCK_SKEW = timedelta(hours=1)

_PrivateKey = rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey


class Algorithm(StrEnum):
    """How a DKIM key signs: the value of the tag `a=`."""

    RSA = "rsa-sha256"
    ED25519 = "ed25519-sha256"


@dataclass(slots=True)
class SelfSigned:
    """A certificate and its key, both PEM."""

    certificate: bytes
    private_key: bytes


def generate_dkim_key(algorithm: Algorithm) -> bytes:
    """A new private key; RSA takes about 0.1 s of CPU, so call it in a thread from asyncio."""
    if algorithm is Algorithm.ED25519:
        return _pem(ed25519.Ed25519PrivateKey.generate())
    return _pem(rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS))


def dkim_record(private_key: bytes) -> str:
    """The TXT value to publish at SELECTOR._domainkey.DOMAIN for this private key."""
    public = load_pem_private_key(private_key, password=None).public_key()
    if isinstance(public, ed25519.Ed25519PublicKey):
        # RFC 8463 §4: p= is the 32 octets of the key itself, not a SubjectPublicKeyInfo.
        kind, octets = "ed25519", public.public_bytes_raw()
    elif isinstance(public, rsa.RSAPublicKey):
        # RFC 6376 §3.6.1 says RSAPublicKey; erratum 3017 and all verifiers SubjectPublicKeyInfo.
        kind = "rsa"
        octets = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    else:
        raise ValueError("a DKIM key is RSA or Ed25519")
    return f"v=DKIM1; k={kind}; p={base64.b64encode(octets).decode()}"


def self_signed(names: Iterable[str], *, now: datetime) -> SelfSigned:
    """A P-256 certificate for `names` (host names and IP addresses), valid from `now` (aware)."""
    key = ec.generate_private_key(ec.SECP256R1())
    names = list(dict.fromkeys(names))
    # RFC 5280: a common name has at most 64 characters; the names that count are the SAN's.
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(now + timedelta(days=SELF_SIGNED_DAYS) - _CLOCK_SKEW)
        .add_extension(x509.SubjectAlternativeName(map(_general_name, names)), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(identifier, critical=False)
        .sign(key, hashes.SHA256())
    )
    return SelfSigned(certificate.public_bytes(Encoding.PEM), _pem(key))


def certificate_facts(certificate: bytes) -> tuple[frozenset[str], datetime]:
    """Names (SAN, as text) and end of validity (aware) of a PEM certificate; ValueError if none."""
    parsed = x509.load_pem_x509_certificate(certificate)
    try:
        names = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return frozenset(), parsed.not_valid_after_utc
    return frozenset(str(name.value) for name in names), parsed.not_valid_after_utc


def _general_name(name: str) -> x509.GeneralName:
    if re.fullmatch(r"[0-9.]+|.*:.*", name):
        return x509.IPAddress(ipaddress.ip_address(name))
    return x509.DNSName(name)


def _pem(key: _PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
