"""Thunderbird: it finds the special mailboxes, hears of new mail, reads, flags, moves, deletes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.letters import Letter, reading
from tests.support.owner import Owner, word_of
from tests.support.programs import eventually, require
from tests.support.thunderbird import Thunderbird, thunderbird

# Names that say nothing to it: which mailbox is which it can only take from SPECIAL-USE.
_RENAMED = {
    "Sent": "Gesendetes",
    "Trash": "Weggeworfen",
    "Drafts": "Angefangenes",
    "Junk": "Unerbetenes",
    "Archive": "Aufgehobenes",
}


@pytest.fixture(autouse=True, scope="module")
def _installed() -> None:
    require("thunderbird")


@pytest.fixture
def account(owner: Owner) -> Owner:
    """Special mailboxes under names of the owner's own; a subscription is of a name."""
    with reading(owner.server, owner.address, owner.password) as client:
        for name, own in _RENAMED.items():
            assert client.rename(name, own)[0] == "OK"
            assert client.unsubscribe(name)[0] == "OK"
            assert client.subscribe(own)[0] == "OK"
    return owner


@pytest.fixture
def there(account: Owner, tmp_path: Path) -> Iterator[Thunderbird]:
    """Thunderbird with that account, which has not looked at it yet."""
    with thunderbird(tmp_path, account) as running:
        yield running


def words(owner: Owner, mailbox: str) -> list[str]:
    """The words of the letters that the server has in a mailbox."""
    return sorted(word_of(message) for message in owner.read(mailbox))


def open_inbox(there: Thunderbird, *expected: Letter) -> None:
    """It knows all mailboxes and these letters of the INBOX, where it idles from now on."""
    there.open("INBOX")
    awaited = sorted(letter.word for letter in expected)
    eventually(lambda: there.words("INBOX") == awaited)
    eventually(lambda: there.folders() == {"INBOX", *_RENAMED.values()})


def test_takes_the_special_mailboxes_by_their_use(account: Owner, there: Thunderbird) -> None:
    open_inbox(there)
    assert there.special("SentMail") == _RENAMED["Sent"]
    for use in ("Trash", "Drafts", "Junk", "Archive"):
        assert there.special(use) == _RENAMED[use]


def test_reads_flags_moves_and_deletes(account: Owner, there: Thunderbird) -> None:
    read, flagged, moved, deleted = letters = account.letters(4)
    open_inbox(there, *letters)
    assert there.read("INBOX", read.word).endswith(b"\n" + read.content)
    there.mark_read("INBOX", read.word)
    there.mark_flagged("INBOX", flagged.word)
    eventually(lambda: account.flags()[read.word] == {"\\Seen"})
    eventually(lambda: account.flags()[flagged.word] == {"\\Flagged"})
    there.move("INBOX", moved.word, _RENAMED["Archive"])
    eventually(lambda: words(account, _RENAMED["Archive"]) == [moved.word])
    there.delete("INBOX", deleted.word)
    eventually(lambda: words(account, _RENAMED["Trash"]) == [deleted.word])
    eventually(lambda: words(account, "INBOX") == sorted((read.word, flagged.word)))


def test_hears_of_what_others_do_while_it_idles(account: Owner, there: Thunderbird) -> None:
    first, second = account.letters(2)
    open_inbox(there, first, second)
    [arriving] = account.letters(1)
    everything = sorted((first.word, second.word, arriving.word))
    eventually(lambda: there.words("INBOX") == everything)
    account.store("INBOX", first.word, "\\Seen")
    eventually(lambda: there.is_read("INBOX", first.word))
    account.store("INBOX", second.word, "\\Deleted")
    eventually(lambda: there.words("INBOX") == sorted((first.word, arriving.word)))


def test_keeps_a_copy_of_what_it_sent(account: Owner, there: Thunderbird, tmp_path: Path) -> None:
    open_inbox(there)
    letter = Letter(account.address, "ann@elsewhere.test")
    there.keep(letter.write(tmp_path), _RENAMED["Sent"])
    assert account.read(_RENAMED["Sent"]) == [letter.content]
    assert account.flags(_RENAMED["Sent"]) == {letter.word: {"\\Seen"}}
