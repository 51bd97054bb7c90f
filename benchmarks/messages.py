"""Messages to send, varied in their words."""

import random

_WORDS = [
    "".join(random.Random(n).choices("abcdefghijklmnopqrstuvwxyz", k=3 + n % 9))
    for n in range(20_000)
]


def message(number: int, size: int, author: str = "ann@elsewhere.test") -> bytes:
    """A text message of about `size` octets, varied in its words, no line starting with a dot."""
    source = random.Random(number)
    head = (
        f"From: Ann {number} <{author}>\r\nTo: Bob <bob@example.test>\r\n"
        f"Subject: {' '.join(source.choices(_WORDS, k=5))}\r\n"
        f"Date: Tue, 24 Nov 2026 04:{number % 60:02d}:00 +0000\r\n"
        f"Message-ID: <{number}.{size}@elsewhere.test>\r\nMIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n\r\n"
    )
    lines, length = [head], len(head)
    while length < size:
        line = " ".join(source.choices(_WORDS, k=9)) + "\r\n"
        lines.append(line)
        length += len(line)
    return "".join(lines).encode()
