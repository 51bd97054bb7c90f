"""One server for all tests with other people's clients; each finds its mail by a word."""

from collections.abc import Iterator

import pytest

from tests.support.owner import Owner
from tests.support.server import Server, running


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """`mailserver serve` with two workers, ready."""
    with running(tmp_path_factory.mktemp("interop") / "var") as started:
        yield started
        assert started.stop() == 0
        assert not any("Traceback" in line for line in started.output)


@pytest.fixture
def owner(server: Server) -> Owner:
    """A new account, of this test alone."""
    return Owner.make(server)
