"""Which certificate a TLS client is shown, and how the private ones are kept."""

from mailserver.certificates.certificates import Certificates, Purpose
from mailserver.certificates.primary import prepare, primary_files
from mailserver.certificates.source import Pair, Source
from mailserver.certificates.tickets import new_ticket_secret

__all__ = [
    "Certificates",
    "Pair",
    "Purpose",
    "Source",
    "new_ticket_secret",
    "prepare",
    "primary_files",
]
