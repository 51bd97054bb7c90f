"""When a deferred recipient is tried again."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.schedule import delay, retry_after

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def after(attempts: int, left: float, random: float = 0.5) -> float | None:
    expires_at = NOW + timedelta(seconds=left)
    return retry_after(
        attempts, now=NOW, expires_at=expires_at, first=300, most=14400, random=random
    )


def test_delay_doubles_up_to_the_most() -> None:
    delays = [delay(n, first=300, most=14400, random=0.5) for n in range(1, 9)]
    assert delays == [300, 600, 1200, 2400, 4800, 9600, 14400, 14400]


def test_jitter_is_a_fifth_either_way() -> None:
    assert delay(1, first=300, most=14400, random=0.0) == pytest.approx(240)
    assert delay(1, first=300, most=14400, random=0.999999) == pytest.approx(360, abs=0.01)


def test_last_attempt_is_at_the_end_of_the_lifetime() -> None:
    assert after(9, left=1000) == 1000


@pytest.mark.parametrize("left", [0.0, -1.0])
def test_after_the_lifetime_it_is_given_up(left: float) -> None:
    assert after(1, left=left) is None


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True), st.floats(0.1, 500_000))
def test_delay_is_never_longer_than_what_is_left(attempts: int, random: float, left: float) -> None:
    wait = after(attempts, left, random)
    assert wait is not None
    assert 0 < wait <= min(left + 0.001, 14400 * 1.2)
