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
    columns = ["name", "organization", "state", "alias_of", "accounts", "aliases", "groups"]
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
@click.option(
    "--yes",
    is_flag=True,
    help="Also its accounts and all their mail, its other names, and what leads to it.",
)
def remove(name: str, yes: bool) -> None:
    """Remove a domain with its aliases, groups and keys; refused while somebody needs it."""
    common.run(lambda _, database: Domains(database).remove(name, with_accounts=yes))
    click.echo(f"domain {name} removed")


@domain.group("alias")
def alias() -> None:
    """Other names of domains: each address there is the one of the same name in the domain."""


@alias.command("add")
@click.argument("name")
@click.option("--of", required=True, metavar="DOMAIN", help="Whose other name it is.")
@click.option("--pending", is_flag=True, help="Take no mail for it until it is activated.")
def add_alias(name: str, of: str, pending: bool) -> None:
    """Make another name of a domain, with DKIM keys of its own."""
    made = common.run(lambda _, database: Domains(database).add_alias(name, of, active=not pending))
    click.echo(f"domain {made.name} added as another name of {made.alias_of}, {made.state}")
    click.echo(f"`mailserver domain show {made.name}` prints the DNS records to publish")


@alias.command("list")
@click.option("--of", metavar="DOMAIN", help="Only those of this domain.")
@common.json_option
def list_aliases(of: str | None, as_json: bool) -> None:
    """All other names of domains."""

    async def work(_: Settings, database: Database) -> list[Domain]:
        wanted = (await Domains(database).find(of)).name if of else None
        found = await Domains(database).list()
        return [one for one in found if one.alias_of and wanted in (None, one.alias_of)]

    columns = ["name", "alias_of", "organization", "state", "created_at"]
    common.show([asdict(one) for one in common.run(work)], columns, as_json=as_json)


@alias.command("remove")
@click.argument("name")
def remove_alias(name: str) -> None:
    """Remove another name of a domain; the domain stays."""
    common.run(lambda _, database: Domains(database).remove_alias(name))
    click.echo(f"domain alias {name} removed")
