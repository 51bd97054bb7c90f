"""The PROXY header: known answers of the specification, every split, and whatever bytes."""

import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.accepting.proxy_header import (
    LOCAL,
    LONGEST_V1,
    LONGEST_V2,
    SIGNATURE,
    Header,
    ProxyHeaderError,
    parse,
)

V4 = socket.inet_aton("192.0.2.7") + socket.inet_aton("198.51.100.1") + struct.pack("!HH", 1, 25)
V6 = (
    socket.inet_pton(socket.AF_INET6, "2001:db8::7")
    + socket.inet_pton(socket.AF_INET6, "2001:db8::1")
    + struct.pack("!HH", 1, 25)
)
UNIX = b"/run/client".ljust(108, b"\0") + b"/run/server".ljust(108, b"\0")
TLVS = b"\x05\x00\x04abcd" + b"\x04\x00\x00" + b"\xea\x00\x03\x01\x02\x03"


def v2(family: int, body: bytes, *, command: int = 0x21) -> bytes:
    return SIGNATURE + bytes([command, family]) + struct.pack("!H", len(body)) + body


# §2.1, with the longest line it names, and §2.2.
GOOD = [
    (b"PROXY TCP4 192.0.2.7 198.51.100.1 56324 25\r\n", "192.0.2.7"),
    (b"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", "255.255.255.255"),
    (b"PROXY TCP6 2001:db8::7 2001:DB8::1 0 25\r\n", "2001:db8::7"),
    (
        b"PROXY TCP6 "
        + b"ffff:f...f:ffff ".replace(b"f...f", b":".join([b"ffff"] * 6)) * 2
        + b"65535 65535\r\n",
        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    ),
    (b"PROXY TCP6 ::ffff:192.0.2.7 ::1 1 2\r\n", "192.0.2.7"),
    (b"PROXY UNKNOWN\r\n", None),
    (b"PROXY UNKNOWN ffff::1 whatever it is 1 2\r\n", None),
    (v2(0x11, V4), "192.0.2.7"),
    (v2(0x11, V4 + TLVS), "192.0.2.7"),
    (v2(0x21, V6), "2001:db8::7"),
    (v2(0x21, socket.inet_pton(socket.AF_INET6, "::ffff:192.0.2.7") + V6[16:]), "192.0.2.7"),
    (v2(0x11, V4 + bytes(LONGEST_V2 - len(V4))), "192.0.2.7"),
    (v2(0x31, UNIX), None),
    (v2(0x00, b""), None),
    (v2(0x00, TLVS), None),
    (LOCAL, None),
    (v2(0x11, V4, command=0x20), None),
    (v2(0xFF, b"???", command=0x20), None),
]

BAD = [
    b"GET / HTTP/1.1\r\n",
    b"\x16\x03\x01\x02\x00",
    b"EHLO client.test\r\n",
    b"proxy TCP4 192.0.2.7 198.51.100.1 1 2\r\n",
    b"PROXY\tTCP4",
    b"PROXY \r\n",
    b"PROXY TCP5 192.0.2.7 198.51.100.1 1 2\r\n",
    b"PROXY TCP4  192.0.2.7 198.51.100.1 1 2\r\n",
    b"PROXY TCP4 192.0.2.7 198.51.100.1 1 2 \r\n",
    b"PROXY TCP4 192.0.2.7 198.51.100.1 1\r\n",
    b"PROXY TCP4 192.0.2.7 198.51.100.1 1 65536\r\n",
    b"PROXY TCP4 192.0.2.7 198.51.100.1 01 2\r\n",
    b"PROXY TCP4 192.0.2.7 198.51.100.1 -1 2\r\n",
    b"PROXY TCP4 192.0.2.07 198.51.100.1 1 2\r\n",
    b"PROXY TCP4 192.0.2.256 198.51.100.1 1 2\r\n",
    b"PROXY TCP4 192.0.2.7 2001:db8::1 1 2\r\n",
    b"PROXY TCP4 2001:db8::7 2001:db8::1 1 2\r\n",
    b"PROXY TCP6 192.0.2.7 198.51.100.1 1 2\r\n",
    b"PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n",
    b"PROXY TCP4 192.0.2.7 198.51.100.1 1 2\n",
    b"PROXY UNKNOWNX\r\n",
    b"PROXY UNKNOWN " + b"x" * LONGEST_V1,
    b"PROXY UNKNOWN " + b"x" * (LONGEST_V1 - 14) + b"\r\n",
    SIGNATURE + b"\x11\x11\x00\x0c" + V4,
    v2(0x11, V4, command=0x22),
    v2(0x11, V4[:-1]),
    v2(0x21, V4),
    v2(0x31, UNIX[:-1]),
    v2(0x12, V4),
    v2(0x22, V6),
    v2(0x13, V4),
    v2(0x41, V6),
    SIGNATURE + b"\x21\x11" + struct.pack("!H", LONGEST_V2 + 1),
]


@pytest.mark.parametrize(("data", "client"), GOOD)
def test_a_header_says_its_client_and_its_end(data: bytes, client: str | None) -> None:
    assert parse(data) == Header(client, len(data))
    assert parse(data + b"EHLO\r\n\x16") == Header(client, len(data))


@pytest.mark.parametrize(("data", "client"), GOOD)
def test_a_header_that_is_not_whole_is_waited_for_at_every_split(
    data: bytes, client: str | None
) -> None:
    assert [parse(data[:end]) for end in range(len(data))] == [None] * len(data)


@pytest.mark.parametrize("data", BAD)
def test_what_is_no_header_is_refused_at_every_split(data: bytes) -> None:
    with pytest.raises(ProxyHeaderError):
        parse(data)
    refused = False
    for end in range(len(data) + 1):
        try:
            found = parse(data[:end])
        except ProxyHeaderError:
            refused = True
        else:
            assert found is None
            assert not refused, "more of it made it good"


BEGINNINGS = st.sampled_from(
    [b"", b"PROXY ", b"PROXY TCP4 ", b"PROXY TCP6 ", SIGNATURE, LOCAL[:13], v2(0x11, V4)[:16]]
)


@given(BEGINNINGS, st.binary(max_size=300))
def test_any_bytes_are_a_header_more_or_the_error(beginning: bytes, rest: bytes) -> None:
    data = beginning + rest
    try:
        found = parse(data)
    except ProxyHeaderError:
        return
    if found is None:
        assert len(data) < 16 + LONGEST_V2
    else:
        assert parse(data[: found.size]) == found
        assert found.size <= len(data)


@given(st.ip_addresses(), st.integers(0, 65535), st.binary(max_size=200))
def test_what_a_balancer_writes_is_read(address: object, port: int, tlvs: bytes) -> None:
    family = 4 if address.version == 4 else 6  # type: ignore[attr-defined]
    ports = struct.pack("!HH", port, 25)
    packed: bytes = address.packed  # type: ignore[attr-defined]
    mapped = getattr(address, "ipv4_mapped", None)
    wanted = str(mapped or address)
    one = f"PROXY TCP{family} {address} {address} {port} 25\r\n".encode()
    two = v2(0x11 if family == 4 else 0x21, packed * 2 + ports + tlvs)
    assert parse(one) == Header(wanted, len(one))
    assert parse(two) == Header(wanted, len(two))
