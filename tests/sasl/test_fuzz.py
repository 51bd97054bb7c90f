"""Any bytes end an exchange as documented: it is done, Denied or Malformed."""

from contextlib import suppress
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from mailserver import sasl

PIECES = st.sampled_from(
    [
        b"n,,",
        b"y,,",
        b"p=tls-exporter,,",
        b"a=",
        b"n=",
        b",r=",
        b",p=",
        b"c=",
        b"\0",
        b"\x01",
        b"user=",
        b"auth=Bearer ",
        b"biws",
        b"=2C",
        b"=",
        b",",
        b"x",
        b"\xff",
        "é".encode(),
    ]
)
MESSAGES = st.one_of(st.binary(max_size=60), st.lists(PIECES, max_size=8).map(b"".join))


@given(
    st.sampled_from(sasl.MECHANISMS),
    st.lists(MESSAGES, max_size=4),
    st.booleans(),
)
@example("SCRAM-SHA-256", [b"n,,n=u,r=x", b"c=biws,r=xnonce,p=eA=="], True)
def test_any_bytes(mechanism: str, responses: list[bytes], right: bool) -> None:
    verifiers = sasl.Verifiers(b"salt", 4096, (sasl.Verifier(b"k" * 32, b"s" * 32),))
    context = sasl.Context(sasl.MECHANISMS, "nonce", {"tls-exporter": b"x"}, "https://x")
    exchange = sasl.begin(mechanism, context)
    waiting = iter(responses)
    with suppress(StopIteration, sasl.Denied, sasl.Malformed):
        request = next(exchange)
        while True:
            answer: Any = right
            if isinstance(request, sasl.VerifiersWanted):
                answer = verifiers
            elif isinstance(request, sasl.Challenge):
                answer = next(waiting)
            request = exchange.send(answer)
