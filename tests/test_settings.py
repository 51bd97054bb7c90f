"""Settings: the file, the environment over it, and one line for what is wrong."""

from pathlib import Path

import pytest

from mailserver.errors import SettingsError
from mailserver.settings import Settings, load


def test_nothing_at_all_is_the_embedded_default() -> None:
    settings = load(None, {})
    assert settings == Settings()
    assert settings.database.dsn == ""
    assert settings.listen.address == "127.0.0.1"


def test_environment_wins_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text('workers = 3\n[listen]\nsmtp = 25\nimap = 143\n[logs]\nlevel = "debug"\n')
    settings = load(
        str(file), {"MAILSERVER__LISTEN__SMTP": "26", "MAILSERVER__LOGS__FORMAT": "json"}
    )
    assert (settings.workers, settings.listen.smtp, settings.listen.imap) == (3, 26, 143)
    assert (settings.logs.level, settings.logs.format) == ("debug", "json")


@pytest.mark.parametrize(
    ("name", "value", "of"),
    [
        ("MAILSERVER_DATA_DIR", "/var/mail", lambda s: s.data == Path("/var/mail")),
        ("MAILSERVER__HOSTNAME", "mx.example.net", lambda s: s.hostname == "mx.example.net"),
        ("MAILSERVER__DRAIN_TIMEOUT", "1.5", lambda s: s.drain_timeout == 1.5),
        ("MAILSERVER__DRAIN_TIMEOUT", "2", lambda s: s.drain_timeout == 2.0),
        (
            "MAILSERVER__DELIVERY__RESOLVER",
            '["127.0.0.1:5300"]',
            lambda s: s.delivery.resolver == ("127.0.0.1:5300",),
        ),
        (
            "MAILSERVER__DELIVERY__ROUTES",
            '{"*" = "relay.example.net:25"}',
            lambda s: s.delivery.routes == {"*": "relay.example.net:25"},
        ),
        ("MAILSERVER__DATABASE__DSN", "postgresql://a@b/c", lambda s: s.database.dsn[-1] == "c"),
    ],
)
def test_any_key_can_come_from_the_environment(name: str, value: str, of: object) -> None:
    assert callable(of)
    assert of(load(None, {name: value}))


@pytest.mark.parametrize(
    ("toml", "line"),
    [
        ("[listen]\nsmpt = 25", "listen: Object contains unknown field `smpt`"),
        ('[listen]\nsmtp = "25"', "listen.smtp: Expected `int`, got `str`"),
        ("[listen]\nsmtp = 65536", "listen.smtp: Expected `int` <= 65535"),
        ("[database]\ntimeout = 0", "database.timeout: Expected `float` > 0.0"),
        ('[logs]\nlevel = "loud"', "logs.level: Invalid enum value 'loud'"),
        ("workers = -1", "workers: Expected `int` >= 0"),
        ("nonsense = 1", "Object contains unknown field `nonsense`"),
    ],
)
def test_what_is_wrong_is_named_in_one_line(tmp_path: Path, toml: str, line: str) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(toml)
    with pytest.raises(SettingsError) as caught:
        load(str(file), {})
    assert str(caught.value) == line


def test_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none\.toml: No such file or directory"):
        load(str(tmp_path / "none.toml"), {})
    broken = tmp_path / "broken.toml"
    broken.write_text("workers =")
    with pytest.raises(SettingsError, match=r"broken\.toml: Invalid value"):
        load(str(broken), {})


def test_environment_that_names_no_section_is_named() -> None:
    with pytest.raises(SettingsError, match="MAILSERVER__HOSTNAME__X: `hostname` is no section"):
        load(None, {"MAILSERVER__HOSTNAME": "a", "MAILSERVER__HOSTNAME__X": "1"})


def test_workers_default_to_the_cores_this_process_may_use() -> None:
    assert Settings().worker_count >= 1
    assert Settings(workers=7).worker_count == 7
