"""What takes jobs to a site: an SMTP connection, or ingest for what is ours."""

from datetime import UTC, datetime
from time import time

from delivery import client
from delivery.client import Connection
from delivery.envelope import Envelope
from delivery.local import place
from delivery.outcome import Failure, Outcome, failed
from delivery.routing import LOCAL, Route, Router
from delivery.sites import Carrier, Job
from mailserver.mail.addresses import AddressError, normalise_domain, parse_address
from mailserver.node import Node
from mailserver.storage.queue import State

_MOST_ADDRESSES = 8  # tried for one route


class Remote:
    """Carries jobs over one SMTP connection."""

    def __init__(self, node: Node, connection: Connection) -> None:
        self._node = node
        self._connection = connection

    @property
    def usable(self) -> bool:
        return self._connection.usable

    async def carry(self, job: Job) -> list[Outcome]:
        if job.late(datetime.now(UTC)):
            return [failed(Failure.LATE)] * len(job.recipients)
        letter = job.letter
        await letter.load(self._node.blobs, self._node.domains, int(time()))
        header = letter.header() if letter.message.smtputf8 else b""
        envelope = Envelope(
            sender=ascii_domain(letter.message.sender),
            recipients=tuple(ascii_domain(recipient.address) for recipient in job.recipients),
            size=letter.size,
            eight_bit=letter.message.eight_bit,
            utf8_header=not header.isascii(),
            terms=letter.message.terms,
            asked={
                ascii_domain(recipient.address): recipient.asked for recipient in job.recipients
            },
        )
        return await self._connection.send(envelope, letter.head, letter.body)

    async def close(self) -> None:
        await self._connection.close()

    def abort(self) -> None:
        self._connection.abort()


class Local:
    """Carries jobs into our own mailboxes."""

    usable = True

    def __init__(self, node: Node) -> None:
        self._node = node

    async def carry(self, job: Job) -> list[Outcome]:
        if job.late(datetime.now(UTC)):
            return [failed(Failure.LATE)] * len(job.recipients)
        await job.letter.load(self._node.blobs, self._node.domains, int(time()))
        return [await place(self._node, job.letter, recipient) for recipient in job.recipients]

    async def close(self) -> None:
        """Nothing is open."""

    def abort(self) -> None:
        """Nothing is open."""


async def open_carrier(node: Node, router: Router, route: Route) -> Carrier | Outcome:
    """The first host of the route that takes a connection; else what the last one said."""
    if route is LOCAL:
        return Local(node)
    outcome = failed(Failure.NO_ANSWER)
    tried = 0
    for target in route.targets:
        addresses = await router.addresses(target)
        if isinstance(addresses, Outcome):
            outcome = worst(outcome, addresses, first=not tried)
            tried += 1
            continue
        for address in addresses:
            if tried == _MOST_ADDRESSES:
                return outcome
            opened = await client.connect(
                target.host,
                address,
                target.port,
                hostname=node.settings.hostname,
                limits=node.settings.delivery,
                require_tls=route.require_tls,
            )
            if isinstance(opened, Connection):
                return Remote(node, opened)
            outcome = worst(outcome, opened, first=not tried)
            tried += 1
    return outcome


def worst(known: Outcome, new: Outcome, *, first: bool) -> Outcome:
    """Of the hosts of one route: one that may answer later keeps the mail from bouncing. Pure."""
    if first or new.state is State.DEFERRED or known.state is State.BOUNCED:
        return new
    return known


def ascii_domain(address: str) -> str:
    """The address with its domain as A-labels, for the envelope; as it is if it is none. Pure."""
    if address.isascii():
        return address
    try:
        parsed = parse_address(address, smtputf8=True)
        parsed.domain = normalise_domain(parsed.domain)
    except AddressError:
        return address
    return str(parsed)
