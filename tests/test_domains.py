"""Organizations, domains, aliases and the records to publish, on a real Postgres."""

import asyncio
from collections.abc import AsyncIterator

import dkim
import pytest

from mailserver.accounts import Accounts
from mailserver.domains import (
    Aliases,
    DnsRecord,
    Domains,
    Organizations,
    required_records,
)
from mailserver.errors import Refused
from mailserver.keys import Algorithm
from mailserver.storage import mailboxes
from mailserver.storage.database import Database
from mailserver.storage.directory.domains import DomainState

PASSWORD = "correct horse"


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    opened = await Database.open(dsn, connections=4, timeout=10)
    await Organizations(opened).add("demo")
    yield opened
    await opened.close()


@pytest.fixture
def domains(database: Database) -> Domains:
    return Domains(database)


@pytest.fixture
def aliases(database: Database) -> Aliases:
    return Aliases(database)


@pytest.fixture
async def example(database: Database, domains: Domains) -> None:
    """Domain example.test with accounts alice and bob."""
    await domains.add("example.test", "demo")
    accounts = Accounts(database)
    for name in ("alice", "bob"):
        await accounts.add(f"{name}@example.test", PASSWORD)


# ── organizations ───────────────────────────────────────────────────────────────────────────────


async def test_organizations_are_made_listed_and_removed(
    database: Database, domains: Domains
) -> None:
    organizations = Organizations(database)
    await organizations.add("acme")
    await domains.add("acme.test", "acme")

    found = await organizations.list()
    assert [(one.name, one.domains, one.accounts) for one in found] == [
        ("acme", 1, 0),
        ("demo", 0, 0),
    ]
    await organizations.remove("demo")
    assert [one.name for one in await organizations.list()] == ["acme"]


async def test_what_cannot_be_done_to_an_organization_is_refused_with_its_reason(
    database: Database, domains: Domains
) -> None:
    organizations = Organizations(database)
    await domains.add("example.test", "demo")
    for work, reason in (
        (organizations.add("demo"), "organization demo exists already"),
        (organizations.add("Demo Inc"), "Demo Inc is no name"),
        (organizations.find("acme"), "organization acme does not exist"),
        (organizations.remove("acme"), "organization acme does not exist"),
        (organizations.remove("demo"), "organization demo still owns 1 domain"),
    ):
        with pytest.raises(Refused, match=reason) as refusal:
            await work
        assert refusal.value.field == "organization"


async def test_an_organization_is_not_removed_under_a_domain_that_is_being_made(
    database: Database, domains: Domains
) -> None:
    for turn in range(3):
        await Organizations(database).add(f"race{turn}")
        await asyncio.gather(
            domains.add(f"race{turn}.test", f"race{turn}"),
            Organizations(database).remove(f"race{turn}"),
            return_exceptions=True,
        )
        names = {one.name for one in await Organizations(database).list()}
        owners = {one.organization for one in await domains.list()}
        assert owners <= names


# ── domains ─────────────────────────────────────────────────────────────────────────────────────


async def test_a_new_domain_is_active_and_signs_with_an_rsa_and_an_ed25519_key(
    domains: Domains,
) -> None:
    made = await domains.add("Bücher.Example", "demo")

    assert (made.name, made.state) == ("xn--bcher-kva.example", DomainState.ACTIVE)
    signers = await domains.signing_keys(made.name)
    assert [(one.domain, one.selector, one.algorithm) for one in signers] == [
        (made.name, "s1", Algorithm.RSA),
        (made.name, "s2", Algorithm.ED25519),
    ]
    assert "PRIVATE KEY" not in repr(signers)


async def test_what_cannot_be_done_to_a_domain_is_refused_with_its_reason(
    domains: Domains, example: None
) -> None:
    for work, reason in (
        (domains.add("EXAMPLE.test.", "demo"), r"domain example\.test exists already"),
        (domains.add("other.test", "acme"), "organization acme does not exist"),
        (domains.add("localhost", "demo"), "localhost is no domain name"),
        (domains.find("other.test"), r"domain other\.test does not exist"),
        (domains.remove("other.test"), r"domain other\.test does not exist"),
        (domains.set_state("other.test", DomainState.ACTIVE), "other.test does not exist"),
        (domains.remove("example.test"), r"domain example\.test still has 2 account\(s\)"),
    ):
        with pytest.raises(Refused, match=reason):
            await work


async def test_only_a_live_domain_signs(domains: Domains) -> None:
    await domains.add("later.test", "demo", active=False)
    assert await domains.signing_keys("later.test") == ()
    await domains.set_state("later.test", DomainState.ACTIVE)
    domains.invalidate("later.test")
    assert len(await domains.signing_keys("later.test")) == 2
    await domains.set_state("later.test", DomainState.SUSPENDED)
    assert len(await domains.signing_keys("later.test")) == 2  # remembered until told
    domains.invalidate("")
    assert await domains.signing_keys("later.test") == ()
    assert await domains.signing_keys("elsewhere.test") == ()


