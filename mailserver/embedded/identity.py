"""As whom the embedded PostgreSQL runs: it refuses root, and root must not be refused.

- An ordinary user: as that user.
- root: in a user namespace where root appears as `nobody`; files still belong to root.
- root where user namespaces are forbidden (many containers): as `nobody`, owning its files, with
  the one capability to reach them below directories that are root's alone.
"""

import functools
import os
import shutil
import subprocess
from collections.abc import Sequence
from enum import Enum, auto
from pathlib import Path

from mailserver.errors import SettingsError

# `nobody` has an entry in every passwd file; initdb fails for a user without one.
_NOBODY = 65534


class Identity(Enum):
    """The three ways above."""

    SELF = auto()
    NAMESPACE = auto()
    NOBODY = auto()


@functools.cache
def identity() -> Identity:
    """How it is done here; SettingsError where root has no way."""
    if os.geteuid() != 0:
        return Identity.SELF
    if _works(Identity.NAMESPACE):
        return Identity.NAMESPACE
    if _works(Identity.NOBODY):
        return Identity.NOBODY
    raise SettingsError(
        "database.dsn: empty, and PostgreSQL does not run as root here:"
        " start the server as an ordinary user, or name a Postgres"
    )


def as_identity(command: Sequence[str], who: Identity) -> list[str]:
    """The command line that runs `command` as `who`."""
    return [*_PREFIXES[who], *command]


def owner(who: Identity) -> int:
    """The user id, as seen from outside, that its files belong to."""
    return _NOBODY if who is Identity.NOBODY else os.geteuid()


def own(directory: Path, who: Identity) -> None:
    """Give a whole directory to its owner; costs nothing when it has it."""
    user = owner(who)
    if os.geteuid() != 0 or directory.lstat().st_uid == user:
        return
    for root, directories, files in os.walk(directory):
        for name in (*directories, *files):
            os.chown(Path(root) / name, user, user, follow_symlinks=False)
    # Last, so that a walk that was interrupted is done again.
    os.chown(directory, user, user)


_PREFIXES: dict[Identity, tuple[str, ...]] = {
    Identity.SELF: (),
    Identity.NAMESPACE: (
        *("unshare", "--user", f"--map-user={_NOBODY}", f"--map-group={_NOBODY}", "--"),
    ),
    Identity.NOBODY: (
        *("setpriv", f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups"),
        *("--inh-caps=+dac_override", "--ambient-caps=+dac_override", "--"),
    ),
}


def _works(who: Identity) -> bool:
    command = as_identity(["true"], who)
    if shutil.which(command[0]) is None:
        return False
    return subprocess.run(command, stderr=subprocess.DEVNULL).returncode == 0
