"""What a handshake agrees on: versions, ciphers, groups, and sessions that are resumed."""

import ssl
from pathlib import Path

import pytest

from mailserver import openssl
from mailserver.certificates import Certificates, prepare
from mailserver.certificates.tickets import Tickets, ticket_keys
from mailserver.settings import Settings
from tests.support.handshakes import client_context, handshake, write_pair

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


@pytest.mark.parametrize("version", VERSIONS)
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


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("curve", ["secp521r1", "X448"])
def test_groups_that_cost_the_server_much_are_refused(
    certificates: Certificates, version: ssl.TLSVersion, curve: str
) -> None:
    client = client_context(minimum_version=version, maximum_version=version)
    assert openssl.set_groups(client, curve)

    with pytest.raises(ssl.SSLError):
        handshake(certificates.server_context("mx"), client)


@pytest.mark.parametrize("group", ["X25519", "P-256", "P-384"])
@pytest.mark.parametrize("version", VERSIONS)
def test_the_groups_of_rfc_9325_are_taken(
    certificates: Certificates, version: ssl.TLSVersion, group: str
) -> None:
    client = client_context(minimum_version=version, maximum_version=version)
    # RFC 8422 §5.1: in TLS 1.2 the list must have the curve of the certificate, too.
    assert openssl.set_groups(client, f"{group}:P-256" if group != "P-256" else group)

    assert handshake(certificates.server_context("mx"), client).version()


def test_finite_field_groups_are_refused(certificates: Certificates) -> None:
    client = client_context(minimum_version=ssl.TLSVersion.TLSv1_3)
    assert openssl.set_groups(client, "ffdhe8192")

    with pytest.raises(ssl.SSLError):
        handshake(certificates.server_context("mx"), client)


def test_what_openssl_does_not_know_is_said(certificates: Certificates) -> None:
    assert not openssl.set_groups(certificates.server_context("mx"), "no-such-group")


# ── resumption ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", [None, "r.example"])
def test_a_session_is_resumed_by_another_process_with_the_same_secret(
    settings: Settings, tmp_path: Path, version: ssl.TLSVersion, name: str | None
) -> None:
    prepare(settings)
    write_pair(tmp_path / "tls" / "r.example", "r.example")
    one, two = (Certificates(settings, ticket_secret=b"s" * 32) for _ in range(2))
    stranger = Certificates(settings)
    client = client_context(minimum_version=version, maximum_version=version)
    first = handshake(one.server_context("imap"), client, name).session

    assert handshake(two.server_context("imap"), client, name, first).session_reused
    assert not handshake(stranger.server_context("imap"), client, name, first).session_reused


@pytest.mark.parametrize("version", VERSIONS)
def test_a_session_for_one_purpose_is_not_resumed_for_another(
    certificates: Certificates, version: ssl.TLSVersion
) -> None:
    client = client_context(minimum_version=version, maximum_version=version)
    first = handshake(certificates.server_context("imap"), client).session

    assert not handshake(
        certificates.server_context("submission"), client, session=first
    ).session_reused
    assert handshake(certificates.server_context("imap"), client, session=first).session_reused


def test_ticket_keys_change_and_say_nothing_of_each_other(certificates: Certificates) -> None:
    keys = {
        ticket_keys(secret, purpose, period)
        for secret in (b"a" * 32, b"b" * 32)
        for purpose in ("mx", "imap")
        for period in (1, 2, 12)
    }
    assert len(keys) == 12
    assert {len(key) for key in keys} == {openssl.TICKET_KEYS}


@pytest.mark.parametrize("version", VERSIONS)
def test_tickets_of_a_past_period_lead_to_a_full_handshake(
    certificates: Certificates, version: ssl.TLSVersion
) -> None:
    context = certificates.server_context("mx")
    tickets = Tickets(context, b"s" * 32, "mx")
    client = client_context(minimum_version=version, maximum_version=version)
    tickets.renew(0.0)
    first = handshake(context, client).session
    tickets.renew(3600.0)
    assert handshake(context, client, session=first).session_reused

    tickets.renew(12 * 3600.0)

    assert not handshake(context, client, session=first).session_reused


def test_a_python_that_hides_openssl_keeps_to_one_group_and_its_own_tickets(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openssl, "_library", None)
    prepare(settings)
    context = Certificates(settings).server_context("mx")
    monkeypatch.undo()
    client = client_context()
    assert openssl.set_groups(client, "P-521")

    with pytest.raises(ssl.SSLError):
        handshake(context, client)
    first = handshake(context)
    assert first.version() == "TLSv1.3"
