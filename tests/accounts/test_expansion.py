"""The expansion of aliases, without a database."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailserver.accounts import Resolution
from mailserver.accounts.expansion import MAX_ADDRESSES, MAX_DEPTH, Expansion, expand
from mailserver.errors import MailError
from mailserver.storage.directory.addresses import Entry
from mailserver.storage.directory.domains import DomainState

NOWHERE = Entry(
    organization_id=1,
    organization="demo",
    domain_id=1,
    domain_state=DomainState.ACTIVE,
    matched=None,
    targets=(),
    account_id=None,
    quota_bytes=None,
    account_active=False,
)


def as_entry(name: str, value: int | list[str]) -> Entry:
    if isinstance(value, int):
        return replace(NOWHERE, matched=name, account_id=value, account_active=True)
    targets = tuple(target if "@" in target else f"{target}@d.test" for target in value)
    return replace(NOWHERE, matched=name, targets=targets)


def walk(graph: dict[str, int | list[str]], start: str) -> Resolution:
    """Expand `start@d.test` where `graph` is the domain: name → account id or alias targets."""
    expanding = expand(f"{start}@d.test")
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
            expansion: Expansion = end.value
            return expansion.resolution
    raise AssertionError("the expansion does not end")


NAMES = st.sampled_from("abcdefgh")
GRAPHS: st.SearchStrategy[dict[str, int | list[str]]] = st.dictionaries(
    NAMES,
    st.integers(1, 5)
    | st.lists(NAMES | st.sampled_from(["x@out.test", "y@out.test"]), min_size=1, max_size=4),
)


@given(GRAPHS, NAMES)
@settings(max_examples=500)
def test_any_graph_of_aliases_is_expanded_to_what_can_be_reached_in_it(
    graph: dict[str, int | list[str]], start: str
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
    chain: dict[str, int | list[str]] = {f"n{n}": [f"n{n + 1}"] for n in range(MAX_DEPTH)}
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
