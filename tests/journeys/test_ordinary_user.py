"""`mailserver serve` as an ordinary user with nothing but a directory of its own."""

import os
import pwd
import smtplib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.letters import BOB, Letter, assert_untouched, await_one
from tests.support.programs import require, run
from tests.support.server import COMMAND, Server, running

NOBODY = "nobody"


def becoming(user: pwd.struct_passwd) -> list[str]:
    """What to put before a command that `user` is to run."""
    if os.geteuid() == user.pw_uid:
        return []
    require("setpriv")
    ids = (f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups")
    return ["setpriv", *ids, "--inh-caps=-all", "--no-new-privs", "--"]


@pytest.fixture
def server() -> Iterator[Server]:
    """Running as nobody when the tests are root, else as who they are."""
    user = pwd.getpwuid(os.geteuid()) if os.geteuid() else pwd.getpwnam(NOBODY)
    before = becoming(user)
    # By a shell that is the user already: setpriv itself still has root's rights when it executes.
    status, said = run(*before, "sh", "-c", 'exec "$0" --help', COMMAND)
    if status != 0:
        pytest.skip(f"{user.pw_name} may not run {COMMAND}: {said.strip()[-100:]}")
    # Not below pytest's folders, which are their owner's alone.
    with tempfile.TemporaryDirectory(prefix="mail-", dir="/var/tmp") as name:
        os.chown(name, user.pw_uid, user.pw_gid)
        command = [*before, COMMAND]
        with running(Path(name, "var"), command=command, HOME="/nonexistent") as started:
            yield started


def test_it_starts_takes_mail_survives_and_stops(server: Server) -> None:
    owner = os.stat(server.data).st_uid
    assert owner != 0
    processes = server.tree()
    assert {"postgres"} < {process.name() for process in processes}
    assert {process.uids().effective for process in processes} == {owner}

    letter = Letter("ann@elsewhere.test", BOB)
    with smtplib.SMTP("127.0.0.1", server.ports["smtp"], timeout=20) as client:
        client.sendmail(letter.sender, [letter.recipient], letter.content)
    server.kill_tree()
    server.start()
    assert_untouched(await_one(server, BOB, "SUBJECT", letter.word), letter.content)

    processes = server.tree()
    assert server.stop() == 0
    assert [process for process in processes if process.is_running()] == []
    files = [server.data, *server.data.rglob("*")]
    assert {file.lstat().st_uid for file in files} == {owner}
    # Mail and passwords are nobody else's business.
    assert server.data.stat().st_mode & 0o077 == 0
