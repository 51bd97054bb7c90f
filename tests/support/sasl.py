"""The client's side of SASL, as RFC 5802 and RFC 7628 have it, and a driver of exchanges."""

import base64
import hashlib
import hmac
from collections.abc import Callable
from typing import Any

from mailserver import sasl


class ScramClient:
    """SCRAM-SHA-256 of a client: `first`, then `final(server_first)`, then `verify`."""

    def __init__(
        self,
        name: str,
        password: str,
        *,
        nonce: str = "fyko+d2lbbFgONRv9qkxdawL",
        flag: str = "n",
        binding: bytes = b"",
        authorization: str = "",
    ) -> None:
        self.password = password
        self.nonce = nonce
        spelled = name.replace("=", "=3D").replace(",", "=2C")
        self.header = f"{flag},{authorization and f'a={authorization}'},".encode()
        self.binding = binding
        self.bare = f"n={spelled},r={nonce}".encode()
        self.signature = b""

    @property
    def first(self) -> bytes:
        return self.header + self.bare

    def final(self, server_first: bytes) -> bytes:
        fields = dict(word.split("=", 1) for word in server_first.decode().split(","))
        assert fields["r"].startswith(self.nonce)
        salted = hashlib.pbkdf2_hmac(
            "sha256", self.password.encode(), base64.b64decode(fields["s"]), int(fields["i"])
        )
        channel = base64.b64encode(self.header + self.binding).decode()
        unproved = f"c={channel},r={fields['r']}".encode()
        signed = b",".join([self.bare, server_first, unproved])
        client_key = hmac.digest(salted, b"Client Key", "sha256")
        mask = hmac.digest(hashlib.sha256(client_key).digest(), signed, "sha256")
        proof = bytes(a ^ b for a, b in zip(client_key, mask, strict=True))
        self.signature = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), signed, "sha256")
        return unproved + b",p=" + base64.b64encode(proof)

    def verify(self, server_final: bytes) -> bytes:
        """The empty response to a server that has proved to know the password too."""
        assert server_final == b"v=" + base64.b64encode(self.signature)
        return b""


def drive(
    exchange: sasl.Exchange, responses: list[bytes], answer: Callable[[sasl.Request], Any]
) -> list[bytes]:
    """Carry an exchange out; gives its challenges. Raises what it raises."""
    challenges: list[bytes] = []
    waiting = iter(responses)
    try:
        request = next(exchange)
        while True:
            if isinstance(request, sasl.Challenge):
                challenges.append(request.data)
                reply: Any = next(waiting, None)
                if reply is None:
                    return challenges  # the client says no more
            else:
                reply = answer(request)
            request = exchange.send(reply)
    except StopIteration:
        return challenges
