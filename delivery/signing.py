"""Which DKIM signatures a message gets: one by each active key of its sender's domain."""

import asyncio

from mailserver.domains import Domains
from mailserver.mail.address_list import parse_address_list
from mailserver.mail.addresses import AddressError, normalise_domain
from mailserver.mail.headers import end_of_header, field_value, fields
from mailserver.objects import Content
from mailserver.signatures import sign
from mailserver.storage.queue import Message

_IN_THREAD = 256 * 1024  # bytes; hashing more would hold the loop for too long


async def signature_fields(domains: Domains, message: Message, body: Content, now: int) -> bytes:
    """The DKIM-Signature fields for `message`, b"" when its sender's domain does not sign.

    `now` in seconds of the Unix epoch. Only what an account submitted is signed: the submission
    server has checked that From and the reverse path are the account's own. What came from outside
    and is forwarded may claim any sender; and bounces (RFC 3464 §2) have none.
    """
    domain = signing_domain(message, body)
    keys = await domains.signing_keys(domain) if domain else ()

    def signed() -> bytes:
        return b"".join(
            sign(
                body,
                prefix=message.prefix,
                domain=key.domain,
                selector=key.selector,
                private_key=key.private_key,
                algorithm=key.algorithm,
                time=now,
            )
            for key in keys
        )

    if keys and len(body) > _IN_THREAD:
        return await asyncio.to_thread(signed)
    return signed()


def signing_domain(message: Message, body: Content) -> str:
    """The author's domain, which DMARC compares (RFC 7489 §3.1.1), else that of the reverse path.

    "" for what no account of ours submitted. Pure.
    """
    if message.account_id is None:
        return ""
    header = message.prefix + body[: end_of_header(body)]
    for name, raw in fields(header):
        if name.lower() == b"from":
            for row in parse_address_list(field_value(raw)):
                if row.host:
                    return _domain(row.host.decode("utf-8", "replace"))
    return sender_domain(message.sender)


def sender_domain(sender: str) -> str:
    """The domain of a reverse path as lower-case A-labels; "" for the null one. Pure."""
    return _domain(sender.rpartition("@")[2]) if sender else ""


def _domain(name: str) -> str:
    try:
        return normalise_domain(name)
    except AddressError:
        return ""
