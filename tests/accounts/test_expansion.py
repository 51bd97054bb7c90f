"""The expansion of aliases, without a database."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailserver.accounts import Resolution
from mailserver.accounts.expansion import MAX_ADDRESSES, MAX_DEPTH, Expansion, expand
from mailserver.errors import MailError
from mailserver.storage.directory.domains import DomainState
from mailserver.storage.directory.entries import Entry, Kind, Posting

NOWHERE = Entry(
    organization_id=1,
    organization="demo",
    domain_id=1,
    domain="d.test",
    domain_state=DomainState.ACTIVE,
    matched=None,
    kind=None,
    targets=(),
    posting=None,
    account_id=None,
    quota_bytes=None,
    quota_messages=None,
    account_active=False,
)


Value = int | list[str] | Entry


def as_entry(name: str, value: Value) -> Entry:
    if isinstance(value, Entry):
        return value
    if isinstance(value, int):
        account = replace(NOWHERE, matched=name, kind=Kind.ACCOUNT)
        return replace(account, account_id=value, account_active=True)
    targets = tuple(target if "@" in target else f"{target}@d.test" for target in value)
    return replace(NOWHERE, matched=name, kind=Kind.ALIAS, targets=targets)


def group(name: str, *members: str, posting: Posting = Posting.MEMBERS) -> Entry:
    return replace(as_entry(name, list(members)), kind=Kind.GROUP, posting=posting)


def walk(graph: dict[str, Value], start: str, *, postmaster: str = "") -> Resolution:
    return expansion(graph, start, postmaster=postmaster).resolution


def expansion(graph: dict[str, Value], start: str, *, postmaster: str = "") -> Expansion:
    """Expand `start@d.test` where `graph` is the domain: name → account id or alias targets."""
    key = f"{start}@d.test"
    expanding = expand(key, key, postmaster=postmaster)
    asked = next(expanding)
    for _ in range(MAX_DEPTH + 2):
        known = {key: key.partition("@") for key in asked if key.endswith("@d.test")}
        found = {
            key: as_entry(name, graph[name]) if name in graph else NOWHERE
            for key, (name, _, _) in known.items()
        }
        try:
            asked = expanding.send(found)
        except StopIteration as end:
            found_out: Expansion = end.value
            return found_out
    raise AssertionError("the expansion does not end")


NAMES = st.sampled_from("abcdefgh")
GRAPHS: st.SearchStrategy[dict[str, Value]] = st.dictionaries(
    NAMES,
    st.integers(1, 5)
    | st.lists(NAMES | st.sampled_from(["x@out.test", "y@out.test"]), min_size=1, max_size=4),
)


@given(GRAPHS, NAMES)
@settings(max_examples=500)
def test_any_graph_of_aliases_is_expanded_to_what_can_be_reached_in_it(
    graph: dict[str, Value], start: str
) -> None:
    reached, frontier = {start}, [start]
    while frontier:
        value = graph.get(frontier.pop(), [])
        new = set(value) - reached if isinstance(value, list) else set()
        reached |= new
        frontier += new

    found = walk(graph, start)

    ids = [account.id for account in found.accounts]
    assert sorted(ids) == sorted({v for k in reached if isinstance(v := graph.get(k), int)})
    assert sorted(found.forwards) == sorted(name for name in reached if "@" in name)


def test_an_alias_deeper_than_the_limit_keeps_its_mail_waiting() -> None:
    chain: dict[str, Value] = {f"n{n}": [f"n{n + 1}"] for n in range(MAX_DEPTH)}
    chain[f"n{MAX_DEPTH}"] = 7
    assert walk(chain, "n0").known

    chain[f"n{MAX_DEPTH}"] = [f"n{MAX_DEPTH + 1}"]
    with pytest.raises(MailError) as refusal:
        walk(chain, "n0")
    assert (refusal.value.code, refusal.value.enhanced) == (451, "4.3.5")


def test_an_alias_wider_than_the_limit_keeps_its_mail_waiting() -> None:
    wide = [f"u{n}@out.test" for n in range(MAX_ADDRESSES)]
    assert len(walk({"all": wide[:-1]}, "all").forwards) == MAX_ADDRESSES - 1
    with pytest.raises(MailError):
        walk({"all": wide}, "all")


# ── groups ───────────────────────────────────────────────────────────────────────────────────


def test_a_group_reaches_its_members_and_those_of_groups_in_it() -> None:
    found = walk(
        {"all": group("all", "team", "x@out.test"), "team": group("team", "a"), "a": 1}, "all"
    )
    assert (found.accounts, found.forwards) == ((), ())
    [reached] = found.groups
    assert (reached.address, reached.posting) == ("all@d.test", Posting.MEMBERS)
    assert [one.id for one in reached.accounts] == [1]
    assert reached.forwards == ("x@out.test",)


def test_who_is_reached_by_the_alias_itself_is_not_reached_by_its_group() -> None:
    found = walk({"info": ["a", "team"], "team": group("team", "a", "b"), "a": 1, "b": 2}, "info")
    assert [one.id for one in found.accounts] == [1]
    assert [[one.id for one in reached.accounts] for reached in found.groups] == [[2]]


def test_a_group_of_nobody_leads_nowhere() -> None:
    assert not walk({"team": group("team")}, "team").known


def test_the_owners_of_a_group_are_an_address_that_asks_nobody_who_posts() -> None:
    owners = replace(as_entry("team", ["board"]), kind=Kind.OWNERS)
    found = walk({"owner-team": owners, "board": group("board", "a"), "a": 1}, "owner-team")
    assert [one.id for one in found.accounts] == [1]
    assert found.groups == ()


def test_who_answers_for_the_domain_answers_for_groups_without_owners() -> None:
    owners = replace(NOWHERE, kind=Kind.OWNERS, matched="team")
    found = walk({"owner-team": owners, "postmaster": ["a"], "a": 1}, "owner-team")
    assert [one.id for one in found.accounts] == [1]


def test_an_address_that_leads_back_to_itself_says_so() -> None:
    loop: dict[str, Value] = {"a": group("a", "b"), "b": group("b", "a", "x@out.test")}
    assert expansion(loop, "a").returns
    assert not expansion({"a": group("a", "b"), "b": group("b", "x@out.test")}, "a").returns


# ── postmaster and abuse ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("contact", "configured", "expected"),
    [
        ("c@out.test", "p@out.test", "c@out.test"),
        ("", "p@out.test", "p@out.test"),
        ("", "", "first@out.test"),
    ],
)
def test_somebody_stands_in_for_postmaster(contact: str, configured: str, expected: str) -> None:
    role = replace(NOWHERE, role=True, contact=contact, first_account="first@out.test")
    found = walk({"postmaster": role}, "postmaster", postmaster=configured)
    assert (found.forwards, found.role) == ((expected,), True)


def test_nobody_stands_in_for_others() -> None:
    plain = replace(NOWHERE, contact="c@out.test", first_account="first@out.test")
    assert not walk({"x": plain}, "x", postmaster="p@out.test").known


def test_postmaster_of_its_own_is_a_mailbox_like_others() -> None:
    own = replace(as_entry("postmaster", 1), role=True)
    assert not walk({"postmaster": own}, "postmaster").role


def test_a_group_that_stands_in_for_postmaster_is_open_to_all() -> None:
    role = replace(NOWHERE, role=True, contact="team@d.test")
    found = walk({"abuse": role, "team": group("team", "a"), "a": 1}, "abuse")
    assert ([one.id for one in found.accounts], found.groups) == ([1], ())
