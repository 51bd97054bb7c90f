"""The certificates of a server that has none but its own."""

from pathlib import Path

import pytest

from mailserver.certificates import Certificates, prepare
from mailserver.settings import Settings

HOST = "mail.example.test"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=str(tmp_path), hostname=HOST)


@pytest.fixture
def certificates(settings: Settings) -> Certificates:
    prepare(settings)
    return Certificates(settings)
