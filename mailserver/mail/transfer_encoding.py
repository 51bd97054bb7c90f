"""Content-Transfer-Encodings (RFC 2045 §6) undone piece by piece, for parts of any size.

Whatever the pieces are, what comes out is the same as `text.decode_content` makes of the whole.
Never raises: what is malformed is skipped.
"""

import binascii
from typing import Protocol

from mailserver.mail.parts import Encoding

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_NOT_BASE64 = bytes(set(range(256)).difference(_ALPHABET, b"="))
_LONGEST_LINE = 1 << 16  # bytes of quoted-printable that are kept until their line ends


class Decoder(Protocol):
    """Takes the encoded bytes in pieces and gives the decoded ones."""

    def feed(self, piece: bytes) -> bytes:
        """The next bytes, as far as they can be decoded already."""

    def end(self) -> bytes:
        """The last bytes."""


def decoder(encoding: Encoding) -> Decoder:
    """A decoder; ValueError for an encoding that is not known."""
    if encoding is Encoding.UNKNOWN:
        raise ValueError("unknown Content-Transfer-Encoding")
    return _DECODERS[encoding]()


class _Identity:
    """7bit, 8bit, binary."""

    def feed(self, piece: bytes) -> bytes:
        return piece

    def end(self) -> bytes:
        return b""


class _Base64:
    """RFC 2045 §6.8: characters outside of the alphabet are skipped, padding is the end."""

    def __init__(self) -> None:
        self._held = b""
        self._ended = False

    def feed(self, piece: bytes) -> bytes:
        if self._ended:
            return b""
        letters, padding, _ = piece.translate(None, _NOT_BASE64).partition(b"=")
        self._held += letters
        if padding:
            return self.end()
        usable = len(self._held) // 4 * 4
        whole, self._held = self._held[:usable], self._held[usable:]
        return binascii.a2b_base64(whole)

    def end(self) -> bytes:
        rest, self._held, self._ended = self._held, b"", True
        # One letter alone holds no octet; two or three lack their padding.
        usable = len(rest) - (len(rest) % 4 == 1)
        return binascii.a2b_base64(rest[:usable] + b"=" * (-usable % 4))


class _QuotedPrintable:
    """RFC 2045 §6.7; a line is decoded once it is whole, or long."""

    def __init__(self) -> None:
        self._held = b""

    def feed(self, piece: bytes) -> bytes:
        data = self._held + piece
        end = data.rfind(b"\n") + 1
        if len(data) - end > _LONGEST_LINE:
            # `=`, two digits or a line end: never cut in between
            escape = data.rfind(b"=", len(data) - 3)
            end = len(data) if escape < 0 else escape
        self._held = data[end:]
        return binascii.a2b_qp(data[:end])

    def end(self) -> bytes:
        rest, self._held = self._held, b""
        return binascii.a2b_qp(rest)


_DECODERS: dict[Encoding, type[_Identity | _Base64 | _QuotedPrintable]] = {
    Encoding.IDENTITY: _Identity,
    Encoding.BASE64: _Base64,
    Encoding.QUOTED_PRINTABLE: _QuotedPrintable,
}
