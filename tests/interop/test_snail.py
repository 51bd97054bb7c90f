"""s-nail (mailx): a mailbox read and tidied up by commands."""

import re
from urllib.parse import quote

import pytest

from tests.support.owner import Owner, word_of
from tests.support.programs import require, succeed


@pytest.fixture(autouse=True, scope="module")
def _installed() -> None:
    require("s-nail")


def test_reads_flags_files_and_deletes(owner: Owner) -> None:
    kept, filed, deleted = owner.letters(3)
    login = f"{quote(owner.address, safe='')}:{quote(owner.password)}"
    there = f"imaps://{login}@127.0.0.1:{owner.server.ports['imaps']}"
    commands = "\n".join(
        ("headers", "type 1", "flag 1", f"copy 2 {there}/Archive", "delete 2 3", "quit", "")
    )
    options = ("-n", "-#", "-Sv15-compat", "-Stls-verify=ignore", "-Shold", "-Sttycharset=utf-8")
    said = succeed("s-nail", *options, "-f", f"{there}/INBOX", input=commands.encode())
    for letter in (kept, filed, deleted):
        assert letter.word in said
    assert re.search("Grüße aus Köln, 100 % wörtlich", said)
    assert owner.flags() == {kept.word: {"\\Flagged", "\\Seen"}}
    assert [word_of(message) for message in owner.read("Archive")] == [filed.word]
