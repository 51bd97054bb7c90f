"""Mail programs of others that log in by every mechanism: gsasl, msmtp, mbsync, curl, imaplib.

swaks 20201014 knows neither SCRAM-SHA-256 nor bearer tokens: PLAIN and LOGIN are in test_swaks.
"""

import base64
import imaplib
import json
import re
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.issuer import TokenServer
from tests.support.letters import ALICE, BOB, Letter, await_one
from tests.support.programs import require, run, succeed
from tests.support.server import Server, running


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TokenServer]:
    with TokenServer(tmp_path_factory.mktemp("issuer")).running() as open_:
        yield open_


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, issuer: TokenServer) -> Iterator[Server]:
    """A server that takes the issuer's tokens; alice has an app password."""
    folder = tmp_path_factory.mktemp("sasl")
    with running(folder / "data", workers=1, **issuer.environment) as started:
        yield started


@pytest.fixture(scope="module")
def app_password(server: Server) -> str:
    done = server.cli("account", "app-password", "add", ALICE, "--name", "tests")
    assert done.returncode == 0, done.stderr
    found = re.search(r"^login \S+ (\S+)$", done.stdout, re.MULTILINE)
    assert found is not None
    return found[1]


# ── gsasl ────────────────────────────────────────────────────────────────────────────────────

# Which binding the client takes is decided by the TLS version (RFC 9266 §3).
TLS_1_2, TLS_1_3 = "NORMAL:-VERS-TLS1.3", "NORMAL"


def gsasl(
    server: Server, door: str, mechanism: str, password: str, *options: str
) -> tuple[int, str]:
    require("gsasl")
    return run(
        "gsasl",
        "--smtp" if door == "submission" else "--imap",
        "--mechanism",
        mechanism,
        "--authentication-id",
        ALICE,
        "--authorization-id",
        "",
        "--password",
        password,
        "--starttls",
        "--x509-ca-file=",
        *options,
        "127.0.0.1",
        str(server.ports[door]),
    )


@pytest.mark.parametrize("door", ["submission", "imap"])
@pytest.mark.parametrize(
    ("priority", "binding"), [(TLS_1_3, "tls-exporter"), (TLS_1_2, "tls-unique")]
)
def test_scram_plus_bound_to_the_tls_connection(
    server: Server, door: str, priority: str, binding: str
) -> None:
    said = gsasl(server, door, "SCRAM-SHA-256-PLUS", server.logins[ALICE], "--priority", priority)
    assert said[0] == 0, said[1]
    first = re.search(r"^(cD1\S+)\r?$", said[1], re.MULTILINE)  # base64 of "p="
    assert first is not None
    assert f"p={binding},".encode() in base64.b64decode(first[1])
    assert "235 2.7.0" in said[1] or ". OK [CAPABILITY" in said[1]


@pytest.mark.parametrize("door", ["submission", "imap"])
@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256", "PLAIN", "LOGIN"])
def test_mechanisms_without_binding(
    server: Server, door: str, mechanism: str, app_password: str
) -> None:
    for password in (server.logins[ALICE], app_password):
        status, said = gsasl(server, door, mechanism, password, "--no-cb")
        assert status == 0, said
    status, said = gsasl(server, door, mechanism, "wrong password", "--no-cb")
    assert status == 1
    assert "535 5.7.8 " in said or "NO [AUTHENTICATIONFAILED]" in said


# ── msmtp, mbsync ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("mechanism", ["scram-sha-256", "plain", "login"])
def test_msmtp(server: Server, tmp_path: Path, mechanism: str, app_password: str) -> None:
    require("msmtp")
    letter = Letter(ALICE, BOB)
    (tmp_path / "password").write_text(app_password)
    succeed(
        "msmtp",
        "--host=127.0.0.1",
        f"--port={server.ports['submissions']}",
        "--tls=on",
        "--tls-starttls=off",
        "--tls-certcheck=off",
        f"--auth={mechanism}",
        f"--user={ALICE}",
        f"--passwordeval=cat {tmp_path / 'password'}",
        f"--from={ALICE}",
        BOB,
        input=letter.content.replace(b"\r\n", b"\n"),
    )
    assert await_one(server, BOB, "SUBJECT", letter.word)


