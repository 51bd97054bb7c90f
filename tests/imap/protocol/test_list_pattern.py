"""LIST's wildcards: what they match, and that no pattern takes long."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imap.protocol.list_pattern import ListPattern


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        ("*", "a/b/c", True),
        ("%", "a", True),
        ("%", "a/b", False),
        ("a/%", "a/b", True),
        ("a/%", "a", False),
        ("a/%", "a/b/c", False),
        ("%/%", "a/b", True),
        ("*b", "a/b", True),
        ("%b", "a/b", False),
        ("a*c", "a/b/c", True),
        ("a%c", "abc", True),
        ("a%*c", "a/b/c", True),
        ("%%", "a", True),
        ("a", "a", True),
        ("a", "A", False),
        ("a*", "a", True),
        ("", "", True),
        ("", "a", False),
        ("a.b", "axb", False),
        ("inbox", "INBOX", True),
        ("InB*", "INBOX", True),
        ("%nbox", "INBOX", True),
        ("inbox/%", "INBOX/a", True),
        ("b*", "INBOX", False),
    ],
)
def test_what_a_pattern_matches(pattern: str, name: str, matches: bool) -> None:
    assert ListPattern("", pattern).matches(name) is matches


def test_the_reference_comes_before_the_pattern() -> None:
    assert ListPattern("a/", "%").matches("a/b")
    assert not ListPattern("a/", "%").matches("b")
    assert ListPattern("a", "%").matches("abc")


@given(st.text("ab/*%", max_size=12), st.text("ab/", max_size=12))
def test_matching_agrees_with_a_regular_expression(pattern: str, name: str) -> None:
    joined = pattern[1:] if pattern.startswith("/") else pattern
    meaning = {"*": ".*", "%": "[^/]*"}
    expression = "".join(meaning.get(char) or re.escape(char) for char in joined)
    expected = re.fullmatch(expression, name) is not None
    assert ListPattern("", pattern).matches(name) is expected


def test_a_pattern_made_to_hurt_takes_no_longer() -> None:
    pattern = ListPattern("", "*a%b" * 500 + "*c")
    started = time.perf_counter()
    assert not pattern.matches("ab" * 500 + "d")
    assert time.perf_counter() - started < 1
