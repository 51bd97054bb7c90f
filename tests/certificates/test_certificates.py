"""Which certificate a TLS client is shown, by real handshakes in memory."""

import ssl
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
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
from tests.certificates.conftest import HOST
from tests.support.handshakes import handshake, shown, write_pair


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


def test_a_wildcard_serves_the_names_one_label_below_it(
    certificates: Certificates, tmp_path: Path
) -> None:
    write_pair(tmp_path / "tls" / "*.customer.example", "*.customer.example")
    write_pair(tmp_path / "tls" / "own.customer.example", "own.customer.example")

    assert shown(certificates, "mail.customer.example") == "*.customer.example"
    assert shown(certificates, "imap.customer.example") == "*.customer.example"
    assert shown(certificates, "own.customer.example") == "own.customer.example"
    # RFC 6125 §6.4.3
    assert shown(certificates, "customer.example") == HOST
    assert shown(certificates, "a.mail.customer.example") == HOST
    assert len(certificates._held) == 2


@pytest.mark.parametrize(
    "name", ["mail.customer.example.", "MAIL.Customer.Example", "mail.customer.example"]
)
def test_a_name_has_one_spelling(certificates: Certificates, tmp_path: Path, name: str) -> None:
    write_pair(tmp_path / "tls" / "mail.customer.example", "mail.customer.example")

    assert certificates.context_for(name) is certificates.context_for("mail.customer.example")
    assert certificates.context_for(name) is not certificates.context_for(None)


def test_an_internationalised_name_is_found_by_its_a_labels(
    certificates: Certificates, tmp_path: Path
) -> None:
    write_pair(tmp_path / "tls" / "xn--mnchen-3ya.example", "xn--mnchen-3ya.example")

    assert shown(certificates, "münchen.example") == "xn--mnchen-3ya.example"


def test_an_expired_certificate_is_logged_once_and_not_shown(
    certificates: Certificates, tmp_path: Path
) -> None:
    then = datetime.now(UTC) - timedelta(days=400)
    write_pair(tmp_path / "tls" / "old.example", "old.example", now=then)

    with capture_logs() as lines:
        assert [shown(certificates, "old.example") for _ in range(3)] == [HOST] * 3

    assert [(line["name"], line["cause"]) for line in lines] == [("old.example", "expired")]


def test_a_certificate_that_expires_while_it_is_loaded_is_shown_no_more(
    certificates: Certificates, tmp_path: Path
) -> None:
    write_pair(tmp_path / "tls" / "c.example", "c.example")
    assert shown(certificates, "c.example") == "c.example"

    certificates._held["c.example"].ends = time.time() - 1

    assert shown(certificates, "c.example") == HOST


@pytest.fixture
def looking(settings: Settings) -> Certificates:
    """Looks at its files at each handshake."""
    prepare(settings)
    return Certificates(msgspec.structs.replace(settings, tls=Tls(recheck=1e-9)))


def test_a_changed_file_is_noticed_without_being_told(
    looking: Certificates, settings: Settings, tmp_path: Path
) -> None:
    directory = tmp_path / "tls" / "c.example"
    write_pair(directory, "c.example")
    assert shown(looking, "c.example") == "c.example"
    same = looking.context_for("c.example")
    assert looking.context_for("c.example") is same

    write_pair(directory, "renewed.example")
    made = keys.self_signed(["new-primary.example"], now=datetime.now(UTC))
    files = zip(primary_files(settings), (made.certificate, made.private_key), strict=True)
    for path, content in files:
        path.write_bytes(content)

    assert shown(looking, "c.example") == "renewed.example"
    assert shown(looking, None) == "new-primary.example"


def test_a_file_is_not_looked_at_before_its_time(
    certificates: Certificates, tmp_path: Path
) -> None:
    write_pair(tmp_path / "tls" / "c.example", "c.example")
    assert shown(certificates, "c.example") == "c.example"

    write_pair(tmp_path / "tls" / "c.example", "renewed.example")

    assert shown(certificates, "c.example") == "c.example"


def test_a_good_certificate_stays_while_its_successor_is_half_written(
    looking: Certificates, tmp_path: Path
) -> None:
    directory = tmp_path / "tls" / "c.example"
    write_pair(directory, "c.example")
    assert shown(looking, "c.example") == "c.example"
    made = keys.self_signed(["renewed.example"], now=datetime.now(UTC))

    with capture_logs() as lines:
        (directory / "fullchain.pem").write_bytes(made.certificate)
        assert [shown(looking, "c.example") for _ in range(2)] == ["c.example"] * 2
        (directory / "privkey.pem").write_bytes(made.private_key)
        assert shown(looking, "c.example") == "renewed.example"

    assert [line["event"] for line in lines] == ["certificate kept"]


def test_a_removed_certificate_is_shown_no_more(looking: Certificates, tmp_path: Path) -> None:
    directory = tmp_path / "tls" / "c.example"
    write_pair(directory, "c.example")
    assert shown(looking, "c.example") == "c.example"

    directory.rename(tmp_path / "elsewhere")

    assert shown(looking, "c.example") == HOST
