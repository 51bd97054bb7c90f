"""swaks as an outside sender to an alias that leads outside, with real hosts at both ends."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from tests.support.dns_thread import dns_beside
from tests.support.programs import eventually, require, run
from tests.support.remote_mx import RemoteMx, free_port, remote_mx
from tests.support.server import Server, running

ANN, ALIAS, TARGET = "ann@elsewhere.test", "carol@example.test", "carol@remote.test"
ZONE = """
elsewhere.test. IN MX 10 mx.elsewhere.test.
mx.elsewhere.test. IN A 127.0.0.2
remote.test. IN MX 10 mx.remote.test.
mx.remote.test. IN A 127.0.0.3
"""


@dataclass(slots=True)
class World:
    """Our server, the first sender's host, and the one that mail is forwarded to."""

    server: Server
    home: RemoteMx
    target: RemoteMx

    def swaks(self, sender: str, recipient: str, *options: str) -> tuple[int, str]:
        server = ("--server", f"127.0.0.1:{self.server.ports['smtp']}", "--helo", "mx.test")
        return run("swaks", *server, "--from", sender, "--to", recipient, *options)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    require("swaks")
    with ExitStack() as stack:
        dns = stack.enter_context(dns_beside())
        dns.add(ZONE)
        port = free_port()
        home = stack.enter_context(remote_mx("127.0.0.2", port))
        target = stack.enter_context(remote_mx("127.0.0.3", port))
        server = stack.enter_context(
            running(
                tmp_path_factory.mktemp("forwarding") / "var",
                MAILSERVER__DELIVERY__RESOLVER=f'["{dns.address}"]',
                MAILSERVER__DELIVERY__SMTP_PORT=str(port),
            )
        )
        made = server.cli("alias", "add", ALIAS, TARGET)
        assert made.returncode == 0, made.stderr
        yield World(server, home, target)
        assert server.stop() == 0
        assert not any("Traceback" in line for line in server.output)


def test_forwarded_mail_goes_with_our_sender_and_its_bounce_goes_home(world: World) -> None:
    status, said = world.swaks(ANN, ALIAS)
    assert status == 0, said
    forwarded = eventually(lambda: world.target.received)[0]
    assert forwarded.recipients == [TARGET]
    sender = forwarded.sender
    assert re.fullmatch(r"SRS0=\w{8}=\w\w=elsewhere\.test=ann@example\.test", sender)

    status, said = world.swaks("<>", sender, "--body", "it could not be delivered")
    assert status == 0, said
    bounce = eventually(lambda: world.home.received)[0]
    assert (bounce.sender, bounce.recipients) == ("", [ANN])
    assert b"it could not be delivered" in bounce.content

    # after a rotation the old address is still good, after its retirement it is not
    assert world.server.cli("secret", "rotate", "srs").returncode == 0
    assert world.swaks("<>", sender, "--quit-after", "RCPT")[0] == 0
    assert world.server.cli("secret", "retire", "srs").returncode == 0
    eventually(lambda: world.swaks("<>", sender, "--quit-after", "RCPT")[0] == 24)
    for wrong in (sender, sender.replace("ann", "eve")):
        status, said = world.swaks("<>", wrong, "--quit-after", "RCPT")
        assert status == 24, said
        assert "<** 550 5.1.1 " in said
    assert len(world.home.received) == 1
