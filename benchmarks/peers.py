"""Postfix and Dovecot from Debian's packages, each in a folder of its own, on loopback.

Default durability (Postfix fsyncs its queue file, Dovecot's `mail_fsync` is `optimized`), no name
look-ups, no limits by client: what PERFORMANCE comparisons need to be fair. Both need root, as on
any host; where one is missing or may not run, `missing()` says so and its figures are left out.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.imap_load import ImapClient
from mailserver.keys import self_signed
from tests.support.postfix import master_services

USER = "user{}@example.test"
PASSWORD = "secret"


@dataclass(slots=True)
class Peer:
    """A running server; `lmtp` and `sasl` are sockets of Dovecot's."""

    name: str
    port: int
    folder: Path
    pid: int  # of the process above all of its own
    lmtp: Path | None = None
    sasl: Path | None = None
    imaps: int = 0


def missing(*programs: str) -> str | None:
    """Why a peer can not run here, or None."""
    if os.geteuid() != 0:
        return "it needs root"
    absent = [program for program in programs if shutil.which(program) is None]
    return f"{', '.join(absent)} not installed" if absent else None


@contextmanager
def folder() -> Iterator[Path]:
    """A folder on a real disk that every system user can enter."""
    with tempfile.TemporaryDirectory(prefix="peer-", dir="/var/tmp") as path:
        Path(path).chmod(0o755)
        yield Path(path)


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def wait_for(port: int, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), 1) as sock:
                if sock.recv(100):
                    return
        except OSError:
            pass
        if time.monotonic() > deadline:
            raise TimeoutError(f"nothing answers on port {port}")
        time.sleep(0.05)


@contextmanager
def postfix(folder: Path, *, lmtp: Path | None = None, sasl: Path | None = None) -> Iterator[Peer]:
    """Postfix; without `lmtp` it accepts, fsyncs and holds, with it it delivers there.

    With `sasl` it has STARTTLS, and AUTH by Dovecot.
    """
    port = free_port()
    config = folder / "postfix"
    config.mkdir(mode=0o755, parents=True)
    for name in ("queue", "data"):
        (folder / name).mkdir(mode=0o755)
    shutil.chown(folder / "data", "postfix")
    route = (
        "smtpd_end_of_data_restrictions = check_client_access static:HOLD"
        if lmtp is None
        else f"virtual_mailbox_domains = example.test\nvirtual_transport = lmtp:unix:{lmtp}"
    )
    main = f"""\
        compatibility_level = 3.6
        queue_directory = {folder}/queue
        data_directory = {folder}/data
        daemon_directory = /usr/lib/postfix/sbin
        command_directory = /usr/sbin
        mail_owner = postfix
        setgid_group = postdrop
        myhostname = bench.test
        mydestination = {"example.test" if lmtp is None else ""}
        local_recipient_maps =
        alias_maps =
        alias_database =
        inet_interfaces = 127.0.0.1
        inet_protocols = ipv4
        mynetworks = 127.0.0.0/8
        disable_dns_lookups = yes
        smtpd_peername_lookup = no
        smtpd_client_event_limit_exceptions = static:all
        smtpd_recipient_limit = 1000
        default_process_limit = 100
        message_size_limit = 52428800
        in_flow_delay = 0
        maillog_file = /var/log/bench-{port}.log
        maillog_file_prefixes = /var
        """
    more = "" if sasl is None else _secured(folder, sasl)
    (config / "main.cf").write_text(textwrap.dedent(main) + route + "\n" + more)
    (config / "master.cf").write_text(master_services(port))
    command = ["/usr/sbin/postfix", "-c", str(config)]
    subprocess.run([*command, "start"], check=True, capture_output=True)
    try:
        wait_for(port)
        pid = int((folder / "queue" / "pid" / "master.pid").read_text())
        yield Peer("postfix", port, folder, pid)
    finally:
        subprocess.run([*command, "stop"], check=False, capture_output=True)
        Path(f"/var/log/bench-{port}.log").unlink(missing_ok=True)


def _secured(folder: Path, sasl: Path) -> str:
    _certificate(folder)
    return textwrap.dedent(f"""\
        smtpd_tls_security_level = may
        smtpd_tls_cert_file = {folder}/certificate.pem
        smtpd_tls_key_file = {folder}/key.pem
        smtpd_tls_auth_only = yes
        smtpd_sasl_auth_enable = yes
        smtpd_sasl_type = dovecot
        smtpd_sasl_path = {sasl}
        """)


def _certificate(folder: Path) -> None:
    """Write `certificate.pem` and `key.pem`."""
    made = self_signed(("bench.test",), now=datetime.now(UTC) - timedelta(minutes=1))
    (folder / "certificate.pem").write_bytes(made.certificate)
    (folder / "key.pem").write_bytes(made.private_key)


def empty_queue(peer: Peer) -> None:
    """Throw away what Postfix holds, between two runs."""
    config = str(peer.folder / "postfix")
    subprocess.run(
        ["/usr/sbin/postsuper", "-c", config, "-d", "ALL"], check=True, capture_output=True
    )


@contextmanager
def dovecot(folder: Path, *, users: int) -> Iterator[Peer]:
    """Dovecot with mdbox, users `user0@example.test` … and LMTP on a Unix socket."""
    port, imaps = free_port(), free_port()
    _certificate(folder)
    owner = pwd.getpwnam("nobody")
    for name in ("run", "mail"):
        (folder / name).mkdir(mode=0o755, parents=True)
    os.chown(folder / "mail", owner.pw_uid, owner.pw_gid)
    lines = [f"{USER.format(n)}:{{PLAIN}}{PASSWORD}" for n in range(users)]
    (folder / "passwd").write_text("\n".join(lines) + "\n")
    config = folder / "dovecot.conf"
    config.write_text(
        textwrap.dedent(f"""\
        base_dir = {folder}/run
        state_dir = {folder}/run
        protocols = imap lmtp
        listen = 127.0.0.1
        ssl = yes
        ssl_cert = <{folder}/certificate.pem
        ssl_key = <{folder}/key.pem
        disable_plaintext_auth = no
        log_path = {folder}/dovecot.log
        mail_location = mdbox:{folder}/mail/%u
        mail_uid = {owner.pw_uid}
        mail_gid = {owner.pw_gid}
        first_valid_uid = 1
        first_valid_gid = 1
        default_process_limit = 2000
        default_client_limit = 20000
        mail_max_userip_connections = 20000
        service imap-login {{
          inet_listener imap {{
            port = {port}
          }}
          inet_listener imaps {{
            port = {imaps}
            ssl = yes
          }}
          service_count = 0
        }}
        service lmtp {{
          unix_listener lmtp {{
            mode = 0666
          }}
        }}
        service auth {{
          unix_listener sasl {{
            mode = 0666
          }}
        }}
        passdb {{
          driver = passwd-file
          args = scheme=PLAIN username_format=%u {folder}/passwd
        }}
        userdb {{
          driver = static
          args = uid={owner.pw_uid} gid={owner.pw_gid} home={folder}/mail/%u
        }}
        protocol lmtp {{
          postmaster_address = postmaster@example.test
        }}
        """)
    )
    process = subprocess.Popen(["dovecot", "-F", "-c", str(config)])
    try:
        wait_for(port)
        for number in range(users):
            # Dovecot makes an INBOX at its first use, and refuses mail that comes meanwhile.
            client = ImapClient(port, USER.format(number), PASSWORD)
            client.command("SELECT INBOX")
            client.close()
        run = folder / "run"
        yield Peer("dovecot", port, folder, process.pid, run / "lmtp", run / "sasl", imaps)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)
