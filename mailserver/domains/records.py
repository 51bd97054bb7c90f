"""The DNS records a domain publishes to have its mail here, and to have it believed elsewhere."""

from collections.abc import Sequence
from dataclasses import dataclass

from mailserver.keys import dkim_record
from mailserver.storage.directory.dkim_keys import DkimKey

_TXT_STRING = 255  # octets in one character-string, RFC 1035 §3.3


@dataclass(slots=True)
class DnsRecord:
    """One record; `name` without the final dot, `value` as a registrar's form takes it."""

    type: str
    name: str
    value: str

    def zone_line(self) -> str:
        """The record as a line of a zone file (RFC 1035 §5.1)."""
        value = _character_strings(self.value) if self.type == "TXT" else self.value
        return f"{self.name}. IN {self.type} {value}"


def required_records(domain: str, hostname: str, keys: Sequence[DkimKey]) -> list[DnsRecord]:
    """What `domain` publishes so that `hostname` receives and sends its mail."""
    signing = [
        DnsRecord("TXT", f"{key.selector}._domainkey.{domain}", dkim_record(key.private_key))
        for key in keys
        if key.active
    ]
    return [
        DnsRecord("MX", domain, f"10 {hostname}."),
        # RFC 7208 §5.4: whoever receives for the domain also sends for it, and nobody else.
        DnsRecord("TXT", domain, "v=spf1 mx -all"),
        *signing,
        # RFC 7489 §6.3: p=none until the owner has seen that all of the domain's mail passes.
        DnsRecord("TXT", f"_dmarc.{domain}", "v=DMARC1; p=none"),
    ]


def _character_strings(value: str) -> str:
    pieces = [value[start : start + _TXT_STRING] for start in range(0, len(value), _TXT_STRING)]
    return " ".join(f'"{piece}"' for piece in pieces)
