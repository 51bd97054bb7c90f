"""Which certificate a TLS client is shown, by real handshakes in memory."""

import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from structlog.testing import capture_logs

from mailserver import keys
from mailserver.certificates import Certificates, prepare, primary_files
from mailserver.errors import SettingsError
from mailserver.settings import Settings, Tls

HOST = "mail.example.test"


def client_context(**limits: ssl.TLSVersion) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    for name, version in limits.items():
        setattr(context, name, version)
    return context


def handshake(
    server: ssl.SSLContext,
    client: ssl.SSLContext | None = None,
    name: str | None = None,
    session: ssl.SSLSession | None = None,
) -> ssl.SSLObject:
    """The client's side after a whole handshake and one byte each way, without a socket."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    theirs = (client or client_context()).wrap_bio(
        to_client, to_server, server_hostname=name, session=session
    )
    ours = server.wrap_bio(to_server, to_client, server_side=True)
    steps: list[Callable[[], object]] = [
        theirs.do_handshake,
        ours.do_handshake,
        lambda: ours.write(b"x"),
        lambda: theirs.read(1),
    ]
    rounds = 0
    while steps:
        rounds += 1
        assert rounds < 50
        for step in tuple(steps):
            try:
                step()
                steps.remove(step)
            except ssl.SSLWantReadError:
                continue
    return theirs


def shown(certificates: Certificates, name: str | None) -> str:
    """The first name of the certificate that a client asking for `name` sees."""
    der = handshake(certificates.server_context("mx"), name=name).getpeercert(binary_form=True)
    assert der is not None
    certificate = x509.load_der_x509_certificate(der)
    san = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return str(next(iter(san)).value)


def write_pair(directory: Path, name: str) -> None:
    made = keys.self_signed([name], now=datetime.now(UTC))
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "fullchain.pem").write_bytes(made.certificate)
    (directory / "privkey.pem").write_bytes(made.private_key)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=str(tmp_path), hostname=HOST)


@pytest.fixture
def certificates(settings: Settings) -> Certificates:
    prepare(settings)
    return Certificates(settings)


@pytest.mark.parametrize("name", [HOST, "localhost", "127.0.0.1"])
def test_a_client_that_trusts_the_self_signed_certificate_verifies_it(
    settings: Settings, certificates: Certificates, name: str
) -> None:
    trusting = ssl.create_default_context(cafile=str(primary_files(settings)[0]))

    assert handshake(certificates.server_context("mx"), trusting, name).getpeercert()


def test_prepare_keeps_a_good_certificate(settings: Settings) -> None:
    prepare(settings)
    before = [path.read_bytes() for path in primary_files(settings)]

    prepare(settings)

    assert [path.read_bytes() for path in primary_files(settings)] == before
    assert primary_files(settings)[1].stat().st_mode & 0o777 == 0o600


def test_prepare_makes_a_certificate_again_that_ends_soon(settings: Settings) -> None:
    prepare(settings)
    certificate, key = primary_files(settings)
    old = keys.self_signed(
        [HOST, "localhost", "127.0.0.1"], now=datetime.now(UTC) - timedelta(days=370)
    )
    certificate.write_bytes(old.certificate)
    key.write_bytes(old.private_key)

    prepare(settings)

    assert keys.certificate_facts(certificate.read_bytes())[1] > datetime.now(UTC) + timedelta(390)


def test_prepare_makes_a_certificate_again_for_another_host_name(
    settings: Settings, tmp_path: Path
) -> None:
    prepare(settings)
    renamed = Settings(data_dir=str(tmp_path), hostname="mx.example.test")

    prepare(renamed)

    assert "mx.example.test" in keys.certificate_facts(primary_files(renamed)[0].read_bytes())[0]


def test_prepare_repairs_a_pair_that_a_crash_left_half_made(settings: Settings) -> None:
    prepare(settings)
    key = primary_files(settings)[1]
    key.write_bytes(keys.self_signed([HOST], now=datetime.now(UTC)).private_key)

    prepare(settings)

    Certificates(settings)


def test_prepare_leaves_an_operators_certificate_alone(tmp_path: Path) -> None:
    prepare(Settings(data_dir=str(tmp_path), tls=Tls(certificate="/nowhere/cert.pem")))

    assert not (tmp_path / "tls").exists()


def test_a_primary_that_cannot_be_loaded_stops_the_start_and_is_named(tmp_path: Path) -> None:
    missing = Settings(data_dir=str(tmp_path), tls=Tls(certificate="/nowhere/cert.pem"))
    with pytest.raises(SettingsError, match=r"tls\.certificate: /nowhere/cert\.pem: No such file"):
        Certificates(missing)

    (tmp_path / "cert.pem").write_text("nonsense")
    broken = Settings(data_dir=str(tmp_path), tls=Tls(certificate=str(tmp_path / "cert.pem")))
    with pytest.raises(SettingsError, match=r"tls\.certificate: .*cert\.pem: "):
        Certificates(broken)


def test_certificate_and_key_may_be_one_file(tmp_path: Path) -> None:
    made = keys.self_signed(["one.example"], now=datetime.now(UTC))
    (tmp_path / "both.pem").write_bytes(made.private_key + made.certificate)

    own = Settings(data_dir=str(tmp_path), tls=Tls(certificate=str(tmp_path / "both.pem")))

    assert shown(Certificates(own), None) == "one.example"


def test_a_client_gets_the_certificate_of_the_name_it_asks_for(
    certificates: Certificates, tmp_path: Path
) -> None:
    write_pair(tmp_path / "tls" / "mail.customer.example", "mail.customer.example")

    assert shown(certificates, "mail.customer.example") == "mail.customer.example"
    assert shown(certificates, "MAIL.customer.example") == "mail.customer.example"


@pytest.mark.parametrize("name", [None, "unknown.example", HOST])
def test_the_primary_certificate_serves_every_other_name(
    certificates: Certificates, name: str | None
) -> None:
    assert shown(certificates, name) == HOST


@pytest.mark.parametrize(
    "name", ["..", "../tls/own.example", "a/../own.example", ".", "a" * 300, "\0"]
)
def test_a_name_never_leads_out_of_the_directory(
    certificates: Certificates, tmp_path: Path, name: str
) -> None:
    write_pair(tmp_path, "outside")
    write_pair(tmp_path / "tls", "outside")

    assert certificates.context_for(name) is certificates.context_for(None)


def test_the_name_not_asked_for_the_longest_is_unloaded_and_loaded_again(
    settings: Settings, tmp_path: Path
) -> None:
    prepare(settings)
    few = msgspec.structs.replace(settings, tls=Tls(certificates=2))
    certificates = Certificates(few)
    for name in ("a.example", "b.example", "c.example"):
        write_pair(tmp_path / "tls" / name, name)
    first = certificates.context_for("a.example")
    certificates.context_for("b.example")
    assert certificates.context_for("a.example") is first

    certificates.context_for("c.example")

    assert list(certificates._held) == ["a.example", "c.example"]
    assert shown(certificates, "b.example") == "b.example"


def test_a_broken_pair_is_logged_once_and_disturbs_nobody(
    certificates: Certificates, tmp_path: Path
) -> None:
    write_pair(tmp_path / "tls" / "good.example", "good.example")
    write_pair(tmp_path / "tls" / "bad.example", "bad.example")
    (tmp_path / "tls" / "bad.example" / "privkey.pem").write_text("nonsense")

    with capture_logs() as lines:
        assert [shown(certificates, "bad.example") for _ in range(3)] == [HOST] * 3
        assert shown(certificates, "good.example") == "good.example"

    assert [line["name"] for line in lines] == ["bad.example"]


def test_a_key_with_a_passphrase_is_broken_and_asks_nobody(
    certificates: Certificates, tmp_path: Path
) -> None:
    write_pair(tmp_path / "tls" / "locked.example", "locked.example")
    path = tmp_path / "tls" / "locked.example" / "privkey.pem"
    locked = load_pem_private_key(path.read_bytes(), None).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
    )
    path.write_bytes(locked)

    assert shown(certificates, "locked.example") == HOST


def test_reload_shows_changed_certificates_through_the_same_context(
    certificates: Certificates, settings: Settings, tmp_path: Path
) -> None:
    directory = tmp_path / "tls" / "c.example"
    write_pair(directory, "c.example")
    assert shown(certificates, "c.example") == "c.example"
    write_pair(directory, "renewed.example")
    made = keys.self_signed(["new-primary.example"], now=datetime.now(UTC))
    for path, content in zip(
        primary_files(settings), (made.certificate, made.private_key), strict=True
    ):
        path.write_bytes(content)
    door = certificates.server_context("mx")

    certificates.reload()

    assert certificates.server_context("mx") is door
    assert shown(certificates, "c.example") == "renewed.example"
    assert shown(certificates, None) == "new-primary.example"


def test_reload_keeps_the_primary_when_the_new_one_is_broken(
    certificates: Certificates, settings: Settings
) -> None:
    primary_files(settings)[0].write_text("nonsense")

    with capture_logs() as lines:
        certificates.reload()

    assert [line["event"] for line in lines] == ["certificate kept"]
    assert shown(certificates, None) == HOST


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_session_is_resumed_under_its_own_name(
    certificates: Certificates, tmp_path: Path, version: ssl.TLSVersion
) -> None:
    write_pair(tmp_path / "tls" / "r.example", "r.example")
    client = client_context(minimum_version=version, maximum_version=version)
    first = handshake(certificates.server_context("mx"), client, "r.example")

    again = handshake(certificates.server_context("mx"), client, "r.example", first.session)

    assert again.session_reused


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
def test_tls_older_than_1_2_is_refused(certificates: Certificates) -> None:
    old = client_context(
        minimum_version=ssl.TLSVersion.TLSv1_1, maximum_version=ssl.TLSVersion.TLSv1_1
    )
    old.set_ciphers("ALL:@SECLEVEL=0")

    with pytest.raises(ssl.SSLError):
        handshake(certificates.server_context("mx"), old)


@pytest.mark.parametrize(
    "ciphers", ["AES128-SHA", "ECDHE-ECDSA-AES128-SHA256", "AES128-GCM-SHA256"]
)
def test_ciphers_without_forward_secrecy_or_aead_are_refused(
    certificates: Certificates, ciphers: str
) -> None:
    weak = client_context(maximum_version=ssl.TLSVersion.TLSv1_2)
    weak.set_ciphers(ciphers)

    with pytest.raises(ssl.SSLError):
        handshake(certificates.server_context("mx"), weak)
