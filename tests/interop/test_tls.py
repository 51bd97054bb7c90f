"""testssl.sh, sslscan and openssl s_client look for weaknesses, and at what SNI leads to."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.handshakes import write_pair
from tests.support.programs import require, run, succeed
from tests.support.server import Server, running

DOORS = {
    "smtp": ("-t", "smtp"),
    "submissions": (),
    "imap": ("-t", "imap"),
    "imaps": (),
}
NAME = "mail.customer.example"
# Of a self-signed certificate, which the embedded default has; they say nothing of the protocol.
OF_THE_CERTIFICATE = re.compile(r"cert_|OCSP|CRL|DNS_CAArecord|engine_problem|service|scanTime")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    require("openssl")
    data = tmp_path_factory.mktemp("tls") / "var"
    write_pair(data / "tls" / NAME, NAME)
    write_pair(data / "tls" / "*.wild.example", "*.wild.example")
    write_pair(data / "tls" / "bad.example", "bad.example")
    (data / "tls" / "bad.example" / "privkey.pem").write_text("nonsense")
    with running(data) as started:
        yield started
        assert started.stop() == 0
        assert not any("Traceback" in line for line in started.output)


@pytest.mark.parametrize("door", DOORS)
def test_testssl_finds_nothing_weak(server: Server, tmp_path: Path, door: str) -> None:
    require("testssl")
    report = tmp_path / "report.json"
    run(
        *("testssl", "--quiet", "--color", "0", "--warnings", "off", "--severity", "LOW"),
        *("--nodns", "min", "--protocols", "--std", "--server-preference", "--fs"),
        *("--jsonfile", report, *DOORS[door], f"127.0.0.1:{server.ports[door]}"),
    )
    found = json.loads(report.read_text())
    weak = [fact for fact in found if not OF_THE_CERTIFICATE.match(fact["id"])]
    assert weak == []


def test_testssl_saw_the_versions_that_are_offered(server: Server, tmp_path: Path) -> None:
    """What makes the test above one: it finds something where there is something."""
    require("testssl")
    report = tmp_path / "report.json"
    run(
        *("testssl", "--quiet", "--color", "0", "--warnings", "off", "--nodns", "min"),
        *("--protocols", "--jsonfile", report, f"127.0.0.1:{server.ports['imaps']}"),
    )
    facts = {fact["id"]: fact["finding"] for fact in json.loads(report.read_text())}
    assert facts["TLS1_1"] == facts["TLS1"] == facts["SSLv3"] == "not offered"
    assert facts["TLS1_2"].startswith("offered")
    assert facts["TLS1_3"].startswith("offered")


@pytest.mark.parametrize(
    ("door", "option"),
    [("smtp", "--starttls-smtp"), ("submissions", ""), ("imap", "--starttls-imap"), ("imaps", "")],
)
def test_sslscan_finds_only_what_is_strong(server: Server, door: str, option: str) -> None:
    require("sslscan")
    options = [option] if option else []
    said = succeed(
        "sslscan", "--no-colour", *options, f"127.0.0.1:{server.ports[door]}", TERM="dumb"
    )
    assert re.findall(r"^((?:SSL|TLS)v\S+) +enabled", said, re.MULTILINE) == ["TLSv1.2", "TLSv1.3"]
    ciphers = re.findall(r"^(?:Preferred|Accepted) +TLSv1\.2 +\d+ bits +(\S+)", said, re.MULTILINE)
    assert ciphers
    assert all(re.match(r"ECDHE-.*(GCM|CHACHA20)", cipher) for cipher in ciphers), said
    assert "Session renegotiation not supported" in said
    assert not re.search(r"vulnerable to heartbleed", said.replace("not vulnerable", ""))
    groups = re.findall(r"^TLSv1\.\d +\d+ bits +(\S+)", said, re.MULTILINE)
    assert set(groups) == {"x25519", "secp256r1", "secp384r1"}


def s_client(server: Server, door: str, *options: str | Path, input: bytes = b"") -> str:
    starttls = ("-starttls", DOORS[door][1]) if DOORS[door] else ()
    address = f"127.0.0.1:{server.ports[door]}"
    return run("openssl", "s_client", "-connect", address, *starttls, *options, input=input)[1]


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        (NAME, NAME),
        (NAME.upper(), NAME),
        ("a.wild.example", "*.wild.example"),
        ("a.b.wild.example", "mail.example.test"),
        ("bad.example", "mail.example.test"),
        ("unknown.example", "mail.example.test"),
        (None, "mail.example.test"),
    ],
)
def test_sni_leads_to_its_certificate(
    server: Server, door: str, asked: str | None, shown: str
) -> None:
    options = ("-servername", asked) if asked else ("-noservername",)
    said = s_client(server, door, *options)
    assert f"subject=CN = {shown}\n" in said


def test_a_name_that_is_no_text_breaks_nothing(server: Server) -> None:
    said = s_client(server, "imaps", "-servername", "m\u00fcnchen.example")
    assert "subject=" not in said
    assert f"subject=CN = {NAME}\n" in s_client(server, "imaps", "-servername", NAME)


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
@pytest.mark.parametrize("name", [NAME, "mail.example.test"])
@pytest.mark.parametrize("door", ["smtp", "imaps"])
def test_a_session_is_resumed_whichever_worker_it_comes_to(
    server: Server, tmp_path: Path, door: str, name: str, version: str
) -> None:
    session = tmp_path / "session"
    goodbye = {"smtp": b"QUIT\r\n", "imaps": b"a LOGOUT\r\n"}[door]
    common = ("-servername", name, version, "-ign_eof")
    said = s_client(server, door, *common, "-sess_out", session, input=goodbye)
    assert "New, TLSv1" in said
    # Two workers share the connections by hash: eight of them all come to one once in 128 times.
    for _ in range(8):
        said = s_client(server, door, *common, "-sess_in", session, input=goodbye)
        assert "Reused, TLSv1" in said


def test_nobody_renegotiates(server: Server) -> None:
    # "R" on a line of its own is s_client's word for it.
    said = s_client(server, "imaps", "-tls1_2", input=b"R\n")
    assert "RENEGOTIATING" in said
    assert re.search(r"no renegotiation|alert|error", said)
