"""Messages to send, varied in their words."""

import base64
import random

WORDS = [
    "".join(random.Random(n).choices("abcdefghijklmnopqrstuvwxyz", k=3 + n % 9))
    for n in range(20_000)
]


def message(number: int, size: int, author: str = "ann@elsewhere.test") -> bytes:
    """A text message of about `size` octets, varied in its words, no line starting with a dot."""
    source = random.Random(number)
    head = (
        f"From: Ann {number} <{author}>\r\nTo: Bob <bob@example.test>\r\n"
        f"Subject: {' '.join(source.choices(WORDS, k=5))}\r\n"
        f"Date: Tue, 24 Nov 2026 04:{number % 60:02d}:00 +0000\r\n"
        f"Message-ID: <{number}.{size}@elsewhere.test>\r\nMIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n\r\n"
    )
    lines, length = [head], len(head)
    while length < size:
        line = " ".join(source.choices(WORDS, k=9)) + "\r\n"
        lines.append(line)
        length += len(line)
    return "".join(lines).encode()


def mixed(number: int) -> bytes:
    """A message as people get them: 70 % text, 22 % text and HTML, 8 % with an attachment.

    Of 2,000 the mean is 13.5 KB and the median 5.1 KB.
    """
    source = random.Random(number * 7919)
    size = min(60_000, int(source.lognormvariate(8.45, 0.8)))
    text = message(number, size)
    kind = source.random()
    if kind < 0.70:
        return text
    head, _, body = text.partition(b"\r\n\r\n")
    head = head.replace(b"Content-Type: text/plain; charset=utf-8", b"")
    half = body[: len(body) // 2]
    first = b"--=_b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + half
    if kind < 0.92:
        second = b"\r\n--=_b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<html><p>" + half
        subtype = b"alternative"
    else:
        second = (
            b"\r\n--=_b\r\nContent-Type: application/pdf; name=a.pdf\r\n"
            b"Content-Transfer-Encoding: base64\r\n\r\n"
            + base64.encodebytes(source.randbytes(65_000)).replace(b"\n", b"\r\n")
        )
        subtype = b"mixed"
    return (
        head.rstrip()
        + b'\r\nContent-Type: multipart/%b; boundary="=_b"\r\n\r\n' % subtype
        + first
        + second
        + b"\r\n--=_b--\r\n"
    )
