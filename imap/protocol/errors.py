"""The one error of the IMAP grammar.

Whatever bytes a client sends, the grammar answers with a value or with `ParseError`, nothing else.
"""


class ParseError(Exception):
    """Bytes that are no IMAP (RFC 3501 §9), told with the place where they stop being it.

    `position` is an offset in bytes into what was parsed (for a command: into `Frame.text`, where
    literals are left out), `text` an ASCII line for the client that quotes nothing it sent.
    `tag` is the command's tag where one was readable: answer `tag BAD text`, else `* BAD text`
    (RFC 3501 §7.1.3).
    """

    def __init__(self, position: int, text: str, tag: bytes | None = None) -> None:
        super().__init__(position, text, tag)
        self.position = position
        self.text = text
        self.tag = tag

    def __str__(self) -> str:
        return f"{self.text} (at byte {self.position})"

    def moved(self, offset: int) -> "ParseError":
        """The same error, counted from a text that holds the parsed bytes at `offset`."""
        return ParseError(self.position + offset, self.text, self.tag)
