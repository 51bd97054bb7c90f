"""Which DKIM signatures a message gets: one by each active key of its sender's domain."""

import asyncio

from mailserver.domains import Domains
from mailserver.mail.addresses import AddressError, normalise_domain
from mailserver.objects import Content
from mailserver.signatures import sign
from mailserver.storage.queue import Message

_IN_THREAD = 256 * 1024  # bytes; hashing more would hold the loop for too long


async def signature_fields(domains: Domains, message: Message, body: Content, now: int) -> bytes:
    """The DKIM-Signature fields for `message`, b"" when its sender's domain does not sign.

    `now` in seconds of the Unix epoch. It is the reverse path that decides, since the submission
    server has checked that it is the account's own; what is forwarded for others, and bounces
    (RFC 3464 §2: null reverse path), we have nothing to sign with.
    """
    domain = sender_domain(message.sender)
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


def sender_domain(sender: str) -> str:
    """The domain of a reverse path as lower-case A-labels; "" for the null one. Pure."""
    try:
        return normalise_domain(sender.rpartition("@")[2]) if sender else ""
    except AddressError:
        return ""
