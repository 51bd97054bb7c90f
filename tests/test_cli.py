"""The command line's own manners: exit statuses, one-line errors, tables, JSON, doctor."""

import json
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mailserver.cli import COMMANDS, common, main
from tests.support.server import DOORS, free_ports

Run = Callable[..., Result]


@pytest.fixture
def run(dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `mailserver ARGUMENTS` on a database and a data directory of the test's own."""
    monkeypatch.setenv("MAILSERVER__DATABASE__DSN", dsn)
    monkeypatch.setenv("MAILSERVER_DATA_DIR", str(tmp_path / "var"))
    for door, port in zip(DOORS, free_ports(len(DOORS)), strict=True):
        monkeypatch.setenv(f"MAILSERVER__LISTEN__{door.upper()}", str(port))

    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(main, list(arguments))

    return invoke


def test_every_command_has_help(run: Run) -> None:
    shown = run("--help").output
    for name in COMMANDS:
        assert name in shown
        assert run(name, "--help").exit_code == 0


def test_done_is_0_refused_is_1_usage_is_2(run: Run) -> None:
    assert run("org", "add", "acme").exit_code == 0
    refused = run("org", "add", "acme")
    assert refused.exit_code == 1
    assert refused.stderr == "mailserver: organization acme exists already\n"
    assert run("org", "add").exit_code == 2
    assert run("nonsense").exit_code == 2


def test_reading_commands_print_a_table_or_json(run: Run) -> None:
    run("org", "add", "acme")
    header, row = run("org", "list").output.splitlines()
    assert header.startswith("name  domains")
    assert row.split()[:2] == ["acme", "0"]
    assert [one["name"] for one in json.loads(run("org", "list", "--json").output)] == ["acme"]


def test_settings_file_is_named_by_option_or_environment(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "settings.toml"
    file.write_text("[listen]\nsmtp = true\n")
    monkeypatch.delenv("MAILSERVER__LISTEN__SMTP")
    line = "mailserver: listen.smtp: Expected `int`, got `bool`\n"
    by_option = run("--config", str(file), "org", "list")
    assert (by_option.exit_code, by_option.stderr) == (1, line)
    monkeypatch.setenv("MAILSERVER_CONFIG", str(file))
    assert run("org", "list").stderr == line


def test_database_that_is_away_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAILSERVER__DATABASE__DSN", "postgresql://127.0.0.1:1/x")
    done = run("org", "list")
    assert done.exit_code == 1
    assert done.stderr.startswith("mailserver: Postgres: ")
    assert done.stderr.count("\n") == 1


def test_command_before_the_first_start_says_what_to_do(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MAILSERVER__DATABASE__DSN")
    done = run("org", "list")
    assert done.exit_code == 1
    assert "start `mailserver serve` once" in done.stderr
    assert not (tmp_path / "var").exists()


def test_migrate_says_what_it_applied(run: Run) -> None:
    assert run("migrate").output == "nothing is missing\n"
    assert run("migrate", "--check", "--json").output == "[]\n"


def test_doctor_is_well_before_the_first_start_but_for_the_certificate(run: Run) -> None:
    done = run("doctor", "--json")
    facts = {fact["name"]: fact for fact in json.loads(done.output)}
    assert done.exit_code == 1
    assert [name for name, fact in facts.items() if not fact["ok"] and name != "dns"] == [
        "certificate"
    ]
    assert {"settings", "postgres", "migrations", "clock", "objects"} < set(facts)


def test_doctor_names_a_port_that_somebody_else_has(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        monkeypatch.setenv("MAILSERVER__LISTEN__IMAP", port)
        lines = run("doctor").output.splitlines()
    wrong = [line for line in lines if line.startswith("wrong") and "(imap)" in line]
    assert len(wrong) == 1
    assert f"listen.imap: 127.0.0.1 port {port}: Address already in use; end what" in wrong[0]


def test_doctor_says_which_setting_is_wrong(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAILSERVER__WORKERS", "-1")
    done = run("doctor")
    assert done.exit_code == 1
    assert done.output == "wrong  settings: workers: Expected `int` >= 0\n"


def test_cells_cannot_move_the_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    now = datetime(2026, 11, 24, tzinfo=UTC)
    row = {"a": "\x1b[2Jx\n", "b": None, "c": True, "d": ["x", "y"], "e": now}
    common.show([row], ["a", "b", "c", "d"], as_json=False)
    assert capsys.readouterr().out == "a       b  c    d\n?[2Jx?  -  yes  x y\n"
    common.show([row], [], as_json=True)
    assert json.loads(capsys.readouterr().out)[0]["e"] == "2026-11-24T00:00:00Z"
