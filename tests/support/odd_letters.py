"""Random letters of every make: charsets, encodings, HTML, attachments, messages in messages."""

import base64
import quopri
import random

_ALPHABETS = {
    "us-ascii": "abcdefghij KLM,.-%_\\'\"<>&;=?",
    "utf-8": "aäöüßéÅ ЖжИи 漢字 ﬁ Ⅳ e\u0301\u0323 \u00a0x İı",
    "iso-8859-1": "aäöüÄÖß é%",
    "iso-2022-jp": "漢字かな abc",
    "koi8-r": "Жжиы ab",
    "utf-16": "aäЖ漢",
}
_BLANKS = (" ", " ", " ", "\r\n", "\r\n\r\n", "  ", "\t")


def words(source: random.Random, charset: str, count: int) -> str:
    """Words and blanks in letters that the charset has."""
    letters = _ALPHABETS[charset]
    return "".join(
        "".join(source.choices(letters, k=source.randint(1, 7))) + source.choice(_BLANKS)
        for _ in range(count)
    )


def letter(source: random.Random, depth: int = 0) -> bytes:
    """A message, its header first."""
    charset = source.choice(list(_ALPHABETS))
    subject = words(source, charset, 3).replace("\r\n", " ").strip()
    encoded = base64.b64encode(subject.encode(charset, "replace")).decode()
    plain = words(source, "us-ascii", 4).replace("\r\n", " ").strip()
    head = (
        f"From: Ann <ann@elsewhere.test>\r\nSubject: =?{charset}?B?{encoded}?=\r\n {plain}\r\n"
        f"X-Odd: {plain[::-1]}\r\n"
    ).encode()
    return head + _part(source, depth)


def _part(source: random.Random, depth: int) -> bytes:
    kind = source.choice(("text", "text", "html", "file", "multipart", "message"))
    if depth > 2:
        kind = "text"
    if kind == "multipart":
        boundary = f"b{source.getrandbits(32):x}".encode()
        parts = [_part(source, depth + 1) for _ in range(source.randint(1, 3))]
        lines = b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts)
        return b"Content-Type: multipart/mixed; boundary=%b\r\n\r\n%b--%b--\r\n" % (
            boundary,
            lines,
            boundary,
        )
    if kind == "message":
        return b"Content-Type: message/rfc822\r\n\r\n" + letter(source, depth + 1)
    if kind == "file":
        name = words(source, "us-ascii", 1).strip().replace('"', "").replace("\\", "")
        return (
            f'Content-Type: image/png; name="{name}"\r\nContent-Transfer-Encoding: base64\r\n\r\n'
        ).encode() + base64.encodebytes(source.randbytes(60))
    return _text(source, "html" if kind == "html" else "plain")


def _text(source: random.Random, subtype: str) -> bytes:
    charset = source.choice(list(_ALPHABETS))
    text = words(source, charset, source.randint(0, 30))
    if subtype == "html":
        text = f"<p class=x>{text}</p>"
    raw = text.encode(charset, "replace")
    if source.random() < 0.1:
        charset = source.choice(("unknown-8bit", "us-ascii"))
    encoding = source.choice(("8bit", "quoted-printable", "base64"))
    if encoding == "quoted-printable":
        raw = quopri.encodestring(raw).replace(b"\n", b"\r\n").replace(b"\r\r\n", b"\r\n")
    elif encoding == "base64":
        raw = base64.encodebytes(raw).replace(b"\n", b"\r\n")
    head = (
        f"Content-Type: text/{subtype}; charset={charset}\r\n"
        f"Content-Transfer-Encoding: {encoding}\r\n\r\n"
    )
    return head.encode() + raw
