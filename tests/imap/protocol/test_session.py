"""Lines outside of commands: AUTHENTICATE's responses and IDLE's end."""

import pytest

from imap.protocol.errors import ParseError
from imap.protocol.session import is_done, parse_authenticate_response


def test_responses_to_a_challenge() -> None:
    assert parse_authenticate_response(b"dGVzdA==") == b"test"
    assert parse_authenticate_response(b"dGVzdA== ") == b"test"
    assert parse_authenticate_response(b"") == b""
    assert parse_authenticate_response(b"*") is None


@pytest.mark.parametrize("line", [b"dGVzdA", b"dGVzdA=", b"dGVzdA===", b"d*==", b"=", b"a b="])
def test_base64_is_strict(line: bytes) -> None:
    with pytest.raises(ParseError):
        parse_authenticate_response(line)


def test_what_ends_idle() -> None:
    assert is_done(b"DONE")
    assert is_done(b"done ")
    assert not is_done(b"a1 NOOP")
    assert not is_done(b"")
