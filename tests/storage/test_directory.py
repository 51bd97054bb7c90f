"""The directory's SQL on a real Postgres, its spelling and its cache."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.errors import Refused
from mailserver.storage.database import Connection
from mailserver.storage.directory import accounts, addresses, domains, organizations
from mailserver.storage.directory.cache import DirectoryCache
from mailserver.storage.directory.domains import DomainState
from mailserver.storage.directory.entries import LOOK_UP, look_up, question
from mailserver.storage.directory.spelling import domain_name, local_address


@pytest.fixture
async def c(dsn: str) -> AsyncIterator[Connection]:
    connection = await asyncpg.connect(dsn)
    yield connection
    await connection.close()


async def make_domain(c: Connection, name: str) -> int:
    await organizations.add(c, "demo")
    organization_id = await organizations.lock(c, "demo")
    assert organization_id is not None
    domain_id = await domains.add(c, name, organization_id, DomainState.ACTIVE)
    assert domain_id is not None
    return domain_id


async def make_account(c: Connection, domain_id: int, local_part: str) -> int:
    assert await addresses.claim(c, domain_id, local_part, "account")
    return await accounts.add(c, domain_id, local_part, "$argon2id$", None)


async def matched(c: Connection, key: str) -> str | None:
    return (await look_up(c, [key], "+"))[key].matched


async def test_the_exact_address_counts_before_its_sub_address_and_the_catch_all(
    c: Connection,
) -> None:
    domain_id = await make_domain(c, "example.test")
    assert await matched(c, "alice+shop@example.test") is None
    await addresses.claim(c, domain_id, "*", "alias", ["bob@elsewhere.test"])
    assert await matched(c, "alice+shop@example.test") == "*"
    await make_account(c, domain_id, "alice")
    assert await matched(c, "alice+shop@example.test") == "alice"
    await make_account(c, domain_id, "alice+shop")
    assert await matched(c, "alice+shop@example.test") == "alice+shop"
    assert await matched(c, "+shop@example.test") == "*"


async def test_a_domain_that_is_not_ours_has_no_entry(c: Connection) -> None:
    await make_domain(c, "example.test")

    asked = ["a@example.test", "a@elsewhere.test"]

    assert set(await look_up(c, asked, "+")) == {"a@example.test"}


async def test_an_address_is_claimed_once(c: Connection) -> None:
    domain_id = await make_domain(c, "example.test")

    assert await addresses.claim(c, domain_id, "info", "alias", ["a@elsewhere.test"])

    assert not await addresses.claim(c, domain_id, "info", "account")
    assert await addresses.find_kind(c, domain_id, "info") == "alias"


async def test_forgetting_an_address_removes_the_aliases_that_led_only_there(
    c: Connection,
) -> None:
    domain_id = await make_domain(c, "example.test")
    for name, targets in {
        "one": ["bob@example.test"],
        "two": ["one@example.test"],
        "both": ["two@example.test", "carol@elsewhere.test"],
        "other": ["dave@elsewhere.test"],
    }.items():
        await addresses.claim(c, domain_id, name, "alias", targets)

    await addresses.forget(c, "bob@example.test")

    left = {alias.address: alias.targets for alias in await addresses.aliases(c)}
    assert left == {
        "both@example.test": ("carol@elsewhere.test",),
        "other@example.test": ("dave@elsewhere.test",),
    }


async def test_looking_up_an_address_reads_no_table_from_end_to_end(c: Connection) -> None:
    await c.execute("INSERT INTO organization (name) VALUES ('demo')")
    await c.execute(
        "INSERT INTO domain (organization_id, name, state)"
        " SELECT 1, 'd' || n || '.example.test', 'active' FROM generate_series(1, 2000) n"
    )
    await c.execute(
        "INSERT INTO address (domain_id, local_part, kind)"
        " SELECT d.id, 'u' || n, 'account' FROM domain d, generate_series(1, 10) n"
    )
    await c.execute(
        "INSERT INTO account (domain_id, local_part, password_hash)"
        " SELECT domain_id, local_part, '' FROM address"
    )
    await c.execute("ANALYZE")

    plan = await c.fetch(
        f"EXPLAIN {LOOK_UP}", *zip(question("u7+x@d77.example.test", "+"), strict=True)
    )

    scans = [row[0] for row in plan if "Seq Scan" in row[0]]
    assert [line for line in scans if " organization" not in line] == []


async def test_a_lock_on_an_organization_keeps_it_from_being_removed(
    c: Connection, dsn: str
) -> None:
    await organizations.add(c, "demo")
    other = await asyncpg.connect(dsn)
    try:
        async with c.transaction():
            await organizations.lock(c, "demo")
            with pytest.raises(TimeoutError):
                async with other.transaction():
                    await other.execute("DELETE FROM organization", timeout=0.2)
    finally:
        await other.close()


@pytest.mark.parametrize(
    ("typed", "spelled"),
    [
        ("example.test", "example.test"),
        ("Example.TEST.", "example.test"),
        ("bücher.example", "xn--bcher-kva.example"),
    ],
)
def test_a_domain_name_is_kept_as_lower_case_a_labels(typed: str, spelled: str) -> None:
    assert domain_name(typed) == spelled


@pytest.mark.parametrize(
    "typed",
    ["", "localhost", "192.0.2.1", "[192.0.2.1]", "a..b", "-a.test", "a_b.test", "a b.test"],
)
def test_what_is_no_domain_name_is_refused_by_name(typed: str) -> None:
    with pytest.raises(Refused, match="is no domain name") as refusal:
        domain_name(typed)
    assert refusal.value.field == "domain"


@pytest.mark.parametrize(
    ("typed", "spelled"),
    [
        ("Alice@Example.test", ("alice", "example.test")),
        ("*@example.test", ("*", "example.test")),
        ("Grüße@example.test", ("grüße", "example.test")),
        ('"plain"@example.test', ("plain", "example.test")),
    ],
)
def test_an_address_is_kept_in_lower_case(typed: str, spelled: tuple[str, str]) -> None:
    assert local_address(typed) == spelled


@pytest.mark.parametrize(
    "typed",
    [
        *("alice", "@example.test", '"a b"@example.test', "a@localhost", "a\u00a0b@example.test"),
        "SRS0=a=b=c=d@example.test",
    ],
)
def test_an_address_that_cannot_be_made_here_is_refused(typed: str) -> None:
    with pytest.raises(Refused):
        local_address(typed)


@given(st.text(max_size=80), st.sampled_from(["example.test", "Ünï.example", ""]))
def test_any_text_is_spelled_or_refused(local_part: str, domain: str) -> None:
    try:
        spelled, name = local_address(f"{local_part}@{domain}")
    except Refused:
        return
    assert local_address(f"{spelled}@{name}") == (spelled, name)
    assert spelled == spelled.lower()


def test_the_cache_forgets_the_value_not_asked_for_the_longest() -> None:
    cache: DirectoryCache[int] = DirectoryCache(2)
    cache.put("a", 1, ["x.test"], generation=0)
    cache.put("b", 2, ["x.test"], generation=0)
    assert cache.get("a") == 1
    cache.put("c", 3, ["y.test"], generation=0)

    assert [cache.get(key) for key in "abc"] == [1, None, 3]


def test_the_cache_forgets_all_that_was_made_from_a_domain() -> None:
    cache: DirectoryCache[int] = DirectoryCache(9)
    cache.put("a", 1, ["x.test", "y.test"], generation=0)
    cache.put("b", 2, ["y.test"], generation=0)
    cache.put("c", 3, ["z.test"], generation=0)
    cache.invalidate("y.test")
    assert [cache.get(key) for key in "abc"] == [None, None, 3]
    cache.invalidate("")
    assert len(cache) == 0


def test_the_cache_takes_no_value_older_than_an_invalidation() -> None:
    cache: DirectoryCache[int] = DirectoryCache(9)
    asked = cache.generation
    cache.invalidate("x.test")
    cache.put("a", 1, ["x.test"], generation=asked)

    assert cache.get("a") is None


@given(
    st.lists(
        st.tuples(st.sampled_from("abcdef"), st.sets(st.sampled_from("xyz"), min_size=1)),
        max_size=30,
    ),
    st.sampled_from("xyz"),
)
def test_the_cache_keeps_no_trace_of_what_it_forgot(
    puts: list[tuple[str, set[str]]], domain: str
) -> None:
    cache: DirectoryCache[int] = DirectoryCache(3)
    for key, tags in puts:
        cache.put(key, 1, tags, generation=0)
    latest = dict(puts)
    cache.invalidate(domain)

    assert all(cache.get(key) is None for key, tags in latest.items() if domain in tags)
    for other in "xyz":
        cache.invalidate(other)
    assert len(cache) == 0
    assert cache._keys == {}
