"""The `mailserver` command: exit 0 done, 1 refused (one line on stderr), 2 usage.

Each command lives in the module of its name and is imported when it is called.
"""

import importlib
from typing import Any

import click

from mailserver.errors import Refused, SettingsError, StorageUnavailable

COMMANDS = (
    *("serve", "migrate", "doctor"),
    *("org", "domain", "account", "mailbox", "alias", "group", "limits", "secret", "queue"),
    *("store", "imap"),
)


class Refusal(click.ClickException):
    """A request that cannot be carried out."""

    exit_code = 1

    def show(self, file: Any = None) -> None:
        text = self.format_message()
        named = text if text.startswith("mailserver ") else f"mailserver: {text}"
        click.echo(named, file=file, err=True)


class Commands(click.Group):
    """The commands by module name, so that `mailserver org list` imports no mail door."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        name = cmd_name.replace("-", "_")
        command: click.Command = getattr(importlib.import_module(f"mailserver.cli.{name}"), name)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (Refused, SettingsError, StorageUnavailable) as error:
            raise Refusal(" ".join(str(error).split())) from error


@click.group(cls=Commands)
@click.option(
    "--config",
    envvar="MAILSERVER_CONFIG",
    metavar="FILE",
    help="Settings (TOML). Without it: the embedded default.",
)
@click.version_option(package_name="mailserver")
def main(config: str | None) -> None:
    """A mail server for many domains."""
