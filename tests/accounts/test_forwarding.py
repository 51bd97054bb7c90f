"""Rewritten senders and the secrets they are signed with, on a real Postgres."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from mailserver.accounts import Account, Accounts
from mailserver.accounts.forwarding import Forwarding
from mailserver.domains import Aliases, Domains, Secrets
from mailserver.errors import Refused
from mailserver.mail.addresses import Address
from mailserver.storage.database import Database
from mailserver.storage.directory import replaced_senders

LIFETIME = 21 * 86400.0
LONG = f"bounce-{'x' * 50}@lists.elsewhere.test"


def address(text: str) -> Address:
    local, _, domain = text.rpartition("@")
    return Address(local, domain)


async def leads_to(accounts: Accounts, text: str) -> tuple[str, ...]:
    found = await accounts.resolve(address(text))
    assert found.local
    assert found.accounts == ()
    return found.forwards


async def test_mail_to_a_rewritten_sender_leads_to_the_sender(
    accounts: Accounts, alice: Account
) -> None:
    for sender in ("Ann.Lee@elsewhere.test", LONG, "SRS0=H=T=a.test=b@first.test", "ü@out.test"):
        made = await accounts.forwarding.sender(sender, "Example.test")
        assert made.startswith("SRS")
        assert made.endswith("@example.test")
        assert len(made.encode()) - len("@example.test") <= 64
        assert await leads_to(accounts, made) == (sender,)
    assert await accounts.forwarding.sender("", "example.test") == ""


async def test_what_is_not_ours_any_more_or_never_was_leads_nowhere(
    database: Database, accounts: Accounts, alice: Account
) -> None:
    await Aliases(database).add("*@example.test", ["alice@example.test"])
    made = await accounts.forwarding.sender("ann@elsewhere.test", "example.test")
    old = Forwarding(database, LIFETIME, clock=lambda: 86400.0 * 20000)
    expired = await old.sender("ann@elsewhere.test", "example.test")
    for wrong in (made.replace("ann", "bob"), expired, "SRS0=a=b=c.test=d@example.test"):
        assert await leads_to(accounts, wrong) == ()
    # only where the domain is ours
    elsewhere = await accounts.resolve(address(made.replace("example.test", "elsewhere.test")))
    assert not elsewhere.local


async def test_mail_back_to_one_of_ours_lands_in_the_mailbox(
    database: Database, accounts: Accounts, alice: Account
) -> None:
    await Domains(database).add_alias("other.test", "example.test")
    made = await accounts.forwarding.sender("alice@example.test", "other.test")
    assert (await accounts.resolve(address(made))).accounts == (alice,)
    twice = await accounts.forwarding.sender(made, "example.test")
    assert twice.startswith("SRS1=")
    assert (await accounts.resolve(address(twice))).accounts == (alice,)


async def test_all_nodes_make_one_secret(database: Database) -> None:
    nodes = [Forwarding(database, LIFETIME) for _ in range(4)]
    made = await asyncio.gather(*(node.sender("ann@out.test", "example.test") for node in nodes))
    assert len(set(made)) == 1
    assert [one.used for one in await Secrets(database).list() if one.name == "srs"] == [True]


async def test_an_old_secret_is_taken_until_it_is_retired(
    database: Database, accounts: Accounts
) -> None:
    secrets = Secrets(database)
    before = await accounts.forwarding.sender("ann@elsewhere.test", "example.test")
    await secrets.rotate("srs")
    accounts.invalidate("")
    after = await accounts.forwarding.sender("ann@elsewhere.test", "example.test")
    assert before != after
    assert await leads_to(accounts, before) == await leads_to(accounts, after)
    assert [one.used for one in await secrets.list() if one.name == "srs"] == [True, False]

    assert await secrets.retire("srs") == 1
    accounts.invalidate("")
    assert await leads_to(accounts, before) == ()
    assert await leads_to(accounts, after) == ("ann@elsewhere.test",)
    for work in (secrets.rotate("tls"), secrets.retire("tls")):
        with pytest.raises(Refused, match="there is no secret tls; there is: srs"):
            await work


async def test_a_kept_sender_goes_when_it_was_not_used_for_long(
    database: Database, accounts: Accounts
) -> None:
    made = await accounts.forwarding.sender(LONG, "example.test")
    await replaced_senders.sweep(database, datetime.now(UTC) - timedelta(hours=1))
    assert await leads_to(accounts, made) == (LONG,)
    await replaced_senders.sweep(database, datetime.now(UTC) + timedelta(hours=1))
    assert await leads_to(accounts, made) == ()
