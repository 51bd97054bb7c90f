"""Organizations, their domains, the aliases and groups in these, what each publishes and signs."""

from mailserver.domains.aliases import Aliases
from mailserver.domains.domains import Domains, SigningKey
from mailserver.domains.groups import Groups
from mailserver.domains.organizations import Organizations
from mailserver.domains.records import DnsRecord, required_records
from mailserver.domains.secrets import Secrets

__all__ = [
    "Aliases",
    "DnsRecord",
    "Domains",
    "Groups",
    "Organizations",
    "Secrets",
    "SigningKey",
    "required_records",
]
