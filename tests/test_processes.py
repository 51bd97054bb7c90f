"""`mailserver serve` as operators meet it: real processes, signals and kill -9."""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.support.server import COMMAND, Server, running

API = ("api",)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory of a server that ran once; tests work on copies."""
    data = tmp_path_factory.mktemp("stopped") / "var"
    with running(data, roles=API, workers=1) as server:
        assert server.stop() == 0
    return data


@pytest.fixture
def data(stopped: Path, tmp_path: Path) -> Path:
    """A copy of it, of this test's own."""
    return Path(shutil.copytree(stopped, tmp_path / "var"))


@pytest.fixture(scope="module")
def shared(stopped: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server for the tests that leave it as it was."""
    copy = shutil.copytree(stopped, tmp_path_factory.mktemp("shared") / "var")
    with running(Path(copy), roles=API) as server:
        yield server


def get(server: Server, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.ports["http"], timeout=10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def eventually(truth: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not truth():
        assert time.monotonic() < deadline, "it did not become true in time"
        time.sleep(0.05)


def test_first_start_makes_accounts_that_keep_their_passwords(tmp_path: Path) -> None:
    with running(tmp_path / "var", roles=API, workers=1) as server:
        first = server.logins
        assert list(first) == ["alice@example.test", "bob@example.test"]
        assert server.json("domain", "list")[0]["state"] == "active"
        assert server.stop() == 0
        assert (tmp_path / "var" / "first-run").stat().st_mode & 0o077 == 0
        server.start()
        assert server.logins == first
        done = server.cli(
            "account", "password", "alice@example.test", "--password-stdin", input="another one\n"
        )
        assert done.returncode == 0, done.stderr
        server.stop(signal.SIGINT)
        server.start()
        assert list(server.logins) == ["bob@example.test"], "a password that is wrong is printed"


def test_sigterm_ends_everything_with_status_0(data: Path) -> None:
    with running(data, roles=API) as server:
        processes = server.tree()
        assert len(server.workers()) == 2
        assert server.stop() == 0
        assert [process for process in processes if process.is_running()] == []
        assert not any("Traceback" in line for line in server.output)
        assert not (data / "postgres" / "postmaster.pid").exists()


def test_ctrl_c_says_nothing_of_exceptions(data: Path) -> None:
    with running(data, roles=API) as server:
        assert server.stop(signal.SIGINT) == 0
        assert not any("Traceback" in line or "Error" in line for line in server.output)


def test_ctrl_c_during_the_first_start_is_clean(tmp_path: Path) -> None:
    server = Server(tmp_path / "var", roles=API)
    server.launch()
    eventually(lambda: "making the database, once …" in server.output)
    assert server.stop(signal.SIGINT) == 0
    assert not any("Traceback" in line for line in server.output)
    server.start()
    assert server.stop() == 0


def test_killed_worker_is_replaced_and_no_request_is_lost(shared: Server) -> None:
    for victim in shared.workers():
        os.kill(victim.pid, signal.SIGKILL)
    # No worker lives at this moment: what connects now waits for the next one.
    assert get(shared, "/healthz") == (200, b"ok\n")
    eventually(lambda: len(shared.workers()) == 2)


def test_stopped_worker_process_is_replaced_too(shared: Server) -> None:
    victim = shared.workers()[0]
    victim.terminate()
    eventually(lambda: victim.pid not in [one.pid for one in shared.workers()])
    eventually(lambda: len(shared.workers()) == 2)


def test_killed_postgres_is_started_again(shared: Server) -> None:
    postgres = next(one for one in shared.tree() if one.name() == "postgres")
    postgres.kill()
    eventually(lambda: not postgres.is_running() or postgres.status() == psutil.STATUS_ZOMBIE)
    eventually(lambda: get(shared, "/readyz")[0] == 200, seconds=20)
    assert any(one.name() == "postgres" and one.pid != postgres.pid for one in shared.tree())


def test_all_workers_share_the_connections(shared: Server) -> None:
    workers = shared.workers()
    idle = [socket.create_connection(("127.0.0.1", shared.ports["http"])) for _ in range(60)]
    try:
        eventually(lambda: sum(_accepted(worker, shared) for worker in workers) == 60)
        # By hash, not by turns: 60 fall on two as 60 coins do.
        assert min(_accepted(worker, shared) for worker in workers) >= 12
    finally:
        for sock in idle:
            sock.close()


def _accepted(worker: psutil.Process, server: Server) -> int:
    return sum(
        one.laddr.port == server.ports["http"] and one.status == psutil.CONN_ESTABLISHED
        for one in worker.net_connections("tcp")
    )


def test_second_run_says_so_in_one_line(shared: Server) -> None:
    done = shared.cli("serve")
    assert done.returncode == 1
    assert done.stdout == ""
    assert shared.process is not None
    assert done.stderr == (
        f"mailserver is already running (pid {shared.process.pid},"
        f" data directory {shared.data.absolute()})\n"
    )


def test_port_in_use_is_named(shared: Server, tmp_path: Path) -> None:
    taken = str(shared.ports["http"])
    other = Server(tmp_path / "var", roles=API, MAILSERVER__LISTEN__HTTP=taken)
    done = other.cli("serve", "--role", "api")
    assert done.returncode == 1
    assert done.stderr == (
        f"mailserver: listen.http: 127.0.0.1 port {taken}: Address already in use\n"
    )


def test_kill_9_of_the_tree_loses_nothing(data: Path) -> None:
    with running(data, roles=API) as server:
        assert server.cli("org", "add", "kept").returncode == 0
        server.kill_tree()
        server.start()
        assert "kept" in [one["name"] for one in server.json("org", "list")]
        assert server.stop() == 0


def test_workers_end_with_a_parent_that_is_killed(data: Path) -> None:
    with running(data, roles=API) as server:
        workers = server.workers()
        assert server.process is not None
        server.process.kill()
        server.process.wait()
        _, alive = psutil.wait_procs(workers, timeout=10)
        assert alive == []
        # Postgres was left behind; the next start ends it and takes over its data.
        server.start()
        assert server.stop() == 0


def test_commands_work_while_no_server_runs(data: Path) -> None:
    server = Server(data)
    assert [one["name"] for one in server.json("org", "list")] == ["demo"]
    assert not (data / "postgres" / "postmaster.pid").exists()


def test_doctor_finds_a_running_server_well(shared: Server) -> None:
    facts = {fact["name"]: fact for fact in json.loads(shared.cli("doctor", "--json").stdout)}
    assert facts[f"port {shared.ports['http']} (http)"]["detail"] == "answers"
    assert facts["certificate"]["ok"]
    # The other doors are closed: this server has the role api only.
    assert not facts[f"port {shared.ports['imap']} (imap)"]["ok"]


def test_sighup_reads_the_certificates_again(shared: Server) -> None:
    assert shared.process is not None
    before = [one.pid for one in shared.workers()]
    shared.process.send_signal(signal.SIGHUP)
    eventually(
        lambda: sum("certificates read again" in line for line in shared.output) == len(before)
    )
    assert [one.pid for one in shared.workers()] == before


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"MAILSERVER__LISTEN__SMTP": "x"}, "listen.smtp: Expected `int`, got `str`"),
        ({"MAILSERVER__DELIVERY__RESOLVER": '["x"]'}, "delivery.resolver: "),
        ({"MAILSERVER__LIMITS__EXEMPT_NETWORKS": '["x"]'}, "limits.exempt_networks: "),
        ({"MAILSERVER__LISTEN__PROXY_NETWORKS": '["x"]'}, "listen.proxy_networks: "),
        ({"MAILSERVER__AUTH__OAUTH__ISSUER": "https://id.test"}, "auth.oauth.audience: needed"),
        ({"MAILSERVER__TLS__CERTIFICATE": "none.pem"}, "tls.certificate: none.pem: "),
        ({"MAILSERVER__DATABASE__DSN": "postgresql://127.0.0.1:1/x"}, "database.dsn: "),
        ({"MAILSERVER__LISTEN__ADDRESS": "192.0.2.1"}, "listen.http: 192.0.2.1 port "),
    ],
)
def test_what_keeps_it_from_starting_is_named_in_one_line(
    data: Path, settings: dict[str, str], line: str
) -> None:
    server = Server(data, roles=API, workers=1, **settings)
    done = server.cli("serve", "--role", "api")
    assert done.returncode == 1
    said = [text for text in done.stderr.splitlines() if text.startswith("mailserver: ")]
    assert len(said) == 1, done.stderr
    assert said[0].startswith(f"mailserver: {line}")
    assert "Traceback" not in done.stderr


def test_unknown_role_is_a_usage_error() -> None:
    done = subprocess.run([COMMAND, "serve", "--role", "x"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "the roles are smtp, submission, imap, delivery, domains, api" in done.stderr


def test_every_door_greets(data: Path) -> None:
    with running(data) as server:
        assert any(line.startswith("  swaks ") for line in server.output)
        assert any(line.startswith("  curl -k 'imaps://") for line in server.output)
        for door in ("smtp", "submission", "imap"):
            with socket.create_connection(("127.0.0.1", server.ports[door]), timeout=5) as sock:
                assert sock.recv(100).startswith((b"220 ", b"* OK"))
        assert server.stop() == 0
        assert not any("Traceback" in line for line in server.output)
