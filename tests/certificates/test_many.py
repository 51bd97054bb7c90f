"""Ten thousand names, some of them broken: what the others see, and what is kept in memory."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from structlog.testing import capture_logs

from mailserver.certificates import Certificates, Pair, prepare
from mailserver.settings import Settings, Tls
from tests.certificates.conftest import HOST
from tests.support.handshakes import shown

NAMES = 10_000
LOADED = 100


class Issued:
    """A source that issues a certificate when it is asked for one; every hundredth is broken."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._pem = self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self._now = datetime.now(UTC)
        self.asked = 0

    def version(self, name: str) -> object:
        return 1 if name.startswith("mail.c") else None

    def find(self, name: str) -> Pair | None:
        self.asked += 1
        if broken(name):
            return Pair(b"-----BEGIN CERTIFICATE-----\nnonsense", self._pem)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        made = (
            x509.CertificateBuilder(subject, subject, self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._now - timedelta(hours=1))
            .not_valid_after(self._now + timedelta(days=90))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        return Pair(made.public_bytes(Encoding.PEM), self._pem)


def name_of(number: int) -> str:
    return f"mail.c{number}.example"


def broken(name: str) -> bool:
    return name.endswith("00.example")


@pytest.fixture
def hosting(settings: Settings) -> Certificates:
    prepare(settings)
    few = msgspec.structs.replace(settings, tls=Tls(certificates=LOADED))
    return Certificates(few, source=Issued())


def test_one_percent_broken_of_ten_thousand_leaves_all_others_served(
    hosting: Certificates,
) -> None:
    with capture_logs() as lines:
        contexts = {
            number: hosting.context_for(name_of(number)) is hosting.context_for(None)
            for number in range(1, NAMES + 1)
        }
        # Who asks again gets the same; and one in fifty by a whole handshake.
        for number in range(1, NAMES + 1, 51):
            name = name_of(number)
            assert shown(hosting, name) == (HOST if broken(name) else name)

    fallen = [number for number, primary in contexts.items() if primary]
    assert fallen == list(range(100, NAMES + 1, 100))
    # Each is logged once, although it was unloaded and loaded again in between.
    assert sorted(line["name"] for line in lines) == sorted(map(name_of, fallen))
    assert len(hosting._held) == LOADED


def test_a_name_that_stays_loaded_is_read_once(hosting: Certificates) -> None:
    for number in range(1, LOADED + 1):
        hosting.context_for(name_of(number))
        hosting.context_for(name_of(1))
    source = hosting._source
    assert isinstance(source, Issued)
    assert source.asked == LOADED
    hosting.context_for(name_of(2))
    assert source.asked == LOADED


def test_names_nobody_has_a_certificate_for_are_not_kept(
    hosting: Certificates, tmp_path: Path
) -> None:
    for number in range(1000):
        hosting.context_for(f"unknown{number}.example")
    assert not hosting._held
    assert not hosting._logged
