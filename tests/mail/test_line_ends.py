"""Line ends: found bare wherever they are, and made CR LF at any split."""

import re

from hypothesis import given
from hypothesis import strategies as st

from mailserver.mail.line_ends import LineEnds, has_bare, normalised

contents = st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"a", b".", b"\0"])).map(b"".join)


@given(contents)
def test_bare_is_what_stands_alone(content: bytes) -> None:
    assert has_bare(content) == (re.search(rb"\r(?!\n)|(?<!\r)\n", content) is not None)
    assert not has_bare(normalised(content))
    if not has_bare(content):
        assert normalised(content) == content


@given(st.lists(contents))
def test_pieces_give_the_same_as_the_whole(pieces: list[bytes]) -> None:
    lines = LineEnds()
    found = b"".join(map(lines.feed, pieces)) + lines.end()
    whole = normalised(b"".join(pieces))
    assert found == (whole if whole.endswith(b"\n") else whole + b"\r\n")
