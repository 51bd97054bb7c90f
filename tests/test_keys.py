"""DKIM key pairs and the self-signed certificate."""

import base64
from datetime import UTC, datetime, timedelta

import dkim
import pytest
from cryptography.hazmat.primitives.serialization import load_der_public_key, load_pem_private_key

from mailserver import keys
from mailserver.keys import Algorithm

MESSAGE = b"From: alice@example.test\r\nSubject: hello\r\n\r\nHello\r\n"


def tags(record: str) -> dict[str, str]:
    return dict(tag.strip().split("=", 1) for tag in record.split(";"))


def test_the_rsa_record_is_a_subject_public_key_info_of_2048_bits() -> None:
    record = tags(keys.dkim_record(keys.generate_dkim_key(Algorithm.RSA)))

    assert record["v"] == "DKIM1"
    assert record["k"] == "rsa"
    public = load_der_public_key(base64.b64decode(record["p"]))
    assert public.key_size == 2048  # type: ignore[union-attr]


def test_the_ed25519_record_is_the_32_octets_of_the_key() -> None:
    private = keys.generate_dkim_key(Algorithm.ED25519)
    record = tags(keys.dkim_record(private))

    assert record["k"] == "ed25519"
    own = load_pem_private_key(private, None).public_key()
    assert base64.b64decode(record["p"]) == own.public_bytes_raw()  # type: ignore[union-attr]


def test_another_implementation_verifies_what_the_rsa_key_signs() -> None:
    private = keys.generate_dkim_key(Algorithm.RSA)
    record = keys.dkim_record(private).encode()

    signature = dkim.sign(MESSAGE, b"s1", b"example.test", private)

    assert dkim.verify(signature + MESSAGE, dnsfunc=lambda *_, **__: record)


def test_a_record_is_made_of_dkim_keys_only() -> None:
    made = keys.self_signed(["mail.example.test"], now=datetime.now(UTC))

    with pytest.raises(ValueError, match="RSA or Ed25519"):
        keys.dkim_record(made.private_key)


def test_a_self_signed_certificate_has_its_names_and_at_most_397_days() -> None:
    now = datetime(2030, 1, 1, tzinfo=UTC)
    made = keys.self_signed(["mail.example.test", "127.0.0.1", "::1", "mail.example.test"], now=now)

    names, ends = keys.certificate_facts(made.certificate)

    assert names == {"mail.example.test", "127.0.0.1", "::1"}
    assert timedelta(days=396) < ends - now < timedelta(days=397)


def test_a_host_name_longer_than_a_common_name_may_be_still_gets_a_certificate() -> None:
    name = f"{'a' * 60}.{'b' * 60}.example.test"

    names, _ = keys.certificate_facts(keys.self_signed([name], now=datetime.now(UTC)).certificate)

    assert names == {name}
