"""What a remote reply or a failure means for a recipient: delivered, deferred or bounced. Pure."""

from dataclasses import dataclass, replace
from enum import Enum, StrEnum

from mailserver.mail.replies import Reply
from mailserver.mail.terms import Action
from mailserver.storage.queue import Recipient, State


class Category(StrEnum):
    """Why a recipient was not served, for figures and for what follows from it."""

    NONE = "none"  # it was
    INVALID_RECIPIENT = "invalid recipient"
    INACTIVE = "mailbox inactive"
    QUOTA = "quota"
    SIZE = "size"
    CONTENT = "content"
    POLICY = "policy"
    RATE = "rate"
    DNS = "dns"
    ROUTING = "routing"
    NETWORK = "network"
    PROTOCOL = "protocol"
    SYSTEM = "system"
    EXPIRED = "expired"
    OTHER = "other"


class Failure(Enum):
    """What can go wrong without a reply: state, category, RFC 3463 status, words for the sender."""

    NO_SUCH_DOMAIN = (State.BOUNCED, Category.DNS, "5.1.2", "the domain does not exist")
    # RFC 7505 §4.1
    NULL_MX = (State.BOUNCED, Category.DNS, "5.1.10", "the domain accepts no mail")
    NO_HOST = (State.BOUNCED, Category.ROUTING, "5.4.4", "the domain's mail hosts do not exist")
    LOOP = (State.BOUNCED, Category.ROUTING, "5.4.6", "the domain's mail is routed back to us")
    BAD_ADDRESS = (State.BOUNCED, Category.INVALID_RECIPIENT, "5.1.3", "this is no mail address")
    UTF8_NEEDED = (
        State.BOUNCED,
        Category.CONTENT,
        "5.6.7",  # RFC 6531 §3.2
        "the host does not take internationalised mail",
    )
    EIGHT_BIT = (State.BOUNCED, Category.CONTENT, "5.6.3", "the host does not take 8-bit content")
    TOO_LARGE = (State.BOUNCED, Category.SIZE, "5.3.4", "the message is larger than the host takes")
    # RFC 8689 §4.2.1
    ENCRYPTION = (State.BOUNCED, Category.POLICY, "5.7.10", "the host offers no verifiable TLS")
    REQUIRE_TLS = (State.BOUNCED, Category.POLICY, "5.7.30", "the host does not offer REQUIRETLS")
    # RFC 2852 §4.1.3, §4.1.4.1
    LATE = (State.BOUNCED, Category.EXPIRED, "5.4.7", "not delivered by the time that was set")
    NO_DELIVER_BY = (
        State.BOUNCED,
        Category.POLICY,
        "5.3.3",
        "the host does not promise to deliver by a time",
    )
    UNKNOWN_MAILBOX = (State.BOUNCED, Category.INVALID_RECIPIENT, "5.1.1", "no such mailbox")
    SUSPENDED = (State.BOUNCED, Category.INACTIVE, "5.2.1", "the mailbox is disabled")
    POSTING = (State.BOUNCED, Category.POLICY, "5.7.2", "the sender may not post to the group")
    OVER_QUOTA = (State.DEFERRED, Category.QUOTA, "4.2.2", "the mailbox is full")
    DNS = (State.DEFERRED, Category.DNS, "4.4.3", "the DNS gave no answer")
    NO_ANSWER = (State.DEFERRED, Category.NETWORK, "4.4.1", "no mail host of the domain answers")
    LOST = (State.DEFERRED, Category.NETWORK, "4.4.2", "the connection was lost")
    TIMEOUT = (State.DEFERRED, Category.NETWORK, "4.4.2", "the host did not answer in time")
    PROTOCOL = (State.DEFERRED, Category.PROTOCOL, "4.5.0", "the host does not speak SMTP")
    SYSTEM = (State.DEFERRED, Category.SYSTEM, "4.3.0", "trouble in our own system")

    def __init__(self, state: State, category: Category, status: str, words: str) -> None:
        self.state = state
        self.category = category
        self.status = status
        self.words = words


