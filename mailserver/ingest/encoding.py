"""What may hold NUL, made such that IMAP can tell it: binary parts become base64 (RFC 3516 §6).

So BODYSTRUCTURE and BODY[] are right for each message as it is stored, and need nothing made.
"""

import asyncio

from mailserver.mail.downgrade import Unencodable as Unencodable
from mailserver.mail.downgrade import without_nul
from mailserver.objects import Content, MessageBuffer


async def encoded(content: Content, into: MessageBuffer) -> Content:
    """`content`, if no NUL is in it, else what was written to `into`. Raises Unencodable."""
    # RFC 3516 §6: encoding what need not be would break signatures.
    if content.find(b"\0") < 0:
        return content
    await asyncio.to_thread(_encode, content, into)
    return into.content()


def _encode(content: Content, into: MessageBuffer) -> None:
    for piece in without_nul(content):
        into.write(piece)
