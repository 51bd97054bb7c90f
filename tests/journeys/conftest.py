"""One server for the journeys that leave it alive."""

from collections.abc import Iterator

import pytest

from tests.support.server import Server, running


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """`mailserver serve` with two workers, ready."""
    with running(tmp_path_factory.mktemp("journeys") / "var") as started:
        yield started
        assert started.stop() == 0
        assert not any("Traceback" in line for line in started.output)
