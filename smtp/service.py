"""A door's side of a session: what MAIL, RCPT and a message mean there.

Invariant: a session asks one thing at a time and waits for the answer, so a service keeps nothing
of a session but what stands in its Client and its Envelope.
"""

import asyncio
import secrets
import ssl
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from aiosmtpd.smtp import SMTP

from mailserver import metrics
from mailserver.accounts import Accounts
from mailserver.ingest import Arrival, Ingest, Receipt
from mailserver.ingest.encoding import Unencodable, encoded
from mailserver.logs import logger
from mailserver.mail.addresses import Address, parse_address
from mailserver.mail.srs import is_rewritten
from mailserver.mail.terms import Asked, Terms
from mailserver.settings import Settings
from smtp import policy, replies
from smtp.arrival import Prefix, arrival
from smtp.client import Client
from smtp.data import Bare
from smtp.grammar import Body, Mail, Rcpt
from smtp.message import Header, read_header
from smtp.parameters import Options
from smtp.policy import Evidence, Rules, Stage
from smtp.recipients import Destinations, Envelope, Recipient, destinations
from smtp.replies import Reply
from smtp.terms import Bounds, granted
from smtp.transaction import Message, Transaction

if TYPE_CHECKING:
    from smtp.session import Session

log = logger("smtp")

# An answer now, or how to get it. It is no coroutine yet, so that a session which ends before it
# is begun leaves nothing behind that was never awaited.
Answer = Reply | Callable[[], Awaitable[Reply]]


