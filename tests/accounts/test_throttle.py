"""What failed logins cost, as a table."""

import pytest

from mailserver.accounts import throttle
from mailserver.errors import Refused
from mailserver.settings import Limits


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.77", "192.0.2.0/24"),
        ("::ffff:192.0.2.77", "192.0.2.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("local", ""),
    ],
)
def test_a_client_is_its_network(address: str, network: str) -> None:
    assert throttle.network_of(address) == network


def test_the_delay_doubles_up_to_the_most() -> None:
    delays = [throttle.delay(level, 2.0) for level in (0.5, 1, 2, 3, 4, 5, 1e9)]
    assert delays == [2.0, 2.0, 4.0, 8.0, 16.0, 20.0, 20.0]
    assert throttle.delay(3, 60.0) == 60.0


def test_the_limit_is_the_number_of_failures_that_are_looked_at() -> None:
    assert not throttle.full(9.0, 10)
    assert throttle.full(9.5, 10)
    assert throttle.full(10.0, 10)


def test_subjects_are_what_operators_name() -> None:
    limits = Limits()
    assert throttle.subject_of("Ann@Example.Net") == "ann@example.net"
    assert throttle.subject_of("192.0.2.9") == throttle.subject_of("192.0.2.0/24")
    assert throttle.limit_of("ann@example.net", limits) == limits.failed_logins_per_account
    assert throttle.limit_of("192.0.2.0/24", limits) == limits.failed_logins_per_network
    for wrong in ("nonsense", "@", "a@@b"):
        with pytest.raises(Refused):
            throttle.subject_of(wrong)