async def test_a_removed_domain_takes_all_that_is_in_it_along(
    database: Database, domains: Domains, aliases: Aliases, example: None
) -> None:
    await aliases.add("info@example.test", ["alice@example.test"])
    accounts = Accounts(database)
    alice = await accounts.find("alice@example.test")
    assert alice is not None

    await domains.remove("example.test", with_accounts=True)

    assert await domains.list() == []
    assert await accounts.list() == []
    assert await aliases.list() == []
    async with database.connection() as c:
        assert await mailboxes.listing(c, alice.id) == []
    assert await database.fetchval("SELECT count(*) FROM dkim_key") == 0


async def test_domains_are_listed_by_organization_with_their_counts(
    database: Database, domains: Domains, aliases: Aliases, example: None
) -> None:
    await Organizations(database).add("acme")
    await domains.add("acme.test", "acme", active=False)
    await aliases.add("info@example.test", ["alice@example.test"])

    found = {one.name: (one.state.value, one.accounts, one.aliases) for one in await domains.list()}
    assert found == {"acme.test": ("pending", 0, 0), "example.test": ("active", 2, 1)}
    assert [one.name for one in await domains.list(organization="acme")] == ["acme.test"]


# ── aliases ─────────────────────────────────────────────────────────────────────────────────────


async def test_an_alias_keeps_local_targets_in_lower_case_and_others_as_written(
    aliases: Aliases, example: None
) -> None:
    made = await aliases.add(
        "Info@Example.test",
        [
            "ALICE@example.test",
            "Bob+Shop@Example.test",
            "Carol@Elsewhere.test",
            "alice@example.test",
        ],
    )

    assert made.address == "info@example.test"
    assert made.targets == ("alice@example.test", "bob+shop@example.test", "Carol@elsewhere.test")
    assert await aliases.find("INFO@example.test") == made


async def test_what_cannot_be_an_alias_is_refused_with_its_reason(
    aliases: Aliases, example: None
) -> None:
    await aliases.add("info@example.test", ["alice@example.test"])
    await aliases.add("*@example.test", ["alice@example.test"])
    await aliases.remove("*@example.test")
    for address, targets, reason in (
        ("alice@example.test", ["x@y.test"], r"address alice@example\.test is taken by an account"),
        ("info@example.test", ["x@y.test"], r"address info@example\.test exists already"),
        ("a@other.test", ["x@y.test"], r"domain other\.test does not exist"),
        ("a@example.test", ["a@example.test"], "leads to itself"),
        ("a@example.test", ["nobody@example.test"], r"target nobody@example\.test does not exist"),
        ("a@example.test", ["*@example.test"], "is a catch-all"),
        ("a@example.test", ["nonsense"], "target nonsense is no address"),
        ("a@example.test", [], "needs 1 to 500 targets"),
        ("a@example.test", [f"u{n}@y.test" for n in range(501)], "needs 1 to 500 targets"),
    ):
        with pytest.raises(Refused, match=reason):
            await aliases.add(address, targets)


async def test_a_removed_alias_is_taken_out_of_those_that_lead_to_it(
    aliases: Aliases, example: None
) -> None:
    await aliases.add("inner@example.test", ["alice@example.test"])
    await aliases.add("outer@example.test", ["inner@example.test", "bob@example.test"])

    await aliases.remove("inner@example.test")

    assert [(one.address, one.targets) for one in await aliases.list(domain="Example.test")] == [
        ("outer@example.test", ("bob@example.test",))
    ]


@pytest.mark.parametrize("address", ["nobody@example.test", "alice@example.test", "a@other.test"])
async def test_an_alias_that_does_not_exist_is_refused_by_name(
    aliases: Aliases, example: None, address: str
) -> None:
    for work in (aliases.remove(address), aliases.find(address)):
        with pytest.raises(Refused, match=f"alias {address} does not exist"):
            await work


# ── records ─────────────────────────────────────────────────────────────────────────────────────


async def test_the_records_of_a_domain_cover_receiving_and_being_believed(
    domains: Domains,
) -> None:
    await domains.add("example.test", "demo")
    keys = await domains.keys("example.test")

    records = required_records("example.test", "mail.host.test", keys)

    assert [(one.type, one.name) for one in records] == [
        ("MX", "example.test"),
        ("TXT", "example.test"),
        ("TXT", "s1._domainkey.example.test"),
        ("TXT", "s2._domainkey.example.test"),
        ("TXT", "_dmarc.example.test"),
    ]
    assert records[0].value == "10 mail.host.test."
    published = {one.name: one.value for one in records}
    message = b"From: alice@example.test\r\n\r\nHello\r\n"
    signature = dkim.sign(message, b"s1", b"example.test", keys[0].private_key)
    assert dkim.verify(
        signature + message,
        dnsfunc=lambda name, **_: published[name.decode().rstrip(".")].encode(),
    )


def test_a_long_text_record_is_cut_into_character_strings_of_255_octets() -> None:
    record = DnsRecord("TXT", "s1._domainkey.example.test", "x" * 400)

    line = record.zone_line()

    assert line == f's1._domainkey.example.test. IN TXT "{"x" * 255}" "{"x" * 145}"'
