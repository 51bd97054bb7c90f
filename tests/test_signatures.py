"""What we sign is verified by ourselves, by stock dkimpy and by OpenDKIM."""

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import dkim.canonicalization as stock
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.keys import Algorithm, dkim_record, generate_dkim_key
from mailserver.signatures import relaxed_body, sign, verify

DOMAIN, SELECTOR = "example.test", "s1"
KEYS = {algorithm: generate_dkim_key(algorithm) for algorithm in Algorithm}
PREFIX = b"Received: from client by mail.example.test; Tue, 24 Nov 2026 04:00:00 +0000\r\n"
MESSAGE = (
    b"From: =?utf-8?q?Al=C3=AFce?= <alice@example.test>\r\n"
    b"To: bob@remote.test,\r\n\tcarol@remote.test\r\n"
    b"Subject:  two  spaces \r\n\t and a fold\r\n"
    b"Date: Tue, 24 Nov 2026 04:00:00 +0000\r\n"
    b"Message-ID: <1@example.test>\r\n"
    b"\r\n"
    b"Hello  \t world \r\n\r\n.a line with a dot\r\n  indented\r\n\r\n\r\n"
)


def signed(message: bytes, algorithm: Algorithm = Algorithm.RSA) -> bytes:
    field = sign(
        message,
        prefix=PREFIX,
        domain=DOMAIN,
        selector=SELECTOR,
        private_key=KEYS[algorithm],
        algorithm=algorithm,
        time=1_700_000_000,
    )
    return field + PREFIX + message


def valid(message: bytes, algorithm: Algorithm = Algorithm.RSA) -> bool:
    record = dkim_record(KEYS[algorithm]).encode()
    asked: list[str] = []

    def lookup(name: str) -> bytes:
        asked.append(name)
        return record

    (verdict,) = verify(message, lookup)
    assert asked == [f"{SELECTOR}._domainkey.{DOMAIN}"]
    assert (verdict.domain, verdict.selector) == (DOMAIN, SELECTOR)
    return verdict.valid


@pytest.mark.parametrize("algorithm", list(Algorithm))
@pytest.mark.parametrize(
    "message",
    [
        MESSAGE,
        MESSAGE[: MESSAGE.index(b"\r\n\r\n") + 4],  # no body
        MESSAGE.replace(b"Hello", b"h\xc3\xa9llo \xff\x00"),  # 8 bit and NUL
        MESSAGE + b"x" * 300_000 + b"  \t" * 1000 + b"\r\n",  # a line beyond any limit
        MESSAGE + b"\r\n" * 200_000,
        MESSAGE + b" " * 600_000 + b"\r\nend\r\n",
    ],
    ids=["plain", "empty", "8bit", "long", "blank lines", "spaces"],
)
def test_signature_verifies(message: bytes, algorithm: Algorithm) -> None:
    assert valid(signed(message, algorithm), algorithm)


def test_whitespace_that_relays_change_does_not_matter() -> None:
    changed = signed(MESSAGE).replace(b"Hello  \t world \r\n", b"Hello world\r\n") + b"\r\n"
    assert valid(changed.replace(b"Subject:  two  spaces \r\n\t and", b"subject: two spaces and"))


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace(b"Hello", b"Hallo"),
        lambda text: text.replace(b"<alice@", b"<mallory@"),
        lambda text: text.replace(b"a fold", b"afold"),
        lambda text: text + b"more\r\n",
        lambda text: b"From: ceo@example.test\r\n" + text,
        lambda text: b"Subject: other\r\n" + text,
    ],
    ids=["body", "from", "subject", "appended", "second From", "second Subject"],
)
def test_change_of_meaning_breaks_it(change: object) -> None:
    assert callable(change)
    assert not valid(change(signed(MESSAGE)))


def test_fields_on_the_way_are_not_signed() -> None:
    assert valid(b"Received: by next.test\r\nReturn-Path: <x@y.test>\r\n" + signed(MESSAGE))


def test_field_has_the_given_time_and_short_lines() -> None:
    field = signed(MESSAGE).partition(b"\r\nReceived:")[0]
    assert b"t=1700000000;" in field
    assert max(map(len, field.split(b"\r\n"))) <= 78
    assert b"h=" in field
    assert field.count(b"from") == 2  # RFC 6376 §8.15


def test_key_and_algorithm_must_fit() -> None:
    with pytest.raises(ValueError, match="does not sign"):
        sign(
            MESSAGE,
            prefix=b"",
            domain=DOMAIN,
            selector=SELECTOR,
            private_key=KEYS[Algorithm.ED25519],
            algorithm="rsa-sha256",
            time=0,
        )


@pytest.mark.parametrize(
    "message",
    [b"", b" folded at the start\r\n\r\n", b"no colon\r\n\r\n", b"\xff\xfe: x\r\n\r\n", b"\r\n"],
)
def test_what_is_no_message_has_no_signature(message: bytes) -> None:
    assert verify(message, lambda _: None) == []


@pytest.mark.parametrize(
    "value",
    [b"", b"v=1", b"v=1; a=rsa-sha1; d=x; s=y; h=from; bh=AA==; b=AA==", b"\xff" * 20, b"b=;;==;"],
)
def test_broken_signature_is_invalid(value: bytes) -> None:
    message = b"DKIM-Signature: " + value + b"\r\n" + MESSAGE
    (verdict,) = verify(message, lambda _: b"v=DKIM1; p=AAAA")
    assert not verdict.valid


