"""IP addresses as sockets and settings write them."""

import pytest

from mailserver.mail.networks import address_of, networks, within


def test_networks_hold_both_spellings_of_an_ipv4_address() -> None:
    among = networks(["192.0.2.0/24", "2001:db8::/32"])
    for address in ("192.0.2.1", "::ffff:192.0.2.1", "2001:db8::1"):
        assert within(address, among)
    for address in ("192.0.3.1", "2001:db9::1", "", "local"):
        assert not within(address, among)


@pytest.mark.parametrize(
    ("name", "address"),
    [
        (("192.0.2.1", 25), "192.0.2.1"),
        (("::ffff:192.0.2.1", 25, 0, 0), "192.0.2.1"),
        (("fe80::1%eth0", 25, 0, 2), "fe80::1"),
        ("", ""),
        (None, ""),
        (("not an address", 1), ""),
    ],
)
def test_the_address_in_a_peer_name(name: object, address: str) -> None:
    assert address_of(name) == address
