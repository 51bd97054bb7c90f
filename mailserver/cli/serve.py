"""`mailserver serve`: run the server in the foreground."""

import click

from mailserver.cli import common
from mailserver.processes import parent
from mailserver.settings import ROLES, Role


@click.command()
@click.option(
    "--role",
    "wanted",
    default=",".join(ROLES),
    show_default=True,
    metavar="ROLE,…",
    help="What this node does.",
)
def serve(wanted: str) -> None:
    """Run the server in the foreground until SIGTERM or Ctrl-C; SIGHUP reads certificates again."""
    parent.serve(common.settings(), _roles(wanted), click.echo)


def _roles(wanted: str) -> list[Role]:
    names = [name.strip() for name in wanted.split(",")]
    unknown = [name for name in names if name not in ROLES]
    if unknown:
        raise click.BadParameter(
            f"{', '.join(unknown)}: the roles are {', '.join(ROLES)}", param_hint="--role"
        )
    return [role for role in ROLES if role in names]
