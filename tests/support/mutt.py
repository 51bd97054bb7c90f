"""mutt as one account of a server: its configuration."""

import ssl
from pathlib import Path

from tests.support.server import Server

_CONFIG = """\
set imap_user = "{address}"
set imap_pass = "{password}"
set imap_idle
set mail_check = 1
set timeout = 1
set folder = "imaps://127.0.0.1:{imaps}/"
set spoolfile = "imaps://127.0.0.1:{imaps}/INBOX"
set record = "imaps://127.0.0.1:{imaps}/Sent"
set postponed = "imaps://127.0.0.1:{imaps}/Drafts"
set certificate_file = "{certificate}"
set smtp_url = "smtps://{user}@127.0.0.1:{submissions}/"
set smtp_pass = "{password}"
# of -PLUS it knows the name only: it has no channel binding for TLS 1.3, and tries nothing else
set smtp_authenticators = "scram-sha-256"
set from = "{address}"
set envelope_from
set realname = ""
set mbox_type = Maildir
set confirmappend = no
set confirmcreate = no
set delete = yes
set wait_key = no
set tmpdir = "{folder}"
set sort = mailbox-order
"""


def configure(folder: Path, server: Server, address: str, password: str | None = None) -> Path:
    """Write a muttrc; what mutt has to trust is the server's certificate."""
    certificate = folder / "server.pem"
    certificate.write_text(ssl.get_server_certificate(("127.0.0.1", server.ports["imaps"])))
    config = folder / "muttrc"
    config.write_text(
        _CONFIG.format(
            address=address,
            user=address.replace("@", "%40"),
            password=password or server.logins[address],
            imaps=server.ports["imaps"],
            submissions=server.ports["submissions"],
            certificate=certificate,
            folder=folder,
        )
    )
    return config
