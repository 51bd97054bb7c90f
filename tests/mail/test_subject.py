"""The base subject: the words of RFC 5256 §2.1, case by case."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.mail.subject import BaseSubject, base_subject


@pytest.mark.parametrize(
    ("subject", "base", "is_reply"),
    [
        ("", "", False),
        ("hello", "hello", False),
        ("Re: hello", "hello", True),
        ("RE:FWD:fw:hello", "hello", True),
        ("Re  : hello", "hello", True),
        ("Re[2]: hello", "hello", True),
        ("Re [list] : hello", "hello", True),
        ("Fwd: [list] Re: hello", "hello", True),
        ("[list] hello", "hello", False),
        ("[a] [b][c] hello", "hello", False),
        ("[list] Re: [list] hello", "hello", True),
        ("hello (fwd)", "hello", True),
        ("hello (FWD)  (fwd) ", "hello", True),
        ("hello(fwd)", "hello", True),
        ("[fwd: hello]", "hello", True),
        ("[Fwd: [fwd: Re: hello (fwd)]]", "hello", True),
        ("Re: [fwd: [list] hello] (fwd)", "hello", True),
        ("a\t b\r\n c", "a b c", False),
        # A blob goes only if it leaves something behind.
        ("[list]", "[list]", False),
        ("[a][b]", "[b]", False),
        ("Re: [list] ", "[list]", True),
        # What only looks alike
        ("Reply: hello", "Reply: hello", False),
        ("re", "re", False),
        ("[fwd: hello", "[fwd: hello", False),
        ("hello]", "hello]", False),
        ("hello [list]", "hello [list]", False),
        ("(fwd) hello", "(fwd) hello", False),
        ("[a[b]: hello", "[a[b]: hello", False),
        # Nothing is left
        ("Re:", "", True),
        ("(fwd)", "", True),
        ("[fwd:]", "", True),
        ("[fwd: ]", "", True),
    ],
)
def test_base_subject(subject: str, base: str, is_reply: bool) -> None:
    assert base_subject(subject) == BaseSubject(base, is_reply)


PIECES = st.lists(
    st.sampled_from(["Re", ":", "fwd", "[", "]", "(fwd)", " ", "x", "[fwd:", "[l]", "\t", "İ"])
)


@given(PIECES.map("".join))
def test_a_base_subject_is_its_own_base(subject: str) -> None:
    found = base_subject(subject).text
    assert base_subject(found).text == found
    assert found == found.strip(" ")


@pytest.mark.parametrize("piece", ["[]", "Re:", "[fwd:", "(fwd)", "[a] ", "[", "re [", " "])
def test_long_subjects_are_read_in_one_pass(piece: str) -> None:
    # Quadratic work would take minutes, beyond any timeout.
    base_subject(piece * 200_000 + "]" * 200_000)
