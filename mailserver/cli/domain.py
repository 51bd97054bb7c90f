"""`mailserver domain`: the domains that mail is taken and sent for."""

from dataclasses import asdict

import click

from mailserver.cli import common
from mailserver.domains import DnsRecord, Domains, required_records
from mailserver.settings import Settings
from mailserver.storage.database import Database
from mailserver.storage.directory.domains import Domain, DomainState


@click.group()
def domain() -> None:
    """Domains: names that mail is taken and sent for."""


@domain.command("add")
@click.argument("name")
@click.option("--organization", required=True, metavar="ORG", help="Who owns it.")
@click.option("--pending", is_flag=True, help="Take no mail for it until it is activated.")
def add(name: str, organization: str, pending: bool) -> None:
    """Make a domain with its DKIM keys; it is active at once."""
    made = common.run(
        lambda _, database: Domains(database).add(name, organization, active=not pending)
    )
    click.echo(f"domain {made.name} added, {made.state}")
    click.echo(f"`mailserver domain show {made.name}` prints the DNS records to publish")


@domain.command("list")
@click.option("--organization", metavar="ORG", help="Only those that it owns.")
@common.json_option
def list_(organization: str | None, as_json: bool) -> None:
    """All domains."""
    found = common.run(lambda _, database: Domains(database).list(organization=organization))
    columns = ["name", "organization", "state", "accounts", "aliases", "created_at"]
    common.show([asdict(one) for one in found], columns, as_json=as_json)


@domain.command("show")
@click.argument("name")
@common.json_option
def show(name: str, as_json: bool) -> None:
    """One domain, with the DNS records to publish for it."""

    async def work(settings: Settings, database: Database) -> tuple[Domain, list[DnsRecord]]:
        domains = Domains(database)
        found = await domains.find(name)
        keys = await domains.keys(found.name)
        return found, required_records(found.name, settings.hostname, keys)

    found, records = common.run(work)
    if as_json:
        rows = [asdict(record) for record in records]
        common.show_one({**asdict(found), "records": rows}, as_json=True)
        return
    common.show_one(asdict(found), as_json=False)
    click.echo("\nDNS records to publish:")
    for record in records:
        click.echo(record.zone_line())


@domain.command("suspend")
@click.argument("name")
def suspend(name: str) -> None:
    """Refuse the domain's logins and mail until it is activated again."""
    common.run(lambda _, database: Domains(database).set_state(name, DomainState.SUSPENDED))
    click.echo(f"domain {name} suspended")


@domain.command("activate")
@click.argument("name")
def activate(name: str) -> None:
    """Take and send mail for the domain."""
    common.run(lambda _, database: Domains(database).set_state(name, DomainState.ACTIVE))
    click.echo(f"domain {name} activated")


@domain.command("remove")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Also its accounts and all their mail.")
def remove(name: str, yes: bool) -> None:
    """Remove a domain with its aliases and keys; refused while it has accounts."""
    common.run(lambda _, database: Domains(database).remove(name, with_accounts=yes))
    click.echo(f"domain {name} removed")
