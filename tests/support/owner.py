"""An account of a test's own on a running server, and what is in its mailboxes."""

import imaplib
from dataclasses import dataclass

from tests.support.letters import Letter, add_account, found, reading, unique_word
from tests.support.server import Server


@dataclass(slots=True)
class Owner:
    """Who has the account, looked at by Python's own IMAP client."""

    server: Server
    address: str
    password: str

    @classmethod
    def make(cls, server: Server) -> "Owner":
        """A new account."""
        return cls(server, *add_account(server, unique_word()))

    def append(self, letter: Letter, mailbox: str = "INBOX", flags: str = "") -> None:
        with reading(self.server, self.address, self.password) as client:
            assert client.append(mailbox, flags, "", letter.content)[0] == "OK"

    def letters(self, count: int) -> list[Letter]:
        """New letters in the INBOX."""
        made = [Letter("ann@elsewhere.test", self.address) for _ in range(count)]
        for letter in made:
            self.append(letter)
        return made

    def read(self, mailbox: str = "INBOX") -> list[bytes]:
        """The messages of a mailbox, whole, in order."""
        with reading(self.server, self.address, self.password) as client:
            return found(client, mailbox, "ALL")

    def flags(self, mailbox: str = "INBOX") -> dict[str, set[str]]:
        """Flags by subject, without \\Recent."""
        with reading(self.server, self.address, self.password) as client:
            words = [word_of(message) for message in found(client, mailbox, "ALL")]
            lines = client.fetch("1:*", "(FLAGS)")[1] if words else []
        flags = [{flag.decode() for flag in imaplib.ParseFlags(line)} for line in lines]
        return {word: one - {"\\Recent"} for word, one in zip(words, flags, strict=True)}

    def store(self, mailbox: str, word: str, flags: str) -> None:
        """Set flags of the message with this word; \\Deleted also removes it."""
        with reading(self.server, self.address, self.password) as client:
            client.select(mailbox)
            number = client.search(None, "SUBJECT", word)[1][0].decode()
            assert client.store(number, "+FLAGS", f"({flags})")[0] == "OK"
            if "\\Deleted" in flags:
                client.expunge()


def word_of(message: bytes) -> str:
    """The word in the subject of a letter."""
    return message.split(b"\nSubject: ", 1)[1].split()[0].decode()
