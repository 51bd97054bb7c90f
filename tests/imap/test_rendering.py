"""Flags masks as text."""

from dataclasses import dataclass, field

from imap.mailboxes.rendering import RECENT_BIT, FlagTexts, flag_texts, flags_bytes


@dataclass
class Table:
    keywords: list[str] = field(default_factory=list)


def test_system_flags_recent_and_keywords() -> None:
    state = Table(["$Forwarded", "work"])
    assert flags_bytes(state, 0, False) == b"()"
    assert flags_bytes(state, 0, True) == b"(\\Recent)"
    assert flags_bytes(state, 0b1011111, False) == (
        b"(\\Seen \\Answered \\Flagged \\Deleted \\Draft work)"
    )
    assert flag_texts(state)[0b100001 | RECENT_BIT] == b"(\\Seen $Forwarded \\Recent)"


def test_a_mailbox_that_learns_a_keyword_has_new_texts() -> None:
    state = Table(["a"])
    assert flags_bytes(state, 0b1000000, False) == b"()"
    state.keywords = ["a", "b"]
    assert flags_bytes(state, 0b1000000, False) == b"(b)"


def test_all_58_keywords_have_a_bit_of_their_own() -> None:
    state = Table([f"k{n}" for n in range(58)])
    assert flags_bytes(state, 1 << 62, True) == b"(k57 \\Recent)"


def test_texts_are_bounded() -> None:
    texts = FlagTexts([f"k{n}" for n in range(20)])
    for mask in range(20_000):
        assert texts[mask]
    assert len(texts) <= 4096
