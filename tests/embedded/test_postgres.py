"""The private PostgreSQL: whoever starts it, wherever its data is."""

import os
import signal
from pathlib import Path

import pytest

from mailserver.embedded import identity as identities
from mailserver.embedded import postgres
from mailserver.embedded.identity import Identity
from mailserver.embedded.lock import AlreadyRunning, data_lock
from mailserver.embedded.orphans import evict
from mailserver.embedded.postgres import PostgresServer, socket_directory
from mailserver.storage.reach import prove


def ways() -> list[Identity]:
    """The identities this machine allows."""
    if os.geteuid() != 0:
        return [Identity.SELF]
    return [who for who in (Identity.NAMESPACE, Identity.NOBODY) if identities._works(who)]


async def test_data_moves_between_the_ways_root_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    for who in [*ways(), *ways()]:
        monkeypatch.setattr(postgres, "identity", lambda who=who: who)
        server = PostgresServer(private / "postgres", durable=False)
        server.start()
        try:
            await prove(server.dsn())
            assert server.sockets.stat().st_mode & 0o077 == 0
        finally:
            server.stop()


async def test_path_with_odd_characters_or_too_long_for_a_socket(tmp_path: Path) -> None:
    for name in ("a b%20c?d", "n" * 100, "a,b"):
        server = PostgresServer(tmp_path / name / "postgres", durable=False)
        server.start()
        try:
            await prove(server.dsn())
        finally:
            server.stop()


def test_socket_is_beside_the_data_where_its_path_fits() -> None:
    assert socket_directory(Path("/srv/mail/postgres")) == Path("/srv/mail/postgres.socket")
    long = socket_directory(Path("/srv") / ("x" * 90))
    assert long.parent == Path("/tmp")
    assert long != socket_directory(Path("/srv") / ("y" * 90))


async def test_half_made_cluster_is_made_again(tmp_path: Path) -> None:
    half = tmp_path / "postgres.new"
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    server = PostgresServer(tmp_path / "postgres", durable=False)
    assert not server.exists
    server.start()
    try:
        await prove(server.dsn())
    finally:
        server.stop()


async def test_killed_server_that_nobody_reaps_is_no_obstacle(tmp_path: Path) -> None:
    first = PostgresServer(tmp_path / "postgres")
    first.start()
    assert first._process is not None
    # Not waited for: a zombie, which PostgreSQL would take for a running server.
    os.kill(first._process.pid, signal.SIGKILL)
    second = PostgresServer(tmp_path / "postgres")
    second.start()
    try:
        await prove(second.dsn())
    finally:
        second.stop()
        first._process.wait()


async def test_server_that_was_left_running_is_ended(tmp_path: Path) -> None:
    first = PostgresServer(tmp_path / "postgres", durable=False)
    first.start()
    second = PostgresServer(tmp_path / "postgres", durable=False)
    second.start()
    try:
        assert first.returncode is not None
        await prove(second.dsn())
    finally:
        second.stop()


def test_lock_file_of_a_stranger_after_a_reboot_is_no_obstacle(tmp_path: Path) -> None:
    data = tmp_path / "postgres"
    data.mkdir()
    (data / "postmaster.pid").write_text(f"{os.getpid()}\n{data}\n")
    evict(data)
    assert not (data / "postmaster.pid").exists()


def test_lock_names_who_has_it_and_is_free_afterwards(tmp_path: Path) -> None:
    with (
        data_lock(tmp_path / "new"),
        pytest.raises(AlreadyRunning, match=rf"already running \(pid {os.getpid()}, data"),
    ):
        data_lock(tmp_path / "new")
    with data_lock(tmp_path / "new"):
        pass
