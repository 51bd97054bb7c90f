"""Organizations, their domains, the aliases in these, and what each publishes and signs with."""

from mailserver.domains.aliases import Aliases
from mailserver.domains.domains import Domains, SigningKey
from mailserver.domains.organizations import Organizations
from mailserver.domains.records import DnsRecord, required_records

__all__ = ["Aliases", "DnsRecord", "Domains", "Organizations", "SigningKey", "required_records"]
