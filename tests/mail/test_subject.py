"""Base subjects (RFC 5256 §2.1)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.mail.subject import base_subject


@pytest.mark.parametrize(
    ("subject", "base"),
    [
        ("hello", "hello"),
        ("Re: hello", "hello"),
        ("RE:Re : Fwd: FW: hello", "hello"),
        ("[list] Re: hello", "hello"),
        ("Re[2]: hello", "hello"),
        ("Re: [list] hello (fwd) (FWD) ", "hello"),
        ("[a] [b] hello", "hello"),
        ("[only a blob]", "[only a blob]"),
        ("[fwd: Re: hello]", "hello"),
        ("Re: [Fwd: [fwd: hello]]", "hello"),
        ("hello\t  there", "hello there"),
        ("Regarding: x", "Regarding: x"),
        ("Re:", ""),
        ("", ""),
    ],
)
def test_base_subject(subject: str, base: str) -> None:
    assert base_subject(subject) == base


@given(st.lists(st.sampled_from(["re", ":", "[", "]", " ", "fwd", "(fwd)", "x"])).map("".join))
def test_base_of_a_base_is_itself(subject: str) -> None:
    base = base_subject(subject)
    assert base_subject(base) == base
