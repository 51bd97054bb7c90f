"""HAProxy in front of 25, 465 and 993: who connects through it is seen behind it.

Clients come from an address of their own on loopback, 127.0.0.9; the proxy from 127.0.0.1, which is
trusted. Its health checks come as LOCAL, and get a greeting.
"""

import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.support.haproxy import haproxy
from tests.support.letters import ALICE, BOB, Letter
from tests.support.programs import eventually, require, succeed
from tests.support.server import Server, running

CLIENT = "127.0.0.9"
# `check` connects and hangs up: version 2 says LOCAL then.
SENDS = ["send-proxy", "send-proxy-v2 check inter 200ms", "send-proxy-v2-ssl"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    require("haproxy", "swaks")
    folder = tmp_path_factory.mktemp("proxied")
    with running(folder / "var", MAILSERVER__LISTEN__PROXY_NETWORKS='["127.0.0.1/32"]') as started:
        yield started
        assert started.stop() == 0
        assert not any("Traceback" in line for line in started.output)


@pytest.fixture(params=SENDS)
def proxied(
    request: pytest.FixtureRequest, server: Server, tmp_path: Path
) -> Iterator[Mapping[str, int]]:
    """HAProxy's ports by door."""
    doors = ("smtp", "submissions", "imaps")
    with haproxy(tmp_path, {name: (server.ports[name], request.param) for name in doors}) as ports:
        for port in ports.values():
            eventually(_listens(port))
        yield ports


def _listens(port: int) -> Callable[[], bool]:
    def look() -> bool:
        with socket.socket() as sock:
            return sock.connect_ex(("127.0.0.1", port)) == 0

    return look


def swaks(port: int, letter: Letter, *options: str) -> str:
    envelope = ("--from", letter.sender, "--to", letter.recipient)
    subject = ("--header", f"Subject: {letter.word}", "--helo", "client.test")
    return succeed(
        *("swaks", "--server", "127.0.0.1", "--port", str(port), "--local-interface", CLIENT),
        *envelope,
        *subject,
        *options,
    )


def _said(server: Server, *words: str) -> Callable[[], bool]:
    return lambda: any(all(word in line for word in words) for line in list(server.output))


def _fetch(server: Server, letter: Letter, port: int) -> bytes:
    """bob's message with the letter's word, read through the proxy."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    plain = socket.create_connection(("127.0.0.1", port), 10, source_address=(CLIENT, 0))
    with context.wrap_socket(plain) as sock, sock.makefile("rwb") as file:

        def ask(command: str) -> bytes:
            file.write(f"a {command}\r\n".encode())
            file.flush()
            lines = []
            while not (line := file.readline()).startswith(b"a "):
                assert line, "closed"
                lines.append(line)
            assert line.startswith(b"a OK"), line
            return b"".join(lines)

        file.readline()
        ask(f'LOGIN {BOB} "{server.logins[BOB]}"')
        ask("SELECT INBOX")
        found: list[bytes] = []

        def arrived() -> bool:
            found[:] = ask(f"SEARCH SUBJECT {letter.word}").split()[2:]
            return bool(found)

        eventually(arrived)
        return ask(f"FETCH {found[0].decode()} BODY.PEEK[]")


def test_received_and_log_carry_the_real_client(server: Server, proxied: Mapping[str, int]) -> None:
    letter = Letter("ann@elsewhere.test", BOB)
    swaks(proxied["smtp"], letter)
    stored = _fetch(server, letter, proxied["imaps"])
    assert f"[{CLIENT}]".encode() in stored
    assert b"[127.0.0.1]" not in stored
    assert _said(server, "message accepted", f"client={CLIENT}", "sender=ann@elsewhere.test")()
    assert _said(server, "login", f"account={BOB}", f"client={CLIENT}", "door=imaps")()


def test_starttls_goes_through(server: Server, proxied: Mapping[str, int]) -> None:
    letter = Letter("ann@elsewhere.test", BOB)
    assert "=== TLS started" in swaks(proxied["smtp"], letter, "-tls")
    assert f"[{CLIENT}]".encode() in _fetch(server, letter, proxied["imaps"])


def test_alice_submits_in_tls(server: Server, proxied: Mapping[str, int]) -> None:
    letter = Letter(ALICE, BOB)
    login = ("--auth", "PLAIN", "--auth-user", ALICE, "--auth-password", server.logins[ALICE])
    swaks(proxied["submissions"], letter, "-tlsc", *login)
    assert CLIENT.encode() not in _fetch(server, letter, proxied["imaps"])
    assert _said(server, "login", f"account={ALICE}", f"client={CLIENT}", "door=submissions")()


def test_others_need_no_header_and_may_not_send_one(server: Server) -> None:
    with socket.create_connection(
        ("127.0.0.1", server.ports["smtp"]), 10, source_address=(CLIENT, 0)
    ) as sock:
        assert sock.recv(100).startswith(b"220 ")
        sock.sendall(b"PROXY TCP4 192.0.2.7 198.51.100.1 1 25\r\n")
        assert sock.recv(200).startswith(b"554 5.5.1 ")
        assert sock.recv(200) == b""


def test_doctor_looks_behind_the_header(server: Server) -> None:
    done = server.cli("doctor")
    for door in ("smtp", "submissions", "imaps"):
        assert f"port {server.ports[door]} ({door}): answers" in done.stdout
