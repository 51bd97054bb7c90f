"""LMTP (RFC 2033): mail for our own recipients from an MTA of the house, each answered alone.

Invariants: nothing is relayed, and nobody outside of `listen.lmtp_networks` gets further than the
greeting. Behind the end of a message there is one reply for each recipient that was accepted, in
their order, whatever becomes of the message; positive means in the mailbox, since there is no queue
behind this door.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

from mailserver.mail.networks import Network, networks, within
from smtp import grammar, policy, replies
from smtp.client import Client
from smtp.inbound import Inbound
from smtp.recipients import Envelope, Recipient
from smtp.replies import Reply
from smtp.session import Outcome, Session, at_once
from smtp.transaction import Message


class Lmtp(Inbound):
    """What mail means for a client that is trusted and keeps the queue."""

    @cached_property
    def trusted(self) -> tuple[Network, ...]:
        """Who may come in."""
        return networks(self.settings.listen.lmtp_networks)

    def before_message(self, envelope: Envelope) -> Reply | None:
        # RFC 2033 §4.2: without a recipient that was accepted it is 503, else none would answer.
        return None if envelope.recipients else replies.NEED_RECIPIENT

    def answers(self, envelope: Envelope, reply: Reply) -> Sequence[Reply]:
        return [reply] * len(envelope.recipients)

    async def message(
        self, client: Client, envelope: Envelope, message: Message
    ) -> Sequence[Reply]:
        """RFC 2033 §4.2: who has no room does not keep the message from the others."""
        size = len(message.content)
        rooms = [await self._room(recipient, size) for recipient in envelope.recipients]
        fitting = [
            recipient
            for recipient, full in zip(envelope.recipients, rooms, strict=True)
            if full is None
        ]
        if not fitting:
            return self.answers(envelope, replies.MAILBOX_FULL)
        reply = await self.store(client, replace(envelope, recipients=fitting), message)
        return [full or reply for full in rooms]

    async def _room(self, recipient: Recipient, size: int) -> Reply | None:
        accounts = recipient.resolution.must_have_room
        return policy.room([await self.ingest.has_room(account, size) for account in accounts])


class LmtpSession(Session):
    """A session that begins with LHLO."""

    service: Lmtp

    def _greet(self) -> None:
        if within(self.client.address, self.service.trusted):
            super()._greet()
            return
        self.say(replies.NOT_TRUSTED)
        self._flush()

    def _refused(self, reply: Reply) -> None:
        # A message may be refused for many recipients at once: that is no sign of a lost client.
        self.client.errors = 0
        super()._refused(reply)

    def _lhlo(self, argument: bytes) -> Outcome:
        name = grammar.host_name(argument)
        if name is None:
            return replies.BAD_LHLO_NAME
        self.client.lmtp = True
        at_once(self.smtp_EHLO(name))
        return None


# RFC 2033 §4.1: LHLO has the semantics of EHLO, and HELO and EHLO are not there.
LmtpSession.commands = {
    **{verb: do for verb, do in Session.commands.items() if verb not in (b"EHLO", b"HELO")},
    b"LHLO": LmtpSession._lhlo,
}
