"""Exim from Debian's package, unpacked beside Postfix (only one of the two can be installed).

To send it is run once for each message, by its command, to receive once for each connection, as by
inetd, with a configuration, a queue and a log of its own: its domain is exim.test. The user that
its binary insists on is there in a mount namespace only.
"""

import pwd
import shutil
import socketserver
import subprocess
import sys
import tempfile
import textwrap
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mailserver.keys import self_signed
from tests.support.letters import maildir
from tests.support.programs import PATH, absent, eventually, require, require_root, succeed

HOST = "exim.remote.test"
_USER = "Debian-exim"  # of the binary
_UNPACKED = Path(sys.prefix) / "exim" / "usr" / "sbin" / "exim4"  # where .ci/run puts it
_NOBODY = 65534


@dataclass(slots=True)
class Exim:
    """An Exim that gives all mail to one host, but for what is for exim.test."""

    program: Path
    folder: Path

    @property
    def log(self) -> str:
        return (self.folder / "log" / "mainlog").read_text(errors="replace")

    def send(self, sender: str, recipients: list[str], message: bytes) -> None:
        """Take `message` (LF line ends) and deliver it; done, or deferred, when this returns."""
        config = str(self.folder / "exim.conf")
        command = [str(self.program), "-C", config, "-odf", "-oi", "-f", sender, "--", *recipients]
        succeed(*_with_its_user(self.folder), *command, input=message)

    def received(self, word: str) -> bytes:
        """The message with `word` that it has filed, as it lies there: LF line ends."""

        def look() -> list[bytes]:
            stored = (file.read_bytes() for file in maildir(self.folder / "mail"))
            return [message for message in stored if word.encode() in message]

        [message] = eventually(look, 30)
        return message

    @contextmanager
    def receiving(self, address: str, port: int) -> Iterator[None]:
        """It takes mail there while the block runs."""
        command = (str(self.program), "-C", str(self.folder / "exim.conf"), "-bs")

        class Connection(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                end = self.request.fileno()
                subprocess.run(command, stdin=end, stdout=end, check=False, timeout=60)

        command = (*_with_its_user(self.folder), *command)
        with socketserver.ThreadingTCPServer((address, port), Connection) as server:
            serving = threading.Thread(target=server.serve_forever)
            serving.start()
            try:
                yield
            finally:
                server.shutdown()
                serving.join()


@contextmanager
def exim(*, relay: int) -> Iterator[Exim]:
    """Its mail goes to 127.0.0.1, port `relay`."""
    require("unshare")
    require_root("Exim changes its user")
    installed = shutil.which("exim4", path=PATH)
    program = Path(installed) if installed else _UNPACKED
    if not program.exists():
        absent(f"exim4 is neither installed nor unpacked in {_UNPACKED.parents[2].name}/")
    # Its user has to enter the folder: not below pytest's, which are root's alone.
    with tempfile.TemporaryDirectory(prefix="exim-", dir="/var/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        for part in ("spool", "log", "mail"):
            (folder / part).mkdir()
            shutil.chown(folder / part, _NOBODY, _NOBODY)
        made = self_signed((HOST,), now=datetime.now(UTC) - timedelta(minutes=1))
        (folder / "both.pem").write_bytes(made.certificate + made.private_key)
        shutil.chown(folder / "both.pem", _NOBODY, _NOBODY)
        (folder / "exim.conf").write_text(_configuration(program, folder, relay))
        yield Exim(program, folder)


def _with_its_user(folder: Path) -> tuple[str, ...]:
    """What to run a command with, so that there is the user."""
    with suppress(KeyError):
        pwd.getpwnam(_USER)
        return ()
    users = f"{_USER}:x:{_NOBODY}:{_NOBODY}::/nonexistent:/bin/false\n"
    for name, line in (("passwd", users), ("group", f"{_USER}:x:{_NOBODY}:\n")):
        (folder / name).write_text(Path("/etc", name).read_text() + line)
    mounts = [f"mount --bind {folder}/{name} /etc/{name}" for name in ("passwd", "group")]
    return ("unshare", "--mount", "sh", "-c", " && ".join([*mounts, 'exec "$0" "$@"']))


def _configuration(program: Path, folder: Path, relay: int) -> str:
    return textwrap.dedent(f"""\
        primary_hostname = {HOST}
        exim_path = {program}
        spool_directory = {folder}/spool
        log_file_path = {folder}/log/%slog
        exim_user = {_NOBODY}
        exim_group = {_NOBODY}
        keep_environment =
        local_interfaces = 127.0.0.1
        accept_8bitmime = true
        tls_advertise_hosts = *
        tls_certificate = {folder}/both.pem
        acl_smtp_rcpt = here
        begin acl
        here:
          accept domains = exim.test
          deny
        begin routers
        own:
          driver = accept
          domains = exim.test
          transport = file
        all:
          driver = manualroute
          route_list = * 127.0.0.1::{relay}
          self = send
          transport = out
        begin transports
        file:
          driver = appendfile
          directory = {folder}/mail
          maildir_format
          user = {_NOBODY}
          group = {_NOBODY}
        out:
          driver = smtp
          hosts_try_chunking = *
        begin retry
        * * F,1h,1m
        """)
