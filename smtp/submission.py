"""Submission (RFC 6409) on 587 and 465: our users' mail, to anywhere."""

import ssl
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

from mailserver.accounts import Account, Accounts, Logins
from mailserver.ingest import Ingest, Receipt
from mailserver.mail.addresses import Address, parse_address
from mailserver.mail.completion import missing_fields
from mailserver.mail.folding import fold_field
from mailserver.settings import Settings
from smtp import policy, replies
from smtp.arrival import Prefix, received
from smtp.authentication import authenticate
from smtp.client import Client
from smtp.grammar import Mail
from smtp.message import addresses
from smtp.policy import Rules
from smtp.replies import Reply
from smtp.service import Answer, Service
from smtp.session import Session
from smtp.transaction import Transaction

MAX_AUTHORS = 20  # addresses in From, or in Sender


class Submission(Service):
    """What mail means for a user who is logged in."""

    rules = Rules(login=True)
    direction = "submission"

    def __init__(
        self,
        settings: Settings,
        accounts: Accounts,
        ingest: Ingest,
        tls_context: Callable[[], ssl.SSLContext],
        *,
        door: str,
        logins: Logins,
    ) -> None:
        super().__init__(settings, accounts, ingest, tls_context, door=door)
        self._logins = logins

    @property
    def mechanisms(self) -> tuple[str, ...]:
        return self._logins.mechanisms

    def capabilities(self, client: Client) -> list[str]:
        limits = self.settings.submission
        latest = datetime.now(UTC) + timedelta(seconds=limits.max_hold)
        found = [
            *super().capabilities(client),
            # RFC 4865 §3; strftime would cost more than the rest of EHLO
            f"FUTURERELEASE {limits.max_hold} {latest.isoformat(timespec='seconds')[:19]}Z",
            f"DELIVERBY {limits.min_by}",  # RFC 2852 §3
        ]
        # RFC 4954 §4: not offered while it would be answered 538.
        return [*found, "AUTH " + " ".join(self.mechanisms)] if client.cipher else found

    async def authenticate(
        self, session: Session, mechanism: str, arguments: Sequence[str]
    ) -> Reply:
        return await authenticate(session, self._logins, mechanism, arguments)

    def mail(self, client: Client, mail: Mail) -> Answer:
        """Only as an address of the account. The null reverse path is for reports (RFC 8098 §2)."""
        account = client.account
        if account is None:  # policy.before_mail lets nobody come here
            return replies.LOGIN_FIRST
        return partial(self._mail, account, mail.reverse_path)

    async def _mail(self, account: Account, reverse_path: Address | None) -> Reply:
        # A suspended account owns not even its own address: it may not send from now on.
        sender = reverse_path or parse_address(account.address, smtputf8=True)
        return policy.sender(owned=await self.accounts.owns(account, sender))

    async def judge(self, transaction: Transaction) -> Reply | Prefix:
        account, header = transaction.client.account, transaction.header
        if account is None:
            return replies.LOGIN_FIRST
        verdict = policy.verdict(self.evidence(header, passed_here=False))
        if verdict.refusal:
            return verdict.refusal
        authors, senders = addresses(header.authors), addresses(header.senders)
        for named in (authors, senders):
            if refusal := policy.authors(await self._owned(account, named)):
                return refusal
        return Prefix(
            received(transaction, self.settings.hostname),
            verdict.fields,
            self._completion(transaction, account, authors or []),
        )

    async def _owned(self, account: Account, named: list[Address] | None) -> list[bool] | None:
        """Whether each address of a field is the account's; None: they cannot be told."""
        if named is None or len(named) > MAX_AUTHORS:
            return None
        return [await self.accounts.owns(account, one) for one in named]

    def _completion(
        self, transaction: Transaction, account: Account, authors: list[Address]
    ) -> bytes:
        header, sender = transaction.header, transaction.envelope.sender or account.address
        fields = missing_fields(
            header.raw,
            now=transaction.now,
            unique=transaction.id,
            domain=account.domain,
            # RFC 5322 §3.6.2: several authors need a Sender.
            sender=sender if len(authors) > 1 else None,
        )
        # RFC 5322 §3.6 wants an author; the sender is the one we know.
        return fields if header.authors else fields + fold_field("From", [sender])

    def accepted(self, transaction: Transaction, receipt: Receipt) -> None:
        account = transaction.client.account
        assert account is not None
        self.count(account.domain, account.organization, "accepted")
