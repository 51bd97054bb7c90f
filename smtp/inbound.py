"""Port 25: mail from other hosts for our own recipients; nothing is relayed."""

from mailserver.ingest import Receipt
from smtp import policy, replies
from smtp.arrival import Prefix, received
from smtp.client import Client
from smtp.grammar import Mail
from smtp.message import names_any
from smtp.policy import Rules
from smtp.replies import Reply
from smtp.service import Answer, Service
from smtp.transaction import Transaction


class Inbound(Service):
    """What mail means on port 25."""

    rules = Rules(login=False)
    direction = "in"

    def mail(self, client: Client, mail: Mail) -> Answer:
        """Any sender, and the null reverse path; who sends is judged with the message."""
        return replies.SENDER_OK

    async def judge(self, transaction: Transaction) -> Reply | Prefix:
        header = transaction.header
        passed_here = bool(header.delivered_to) and names_any(
            header.delivered_to, {r.address.key for r in transaction.envelope.recipients}
        )
        verdict = policy.verdict(self.evidence(header, passed_here=passed_here))
        if verdict.refusal:
            return verdict.refusal
        return Prefix(received(transaction, self.settings.hostname), verdict.fields)

    def accepted(self, transaction: Transaction, receipt: Receipt) -> None:
        domains = {
            (recipient.address.domain.lower(), recipient.resolution.organization)
            for recipient in transaction.envelope.recipients
        }
        for domain, organization in domains:
            self.count(domain, organization, "accepted")
