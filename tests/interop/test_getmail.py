"""getmail: mail is fetched into files, once, and taken away there where that is wanted."""

from pathlib import Path

import pytest

from tests.support.owner import Owner, word_of
from tests.support.programs import require, succeed

_CONFIG = """\
[retriever]
type = SimpleIMAPSSLRetriever
server = 127.0.0.1
port = {port}
username = {user}
password = {password}
mailboxes = ("INBOX",)

[destination]
type = MDA_external
path = /bin/sh
arguments = ("-c", "cat >{folder}/mail/$$")
allow_root_commands = true

[options]
read_all = false
delete = {delete}
delivered_to = false
received = false
"""


@pytest.fixture(autouse=True, scope="module")
def _installed() -> None:
    require("getmail")


def fetch(owner: Owner, folder: Path, *, delete: bool = False) -> dict[str, bytes]:
    """Run it; gives all that was fetched so far by word."""
    (folder / "mail").mkdir(exist_ok=True)
    (folder / "getmailrc").write_text(
        _CONFIG.format(
            port=owner.server.ports["imaps"],
            user=owner.address,
            password=owner.password,
            folder=folder,
            delete=str(delete).lower(),
        )
    )
    succeed("getmail", "--getmaildir", folder, "--rcfile", folder / "getmailrc")
    messages = [file.read_bytes() for file in (folder / "mail").iterdir()]
    assert len({word_of(message) for message in messages}) == len(messages)  # each once
    return {word_of(message): message for message in messages}


def test_new_mail_is_fetched_once_and_deleted_there(owner: Owner, tmp_path: Path) -> None:
    first, second = owner.letters(2)
    here = fetch(owner, tmp_path)
    assert set(here) == {first.word, second.word}
    # It writes header fields anew, and leaves the text as it is.
    [text] = here[first.word].split(b"\n\n", 1)[1:]
    assert text == first.content.split(b"\r\n\r\n", 1)[1].replace(b"\r\n", b"\n")
    assert fetch(owner, tmp_path) == here
    assert len(owner.read()) == 2

    [third] = owner.letters(1)
    assert set(fetch(owner, tmp_path, delete=True)) == {first.word, second.word, third.word}
    assert owner.read() == []