MBSYNC = """
IMAPAccount alice
Host 127.0.0.1
Port {port}
User {user}
Pass {password}
SSLType IMAPS
CertificateFile {certificate}
AuthMechs SCRAM-SHA-256

IMAPStore far
Account alice

MaildirStore near
Path {folder}/
Inbox {folder}/INBOX

Channel all
Far :far:
Near :near:
Patterns INBOX
Create Near
"""


def test_mbsync_by_the_scram_of_cyrus_sasl(server: Server, tmp_path: Path) -> None:
    require("mbsync")
    configuration = tmp_path / "mbsyncrc"
    configuration.write_text(
        MBSYNC.format(
            port=server.ports["imaps"],
            user=ALICE,
            password=server.logins[ALICE],
            certificate=server.data / "tls" / "self-signed.pem",
            folder=tmp_path,
        )
    )
    said = succeed("mbsync", "-c", configuration, "-V", "-DN", "all")
    assert "AUTHENTICATE SCRAM-SHA-256" in said


# ── bearer tokens ────────────────────────────────────────────────────────────────────────────


def curl(server: Server, door: str, mechanism: str, token: str, *options: str) -> tuple[int, str]:
    require("curl")
    scheme = {"imaps": "imaps", "submissions": "smtps"}[door]
    return run(
        "curl",
        "-sSkv",
        f"{scheme}://127.0.0.1:{server.ports[door]}/",
        "--login-options",
        f"AUTH={mechanism}",
        "--user",
        ALICE,
        "--oauth2-bearer",
        token,
        *options,
    )


@pytest.mark.parametrize("mechanism", ["OAUTHBEARER", "XOAUTH2"])
def test_curl_with_a_token(
    server: Server, issuer: TokenServer, tmp_path: Path, mechanism: str
) -> None:
    status, said = curl(server, "imaps", mechanism, issuer.token(ALICE))
    assert status == 0, said
    assert "* LIST " in said
    letter = Letter(ALICE, BOB)
    mail = ("--mail-from", ALICE, "--mail-rcpt", BOB, "-T", str(letter.write(tmp_path)))
    status, said = curl(server, "submissions", mechanism, issuer.token(ALICE), *mail)
    assert status == 0, said
    assert await_one(server, BOB, "SUBJECT", letter.word)


@pytest.mark.parametrize("mechanism", ["OAUTHBEARER", "XOAUTH2"])
def test_curl_with_a_token_of_somebody_else_or_an_old_one(
    server: Server, issuer: TokenServer, mechanism: str
) -> None:
    for token in (issuer.token(BOB), issuer.token(ALICE, exp=1), "nonsense"):
        status, said = curl(server, "imaps", mechanism, token)
        assert status == 67, said  # curl: login denied
        assert "NO [AUTHENTICATIONFAILED]" in said


def test_imaplib(server: Server, issuer: TokenServer, app_password: str) -> None:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    bearer = f"n,a={ALICE},\1auth=Bearer {issuer.token(ALICE)}\1\1".encode()
    with imaplib.IMAP4_SSL("127.0.0.1", server.ports["imaps"], ssl_context=context) as client:
        assert "AUTH=OAUTHBEARER" in client.capabilities
        assert client.authenticate("OAUTHBEARER", lambda _: bearer)[0] == "OK"
    with imaplib.IMAP4_SSL("127.0.0.1", server.ports["imaps"], ssl_context=context) as client:
        assert client.login(ALICE, app_password)[0] == "OK"
    problems: list[bytes] = []

    def expired(challenge: bytes) -> bytes:
        problems.append(challenge)
        old = issuer.token(ALICE, exp=1)
        return b"\1" if challenge else f"n,,\1auth=Bearer {old}\1\1".encode()

    with imaplib.IMAP4_SSL("127.0.0.1", server.ports["imaps"], ssl_context=context) as client:
        with pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
            client.authenticate("OAUTHBEARER", expired)
        assert json.loads(problems[-1])["status"] == "invalid_token"
