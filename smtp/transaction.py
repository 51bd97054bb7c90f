"""One message of one client, whole, on its way to being stored."""

from dataclasses import dataclass
from datetime import datetime

from mailserver.objects import Content
from smtp.client import Client
from smtp.message import Header
from smtp.recipients import Envelope


@dataclass(slots=True)
class Message:
    """All of a message has come. `content` is valid until the answer is given."""

    content: Content
    eight_bit: bool  # has octets above 127


@dataclass(slots=True)
class Transaction:
    """What is known when the message is judged."""

    client: Client
    envelope: Envelope
    message: Message
    header: Header
    id: str  # in Received, in the 250 and in the log
    now: datetime  # aware