def test_missing_or_broken_key_is_invalid() -> None:
    for record in (None, b"", b"v=DKIM1; p=", b"v=DKIM1; p=AAAA", b"\xff"):
        (verdict,) = verify(signed(MESSAGE), lambda _, record=record: record)  # type: ignore[misc]  # mypy cannot see the default
        assert not verdict.valid


PIECES = st.lists(
    st.sampled_from([b"a", b" ", b"\t", b"\r\n", b".", b"b" * 70, b" " * 300_000]), max_size=12
)


@given(PIECES)
def test_relaxed_body_is_what_dkimpy_makes_of_it(pieces: list[bytes]) -> None:
    body = b"".join(pieces) + b"\r\n"
    short = body.replace(b" " * 300_000, b"  ")  # the stock pattern is quadratic
    expected = stock.correct_empty_body(
        stock.strip_trailing_lines(
            stock.compress_whitespace(stock.strip_trailing_whitespace(short))
        )
    )
    assert b"".join(relaxed_body(body, 0)) == expected
    assert stock.Relaxed.canonicalize_body(body) == expected


@given(st.integers(min_value=-3, max_value=3))
def test_relaxed_body_does_not_depend_on_where_pieces_end(shift: int) -> None:
    filling = b"x" * (256 * 1024 + shift)
    for rest in (b"\r\n\r\ny\r\n", b" \r\n y\r\n", b"  y\r\n\r\n"):
        expected = filling + rest.replace(b" \r\n", b"\r\n").replace(b"  ", b" ")
        assert b"".join(relaxed_body(filling + rest, 0)) == expected.rstrip(b"\r\n") + b"\r\n"


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_stock_dkimpy_verifies(algorithm: Algorithm, tmp_path: Path) -> None:
    """In a process of its own, where nothing has touched dkimpy."""
    file = tmp_path / "message"
    file.write_bytes(signed(MESSAGE, algorithm))
    script = (
        "import sys, dkim;"
        "print(dkim.verify(open(sys.argv[1], 'rb').read(),"
        " dnsfunc=lambda name, timeout=5: sys.argv[2].encode()))"
    )
    record = dkim_record(KEYS[algorithm])
    ran = subprocess.run(
        [sys.executable, "-c", script, str(file), record], capture_output=True, check=True
    )
    assert ran.stdout.strip() == b"True"


# OpenDKIM asks the DNS of the system, so it gets a system of its own: name spaces in which
# resolv.conf names a server on port 53 that knows one record.
_OPENDKIM = """
import socket, subprocess, sys, threading
import dns.message, dns.rrset
message, record = sys.argv[1:]
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind(("127.0.0.1", 53))
def serve():
    while True:
        wire, peer = sock.recvfrom(4096)
        query = dns.message.from_wire(wire)
        response = dns.message.make_response(query, recursion_available=True)
        strings = " ".join('"%s"' % record[at : at + 255] for at in range(0, len(record), 255))
        name = query.question[0].name
        response.answer.append(dns.rrset.from_text(name, 60, "IN", "TXT", strings))
        sock.sendto(response.to_wire(), peer)
threading.Thread(target=serve, daemon=True).start()
with open(message, "rb") as file:
    sys.exit(subprocess.run(["opendkim-testmsg"], stdin=file, timeout=20).returncode)
"""


def _opendkim(message: Path, resolv: Path, record: str) -> subprocess.CompletedProcess[bytes]:
    command = textwrap.dedent(
        """
        mount --bind "$1" /etc/resolv.conf || exit 77
        shift
        exec "$@"
        """
    )
    return subprocess.run(
        [
            *("unshare", "--user", "--map-root-user", "--mount", "--net"),
            *("sh", "-c", command, "sh", str(resolv)),
            *(sys.executable, "-c", _OPENDKIM, str(message), record),
        ],
        capture_output=True,
        env={**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"},
        timeout=60,
        check=False,
    )


def test_opendkim_verifies(tmp_path: Path) -> None:
    """RSA only: Debian's OpenDKIM knows no Ed25519."""
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    for tool in ("opendkim-testmsg", "unshare", "ip"):
        if shutil.which(tool, path=path) is None:
            pytest.skip(f"{tool} is not installed")
    message, resolv = tmp_path / "message", tmp_path / "resolv.conf"
    resolv.write_text("nameserver 127.0.0.1\n")
    # It reads lines that end by LF, as a local mail client has them.
    message.write_bytes(signed(MESSAGE).replace(b"\r\n", b"\n"))
    record = dkim_record(KEYS[Algorithm.RSA])
    ran = _opendkim(message, resolv, record)
    if b"unshare" in ran.stderr or ran.returncode == 77:
        pytest.skip(f"no name spaces here: {ran.stderr.decode()}")
    assert ran.returncode == 0, (ran.stdout, ran.stderr)
    message.write_bytes(signed(MESSAGE).replace(b"\r\n", b"\n").replace(b"Hello", b"Hallo"))
    assert _opendkim(message, resolv, record).returncode not in (0, 77)


def test_body_hash_of_an_empty_body() -> None:
    """RFC 6376 §3.4.4: the relaxed form of an empty body is empty."""
    assert b"".join(relaxed_body(b" \r\n\r\n\t\r\n", 0)) == b""