@dataclass(slots=True)
class Outcome:
    """What came of one attempt for one recipient."""

    state: State  # DELIVERED, DEFERRED or BOUNCED
    category: Category
    status: str  # RFC 3463
    host: str  # who said so, "" when nobody did
    text: str  # one line: the reply, or what failed and how
    reply: Reply | None = None  # verbatim, when there was one
    action: Action | None = None  # what a success is for the sender; None: others report it
    traced: bool = False  # that is told even who did not ask for SUCCESS (RFC 2852 §4.1.4)


def answered(reply: Reply, host: str, *, command: str = "") -> Outcome:
    """What `reply` of `host` to `command` ("MAIL", "RCPT", "DATA", ".") means."""
    if command == "RCPT" and reply.code == 552 and reply.enhanced in ("", "5.5.3"):
        # RFC 5321 §4.5.3.1.10: older servers say 552 for "too many recipients", meaning 452.
        state = State.DEFERRED
    elif reply.positive:
        state = State.DELIVERED
    elif reply.permanent:
        state = State.BOUNCED
    elif reply.temporary:
        state = State.DEFERRED
    else:
        return failed(Failure.PROTOCOL, f"unexpected reply {reply}", host)
    category = Category.NONE if state is State.DELIVERED else _category(reply)
    status = "4" + reply.status[1:] if state is State.DEFERRED else reply.status
    return Outcome(state, category, status, host, str(reply), reply)


def failed(failure: Failure, detail: str = "", host: str = "") -> Outcome:
    """What `failure` means; `detail` is for the log and the report."""
    text = f"{failure.words}: {detail}" if detail else failure.words
    return Outcome(failure.state, failure.category, failure.status, host, text)


def concluded(recipient: Recipient) -> Outcome:
    """A message that is where it goes, only its report is left."""
    return Outcome(
        State.DELIVERED,
        Category.NONE,
        "2.0.0",
        recipient.last_host,
        recipient.last_reply or "placed in the mailbox",
        action=recipient.asked.done,
        traced=True,
    )


def expired(last: Outcome) -> Outcome:
    """The lifetime is over: the last deferral becomes a bounce (RFC 3463: X.4.7)."""
    text = f"not delivered in time; last attempt: {last.text}"
    return replace(last, state=State.BOUNCED, category=Category.EXPIRED, status="5.4.7", text=text)


# Subject and detail of an enhanced code (RFC 3463 §3, and its IANA registry), longest match first.
# Only what speaks of the recipient alone is INVALID_RECIPIENT.
_BY_STATUS = {
    "1.1": Category.INVALID_RECIPIENT,
    "1.2": Category.INVALID_RECIPIENT,
    "1.3": Category.INVALID_RECIPIENT,
    "1.6": Category.INVALID_RECIPIENT,
    "1.10": Category.INVALID_RECIPIENT,
    "1.7": Category.POLICY,  # the sender's address
    "1.8": Category.POLICY,
    "2.1": Category.INACTIVE,
    "2.2": Category.QUOTA,
    "2.3": Category.SIZE,
    "3.1": Category.QUOTA,
    "3.4": Category.SIZE,
    "4.3": Category.DNS,
    "4.4": Category.ROUTING,
    "4.5": Category.RATE,
    "4.6": Category.ROUTING,
    "4.7": Category.EXPIRED,
    "3": Category.SYSTEM,
    "4": Category.NETWORK,
    "5": Category.PROTOCOL,
    "6": Category.CONTENT,
    "7": Category.POLICY,
}
# Replies without one. A bare 550 may be anything: it must not pass for an invalid recipient.
_BY_CODE = {
    421: Category.RATE,
    451: Category.SYSTEM,
    452: Category.QUOTA,
    500: Category.PROTOCOL,
    501: Category.PROTOCOL,
    502: Category.PROTOCOL,
    503: Category.PROTOCOL,
    552: Category.QUOTA,
}


def _category(reply: Reply) -> Category:
    if not reply.enhanced:
        return _BY_CODE.get(reply.code, Category.OTHER)
    detailed = reply.enhanced[2:]
    subject = detailed.partition(".")[0]
    return _BY_STATUS.get(detailed) or _BY_STATUS.get(subject) or Category.OTHER
