"""Whether more mail may go into an account's mailboxes: its owner's quota decides."""

from imap.protocol import responses
from imap.session import Answer, Session
from mailserver.accounts import Account


async def refused_for_room(
    session: Session, owner: Account, size: int, messages: int = 1
) -> Answer | None:
    """NO [OVERQUOTA] (RFC 9208 §4.3.1) where so many messages of `size` bytes do not go in."""
    quotas = session.node.quotas
    if await quotas.has_room(owner, size, messages):
        return None
    # The limits are those of the login: whoever was given more room since need not log in again.
    current = await session.node.accounts.find(owner.address)
    if current is not None and await quotas.has_room(current, size, messages):
        return None
    return Answer.no("Not enough room", responses.OVERQUOTA)