class Service(ABC):
    """The common part of port 25, LMTP and submission."""

    rules: Rules
    direction: str  # label of smtp_messages_total

    def __init__(
        self,
        settings: Settings,
        accounts: Accounts,
        ingest: Ingest,
        tls_context: Callable[[], ssl.SSLContext],
        *,
        door: str,
    ) -> None:
        """`door` is its name in metrics: smtp, lmtp, submission, submissions.

        `tls_context` gives the context of a new handshake.
        """
        self.settings = settings
        self.accounts = accounts
        self.ingest = ingest
        self.tls_context = tls_context
        self.door = door
        self.open_sessions = metrics.SMTP_SESSIONS.labels(door)
        self.bare = Bare(settings.smtp.bare_line_ends)
        self._bounds = Bounds(settings.submission.max_hold, settings.submission.min_by)
        self._prototype: dict[str, Any] | None = None

    def prototype(self, loop: asyncio.AbstractEventLoop) -> dict[str, Any]:
        """The attributes that aiosmtpd's SMTP gives a new session, looked up once."""
        if self._prototype is None:
            bare = vars(asyncio.StreamReaderProtocol(asyncio.StreamReader(loop=loop), loop=loop))
            made = SMTP(self, hostname=self.settings.hostname, auth_require_tls=False, loop=loop)
            # What is bound to this one instance must not get into others.
            unwanted = {*bare, "_smtp_methods", "loop"}
            self._prototype = {k: v for k, v in vars(made).items() if k not in unwanted}
        return self._prototype

    @property
    def mechanisms(self) -> tuple[str, ...]:
        """SASL mechanisms of AUTH; none where nobody logs in."""
        return ()

    async def authenticate(
        self, session: "Session", mechanism: str, arguments: Sequence[str]
    ) -> Reply:
        """AUTH with one of the `mechanisms`; a positive reply has set the client's account."""
        return replies.AUTH_ELSEWHERE

    # aiosmtpd calls these two hooks from its EHLO and HELO.

    async def handle_EHLO(
        self, _server: SMTP, client: Client, _envelope: object, name: str, _lines: list[str]
    ) -> list[str]:
        """The lines of the EHLO reply; aiosmtpd's own are replaced, it knows fewer extensions."""
        client.host_name = name
        lines = [self.settings.hostname, *self.capabilities(client)]
        return [f"250-{line}" for line in lines[:-1]] + [f"250 {lines[-1]}"]

    async def handle_HELO(self, _server: SMTP, client: Client, _envelope: object, name: str) -> str:
        client.host_name = name
        return f"250 {self.settings.hostname}"

    def capabilities(self, client: Client) -> list[str]:
        """Keywords of the EHLO reply."""
        found = [
            f"SIZE {self.settings.smtp.max_message_size}",
            "8BITMIME",
            "SMTPUTF8",
            "PIPELINING",
            "ENHANCEDSTATUSCODES",
            "CHUNKING",
            "BINARYMIME",
            policy.announced_limits(self.settings.smtp),
            "DSN",
        ]
        # RFC 3207 §4.2: not offered once TLS is active; RFC 8689 §2: and then only.
        return [*found, "REQUIRETLS" if client.cipher else "STARTTLS"]

    @abstractmethod
    def mail(self, client: Client, mail: Mail) -> Answer:
        """May this client send as this sender? A positive answer begins the transaction."""

    @abstractmethod
    async def judge(self, transaction: Transaction) -> Reply | Prefix:
        """Look at a whole message: why it is refused, or what goes before it."""

    @abstractmethod
    def accepted(self, transaction: Transaction, receipt: Receipt) -> None:
        """Count and log a message that is durable now."""

    def rcpt(self, client: Client, envelope: Envelope, rcpt: Rcpt) -> Answer:
        """May mail go to this recipient? A positive answer has put it into the envelope."""
        limit = self.settings.smtp.max_recipients
        if reply := policy.number_of_recipients(len(envelope.recipients), limit):
            return reply
        address = rcpt.forward_path
        if address is None:
            return partial(self._postmaster, client, envelope, rcpt.asked)
        resolution = self.accounts.resolve_cached(address)
        if resolution is None or policy.needs_asking(resolution):
            return partial(self._recipient, client, envelope, address, rcpt.asked)
        return self._add(envelope, Recipient(address, resolution, rcpt.asked))

    def terms(self, stage: Stage, options: Options) -> Terms | Reply:
        """What MAIL asks of delivery, as it is granted; or why not."""
        return granted(options, stage, self.rules, self._bounds, datetime.now(UTC))

    def before_message(self, envelope: Envelope) -> Reply | None:
        """May the message of this envelope come now?"""
        return policy.before_data(named=envelope.named, accepted=len(envelope.recipients))

    def answers(self, envelope: Envelope, reply: Reply) -> Sequence[Reply]:
        """The replies that say `reply` to the message of this envelope."""
        return (reply,)

    async def message(
        self, client: Client, envelope: Envelope, message: Message
    ) -> Sequence[Reply]:
        """Store the message everywhere it goes: durable for whom the answer is positive.

        Raises StorageUnavailable and MailError; then nothing was accepted.
        """
        return self.answers(envelope, await self.store(client, envelope, message))

    async def store(self, client: Client, envelope: Envelope, message: Message) -> Reply:
        """As `message`, with the one answer for all recipients of the envelope."""
        header = read_header(message.content)
        transaction = Transaction(
            client, envelope, message, header, secrets.token_hex(8), datetime.now(UTC)
        )
        arrived = await self._arrive(transaction)
        if isinstance(arrived, Reply):
            self._refused(transaction, arrived)
            return arrived
        receipt = await self._accept(arrived, binary=envelope.mail.body is Body.BINARY)
        self.accepted(transaction, receipt)
        log.info(
            "message accepted",
            id=receipt.id,
            transaction=transaction.id,
            client=client.address,
            account=client.account.address if client.account else "",
            sender=envelope.sender,
            recipients=len(envelope.recipients),
            size=len(message.content),
            queue_ids=",".join(map(str, receipt.queue_ids)),
        )
        return replies.accepted(transaction.id)

    async def _accept(self, arrived: Arrival, *, binary: bool) -> Receipt:
        if not binary:
            return await self.ingest.accept(arrived)
        with self.ingest.buffer() as buffer, suppress(Unencodable):
            # RFC 3030 §3 lets it be converted for whom it is delivered to. What cannot be stays as
            # it is, for the envelope has been answered.
            arrived.content = await encoded(arrived.content, buffer)
            return await self.ingest.accept(arrived)
        return await self.ingest.accept(arrived)

    async def _arrive(self, transaction: Transaction) -> Reply | Arrival:
        judged = await self.judge(transaction)
        if isinstance(judged, Reply):
            return judged
        found = destinations(transaction.envelope)
        if not await self._fits(transaction, found):
            return replies.MAILBOX_FULL
        await self._readdress(transaction, found)
        hold = transaction.envelope.terms.hold
        released_at = hold.until if hold else transaction.now
        expires_at = released_at + timedelta(seconds=self.settings.delivery.lifetime)
        return arrival(transaction, found, judged, expires_at)

    def _refused(self, transaction: Transaction, reply: Reply) -> None:
        account = transaction.client.account
        domain, organization = (account.domain, account.organization) if account else ("", "")
        self.count(domain, organization, "deferred" if reply.temporary else "refused")
        log.info(
            "message refused",
            transaction=transaction.id,
            client=transaction.client.address,
            sender=transaction.envelope.sender,
            reply=str(reply),
        )

    async def _recipient(
        self, client: Client, envelope: Envelope, address: Address, asked: Asked
    ) -> Reply:
        resolution = await self.accounts.resolve(address)
        if resolution.local and is_rewritten(address.local):
            result = "accepted" if resolution.known else "refused"
            metrics.REWRITTEN_SENDERS.labels(result).inc()
        for group in resolution.groups:
            sender = envelope.mail.reverse_path
            if not await self.accounts.may_post(group, client.account, sender):
                return replies.POSTING_DENIED
        size = envelope.mail.size
        rooms = [await self.ingest.has_room(one, size) for one in resolution.must_have_room]
        return policy.room(rooms) or self._add(envelope, Recipient(address, resolution, asked))

    async def _postmaster(self, client: Client, envelope: Envelope, asked: Asked) -> Reply:
        """RFC 5321 §4.5.1: `<Postmaster>` without domain is that of this host."""
        host = self.settings.hostname
        # A host is usually in the domain it serves.
        own = [Address("postmaster", domain) for domain in (host, host.partition(".")[2]) if domain]
        for address in own:
            if (await self.accounts.resolve(address)).known:
                return await self._recipient(client, envelope, address, asked)
        configured = self.settings.addresses.postmaster
        address = parse_address(configured, smtputf8=True) if configured else own[-1]
        return await self._recipient(client, envelope, address, asked)

    def _add(self, envelope: Envelope, recipient: Recipient) -> Reply:
        refusal = policy.recipient(
            recipient.resolution, recipient.address.domain, relaying=self.rules.login
        )
        if refusal:
            return refusal
        envelope.recipients.append(recipient)
        return replies.RECIPIENT_OK

    async def _fits(self, transaction: Transaction, found: Destinations) -> bool:
        """Is there room for the message in one mailbox at least?

        Only asked when the client had not declared the size, so that RCPT could not tell. A
        message for several is not refused for one that is full: it could never be repeated for
        the others alone.
        """
        size = len(transaction.message.content)
        if size <= transaction.envelope.mail.size or found.others:
            return True
        if any(one.resolution.role for one in transaction.envelope.recipients):
            return True
        for account, _ in found.accounts:
            if await self.ingest.has_room(account, size):
                return True
        return False

    async def _readdress(self, transaction: Transaction, found: Destinations) -> None:
        """Give what goes elsewhere for others a sender whose bounces come back by us."""
        sender = transaction.envelope.sender
        for forward in found.forwards:
            # A user's own sender is in a domain that publishes us already.
            forward.sender = (
                sender
                if transaction.client.account
                else await self.accounts.forwarding.sender(sender, forward.alias.domain)
            )
        for mail in found.groups:
            full = [
                member
                for member in mail.accounts
                if not await self.ingest.has_room(member, len(transaction.message.content))
            ]
            # They get it by the queue when there is room again, or the owners hear of it.
            mail.accounts = [member for member in mail.accounts if member not in full]
            mail.addresses += [member.address for member in full]

    def evidence(self, header: Header, *, passed_here: bool) -> Evidence:
        return Evidence(header.hops, self.settings.smtp.max_hops, passed_here)

    def count(self, domain: str, organization: str, result: str) -> None:
        metrics.smtp_messages(domain, organization, self.direction, result).inc()
