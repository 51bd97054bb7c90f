"""A login by SCRAM-SHA-256 without a door."""

from mailserver import sasl
from mailserver.accounts import Account, LoginFailed, Logins, Origin
from tests.support.sasl import ScramClient


async def scram_login(
    logins: Logins, name: str, password: str, client: str = "127.0.0.1"
) -> Account | None:
    """The account, None when the credentials are wrong. Raises LoginFailed when it is limited."""
    program = ScramClient(name, password, nonce="client")
    said: list[bytes] = []

    async def ask(challenge: bytes) -> bytes:
        said.append(challenge)
        return program.final(challenge) if len(said) == 1 else program.verify(challenge)

    origin = Origin(client, "submission")
    try:
        return await logins.authenticate(origin, "SCRAM-SHA-256", ask, program.first)
    except LoginFailed as failure:
        if failure.limited:
            raise
        return None


async def server_first(logins: Logins, name: str) -> bytes:
    """What the server says of an account before the client proves anything."""
    challenges: list[bytes] = []

    async def ask(challenge: bytes) -> bytes:
        challenges.append(challenge)
        return b"nonsense"

    try:
        first = ScramClient(name, "x", nonce="client").first
        await logins.authenticate(Origin("127.0.0.1", "imaps"), "SCRAM-SHA-256", ask, first)
    except sasl.Malformed:
        return challenges[0]
    raise AssertionError("nonsense was taken")
