"""Messages that are wrong in one way each; a server stores them as they are and can show them."""

_HEAD = (
    b"From: <ann@elsewhere.test>\r\nTo: <bob@example.test>\r\nSubject: %b\r\n"
    b"Message-ID: <%b@elsewhere.test>\r\nMIME-Version: 1.0\r\n"
)
DEPTH = 1000


def _head(name: str) -> bytes:
    return _HEAD % (name.encode(), name.encode())


def _multipart_nested() -> bytes:
    opening = b"".join(
        b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (n, n)
        for n in range(DEPTH)
    )
    closing = b"".join(b"--b%d--\r\n" % n for n in reversed(range(DEPTH)))
    return opening + b"\r\nthe innermost\r\n" + closing


def _message_nested() -> bytes:
    inner = b"".join(
        b"Content-Type: message/rfc822\r\n\r\nSubject: %d\r\n" % n for n in range(DEPTH)
    )
    return inner + b"\r\nthe innermost\r\n"


def _parts(count: int) -> bytes:
    one = b"--b\r\nContent-Type: text/plain\r\n\r\npart\r\n"
    return b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + one * count + b"--b--\r\n"


_BODIES = {
    "unclosed-multipart": (
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
        b"Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n\r\nx\r\n"
    ),
    "multipart-without-boundary": b"Content-Type: multipart/mixed\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n",
    "empty-boundary": b'Content-Type: multipart/mixed; boundary=""\r\n\r\n--\r\n\r\nx\r\n----\r\n',
    "garbled-content-type": (
        b'Content-Type: text/; charset="unclosed; ;;=;\r\n name*0*=\xff%zz; a=(((\r\n'
        b"Content-Transfer-Encoding: rot13\r\nContent-Disposition: =?;filename\r\n\r\nx\r\n"
    ),
    "broken-encodings": (
        b"Content-Type: text/plain; charset=x-none\r\nContent-Transfer-Encoding: base64\r\n"
        b"Subject: =?utf-8?q?=ZZ?= =?x?b?!!!?=\r\n\r\n*** no base64 ***\r\n=\r\n"
    ),
    "lines-that-are-no-field": b"no colon here\r\n: no name\r\n folded onto nothing\r\n\r\nx\r\n",
    "addresses-of-nobody": (
        b'Cc: <<<>>>, "unclosed, (((, a@b@c, group: x@y;;, \xff\xfe@\xfd\r\nSender:\r\n'
        b"Date: the 31st of never\r\nReply-To: ,,,,\r\n\r\nx\r\n"
    ),
    "eight-bits-in-the-header": "X-Note: Grüße\r\nComments: ".encode() + b"\xff\xfe\r\n\r\nx\r\n",
    "nul": b"X-Nul: a\0b\r\n\r\nbefore\0after\r\n\0\r\n",
    "no-body": b"",
    "header-of-1-MB": b"X-Long: " + b"y" * (1 << 20) + b"\r\n\r\nx\r\n",
    "header-of-1-MB-in-fields": b"X-Field: value\r\n" * (1 << 16) + b"\r\nx\r\n",
    "twenty-thousand-recipients": b"Cc: " + b"a@b.test,\r\n " * 20_000 + b"a@b.test\r\n\r\nx\r\n",
    "line-of-1-MB": b"\r\n" + b"z" * (1 << 20) + b"\r\n",
    "multipart-1000-deep": _multipart_nested(),
    "message-1000-deep": _message_nested(),
    "twenty-thousand-parts": _parts(20_000),
}

BROKEN = {name: _head(name) + body for name, body in _BODIES.items()}
