"""INPROGRESS (RFC 9585), a response code."""

from imap.protocol.strings import quoted


# inprogress-resp-text-code = "INPROGRESS" [SP "(" tag SP progress SP goal ")"]
def inprogress_code(tag: bytes, done: int | None = None, total: int | None = None) -> bytes:
    """`INPROGRESS ("A001" 454 1000)`; NIL for what is not known."""
    numbers = (b"NIL" if one is None else b"%d" % one for one in (done, total))
    return b"INPROGRESS (%b %b)" % (quoted(tag), b" ".join(numbers))
