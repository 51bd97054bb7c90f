"""Postfix from Debian's package in a folder of its own, on loopback, with TLS, without DNS.

It is the host of remote.test: carol has a Maildir there, everybody else is unknown. What it is
given for any other domain it relays to one host.
"""

import shutil
import socket
import subprocess
import tempfile
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mailserver.keys import self_signed
from tests.support.letters import CAROL, maildir
from tests.support.programs import eventually, require, require_root, succeed

HOST = "mx.remote.test"
_NOBODY = 65534  # as whom it writes mail


@dataclass(slots=True)
class Postfix:
    """A running Postfix."""

    port: int
    folder: Path

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def received(self, word: str) -> bytes:
        """The message with `word` in carol's mailbox as it lies there: LF line ends."""

        def look() -> list[bytes]:
            stored = (file.read_bytes() for file in maildir(self.folder / "mail" / "carol"))
            return [message for message in stored if word.encode() in message]

        try:
            messages = eventually(look, 30)
        except AssertionError:
            raise AssertionError(f"nothing came to Postfix:\n{self.log}") from None
        assert len(messages) == 1
        return messages[0]

    def send(self, sender: str, recipients: list[str], message: bytes, *options: str) -> None:
        """Submit `message` (LF line ends) by its sendmail command, with more options of it."""
        config = str(self.folder / "config")
        command = [
            "/usr/sbin/sendmail",
            "-C",
            config,
            "-i",
            "-f",
            sender,
            *options,
            "--",
            *recipients,
        ]
        succeed(*command, input=message)


@contextmanager
def postfix(*, port: int, relay: int, more: Sequence[str] = ()) -> Iterator[Postfix]:
    """A running Postfix on `port`; mail for others goes to 127.0.0.1, port `relay`.

    `more` are lines of main.cf.
    """
    require("postfix")
    require_root("Postfix runs only when root starts it")
    # Its users have to enter the folder: not below pytest's, which are root's alone.
    with tempfile.TemporaryDirectory(prefix="postfix-", dir="/var/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        running = Postfix(port, folder)
        _configure(running, relay, more)
        command = ("/usr/sbin/postfix", "-c", str(folder / "config"))
        succeed(*command, "start")
        try:
            _wait_for_greeting(running)
            yield running
        finally:
            subprocess.run([*command, "stop"], capture_output=True, check=False, timeout=60)


def _configure(running: Postfix, relay: int, more: Sequence[str]) -> None:
    folder = running.folder
    for part in ("config", "queue", "data", "mail"):
        (folder / part).mkdir(mode=0o755)
    shutil.chown(folder / "data", "postfix")
    shutil.chown(folder / "mail", _NOBODY, _NOBODY)
    made = self_signed((HOST,), now=datetime.now(UTC) - timedelta(minutes=1))
    (folder / "certificate.pem").write_bytes(made.certificate)
    (folder / "key.pem").write_bytes(made.private_key)
    (folder / "config" / "main.cf").write_text("\n".join([_main(folder, relay), *more, ""]))
    (folder / "config" / "master.cf").write_text(master_services(running.port))


def _main(folder: Path, relay: int) -> str:
    return textwrap.dedent(f"""\
        compatibility_level = 3.6
        queue_directory = {folder}/queue
        data_directory = {folder}/data
        maillog_file = {folder}/log
        maillog_file_prefixes = {folder}
        daemon_directory = /usr/lib/postfix/sbin
        command_directory = /usr/sbin
        mail_owner = postfix
        setgid_group = postdrop
        myhostname = {HOST}
        mydestination =
        alias_maps =
        alias_database =
        inet_interfaces = 127.0.0.1
        inet_protocols = ipv4
        mynetworks = 127.0.0.0/8
        smtp_dns_support_level = disabled
        disable_dns_lookups = yes
        smtpd_peername_lookup = no
        relayhost = [127.0.0.1]:{relay}
        smtp_tls_security_level = may
        smtp_tls_loglevel = 1
        smtpd_tls_security_level = may
        smtpd_tls_received_header = yes
        smtpd_tls_cert_file = {folder}/certificate.pem
        smtpd_tls_key_file = {folder}/key.pem
        smtpd_client_event_limit_exceptions = static:all
        virtual_mailbox_domains = remote.test
        virtual_mailbox_base = {folder}/mail
        virtual_mailbox_maps = inline:{{ {{ {CAROL} = carol/ }} }}
        virtual_minimum_uid = 1
        virtual_uid_maps = static:{_NOBODY}
        virtual_gid_maps = static:{_NOBODY}
        minimal_backoff_time = 2s
        maximal_backoff_time = 2s
        queue_run_delay = 2s
        """)


def master_services(port: int) -> str:
    """master.cf of a Postfix that listens on loopback at `port` only."""
    return textwrap.dedent(f"""\
        127.0.0.1:{port} inet n - n - - smtpd
        pickup unix n - n 1 1 pickup
        cleanup unix n - n - 0 cleanup
        qmgr unix n - n 2 1 qmgr
        tlsmgr unix - - n 1000? 1 tlsmgr
        rewrite unix - - n - - trivial-rewrite
        bounce unix - - n - 0 bounce
        defer unix - - n - 0 bounce
        trace unix - - n - 0 bounce
        verify unix - - n - 1 verify
        flush unix n - n 1000? 0 flush
        proxymap unix - - n - - proxymap
        smtp unix - - n - - smtp
        relay unix - - n - - smtp
        error unix - - n - - error
        retry unix - - n - - error
        virtual unix - n n - - virtual
        lmtp unix - - n - - lmtp
        anvil unix - - n - 1 anvil
        scache unix - - n - 1 scache
        postlog unix-dgram n - n - 1 postlogd
        """)


def _wait_for_greeting(running: Postfix) -> None:
    def greeted() -> bool:
        try:
            with socket.create_connection(("127.0.0.1", running.port), 5) as sock:
                return sock.recv(100).startswith(b"220 ")
        except OSError:
            return False

    eventually(greeted)
