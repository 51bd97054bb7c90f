"""Every reply the doors give, as a value; only the session writes them.

Invariants: a text gives nothing away; all replies but the greeting, those to EHLO and HELO and the
3xx carry an enhanced status code of their class (RFC 2034 §4).
"""

from mailserver.errors import MailError
from mailserver.mail.replies import Reply

__all__ = ["Reply", "closes", "refusal"]


def refusal(error: MailError) -> Reply:
    """What the stranger may read of `error`."""
    return Reply(error.code, error.enhanced, error.text)


def closes(reply: Reply) -> bool:
    """True when the session ends behind it (RFC 5321 §3.8, §4.1.1.10)."""
    if reply.code in (501, 554):
        return reply in (WRONG_PROTOCOL, LOST_IN_CHUNKS, NOT_TRUSTED)
    return reply.code in (221, 421)


# ── success ──────────────────────────────────────────────────────────────────────────────────

OK = Reply(250, "2.0.0", "Ok")
SENDER_OK = Reply(250, "2.1.0", "Sender ok")
RECIPIENT_OK = Reply(250, "2.1.5", "Recipient ok")
START_DATA = Reply(354, "", "End data with <CR><LF>.<CR><LF>")  # RFC 2034 §4: no class 3
CHUNK_OK = Reply(250, "2.0.0", "Chunk received")
START_TLS = Reply(220, "2.0.0", "Ready to start TLS")
BYE = Reply(221, "2.0.0", "Bye")
HELP = Reply(214, "2.0.0", "EHLO HELO MAIL RCPT DATA BDAT RSET NOOP STARTTLS AUTH VRFY HELP QUIT")
# RFC 5321 §3.5.3 and §7.3: who exists is not told to strangers.
VERIFY = Reply(252, "2.5.0", "Cannot VRFY user, but will accept message and attempt delivery")


def accepted(identity: str) -> Reply:
    """The message is durable; `identity` names it in the log and in Received."""
    return Reply(250, "2.0.0", f"accepted as {identity}")


# ── order and syntax ─────────────────────────────────────────────────────────────────────────

UNKNOWN_COMMAND = Reply(500, "5.5.1", "Command not recognized")
NOT_IMPLEMENTED = Reply(502, "5.5.1", "Command not implemented")
EMPTY_LINE = Reply(500, "5.5.2", "Syntax error: empty command")
LINE_TOO_LONG = Reply(500, "5.5.2", "Line too long")
AUTH_TOO_LONG = Reply(500, "5.5.6", "Authentication exchange line is too long")  # RFC 4954 §6
# RFC 5321 §2.3.8: only CR LF ends a line; another system that takes a bare LF for an end could be
# used to smuggle commands through this one.
BARE_LINE_END = Reply(500, "5.5.2", "Syntax error: lines end with CR LF")
NO_PARAMETERS = Reply(501, "5.5.4", "Syntax error: no parameters allowed")
NEEDS_PARAMETER = Reply(501, "5.5.4", "Syntax error: parameter missing")
BAD_HOST_NAME = Reply(501, "5.5.4", "Syntax: EHLO and HELO take a host name or an address literal")
BAD_LHLO_NAME = Reply(501, "5.5.4", "Syntax: LHLO takes a host name or an address literal")
NEED_HELLO = Reply(503, "5.5.1", "Say hello first: EHLO, or LHLO in LMTP")
NEED_EHLO = Reply(503, "5.5.1", "Send EHLO first: AUTH is an extension")
NEED_MAIL = Reply(503, "5.5.1", "Send MAIL first")
NEED_RECIPIENT = Reply(503, "5.5.1", "Send RCPT first")
# RFC 3030 §2: DATA and BDAT are not mixed in one transaction, and its recipients are known by then.
IN_CHUNKS = Reply(503, "5.5.1", "The message comes in chunks: send BDAT or RSET")
BINARY_IN_DATA = Reply(503, "5.5.1", "BODY=BINARYMIME needs BDAT")  # RFC 3030 §3
BAD_CHUNK = Reply(501, "5.5.4", "Syntax: BDAT size [LAST]")
# Said once and for all: what follows a BDAT without a size may be content or commands.
LOST_IN_CHUNKS = Reply(501, "5.5.4", "Syntax: BDAT size [LAST], closing")
NO_VALID_RECIPIENTS = Reply(554, "5.5.1", "No valid recipients")
NESTED_MAIL = Reply(503, "5.5.1", "Sender already given")
IN_TLS = Reply(503, "5.5.1", "TLS is already active")
WRONG_PROTOCOL = Reply(554, "5.5.1", "This is SMTP: start in plain text, then STARTTLS")

# ── login ────────────────────────────────────────────────────────────────────────────────────

LOGGED_IN = Reply(235, "2.7.0", "Authentication successful")
TLS_FOR_AUTH = Reply(538, "5.7.11", "Encryption required: send STARTTLS first")
TLS_FIRST = Reply(530, "5.7.0", "Must issue a STARTTLS command first")
LOGIN_FIRST = Reply(530, "5.7.0", "Authentication required")
BAD_CREDENTIALS = Reply(535, "5.7.8", "Authentication credentials invalid")
BAD_MECHANISM = Reply(504, "5.5.4", "Unrecognized authentication type")
BAD_BASE64 = Reply(501, "5.5.2", "Cannot decode base64")
BAD_SASL = Reply(501, "5.5.2", "Cannot decode credentials")
LOGIN_CANCELLED = Reply(501, "5.7.0", "Authentication cancelled")  # RFC 4954 §4
LOGGED_IN_ALREADY = Reply(503, "5.5.1", "Already authenticated")
AUTH_IN_MAIL = Reply(503, "5.5.1", "AUTH is not allowed during a mail transaction")
AUTH_ELSEWHERE = Reply(502, "5.5.1", "AUTH is for submission ports")
LOGIN_UNDECIDED = Reply(454, "4.7.0", "Temporary authentication failure")
LOGINS_LIMITED = Reply(454, "4.7.0", "Too many failed logins, try again later")
TOO_MANY_LOGINS = Reply(421, "4.7.0", "Too many failed logins")

# ── mail ─────────────────────────────────────────────────────────────────────────────────────

TOO_LARGE = Reply(552, "5.3.4", "Message is too large")
TOO_LARGE_BY_FAR = Reply(421, "4.3.0", "Message is too large, closing")
TOO_MANY_TRANSACTIONS = Reply(421, "4.7.0", "Too many messages in this session, connect again")
TOO_MANY_RECIPIENTS = Reply(452, "4.5.3", "Too many recipients")
UNKNOWN_MAILBOX = Reply(550, "5.1.1", "No such mailbox here")
NOT_QUALIFIED = Reply(554, "5.1.2", "Domain is not fully qualified")
RELAY_DENIED = Reply(550, "5.7.1", "Relaying denied")
# RFC 3463 §3.8, X.7.2: the sender is not authorized to send to the mailing list.
POSTING_DENIED = Reply(550, "5.7.2", "You may not post to this group")
ACCOUNT_SUSPENDED = Reply(550, "5.2.1", "Mailbox is disabled")
MAILBOX_FULL = Reply(452, "4.2.2", "Mailbox is full")
NOT_YOUR_ADDRESS = Reply(553, "5.7.1", "Sender address does not belong to this account")
NOT_YOUR_FROM = Reply(550, "5.7.1", "From or Sender does not belong to this account")
BAD_FROM = Reply(554, "5.6.0", "From or Sender cannot be read")
# The one answer to the whole family of SMTP smuggling.
BARE_IN_DATA = Reply(550, "5.6.11", "Bare CR or LF in message")
NOT_TRUSTED = Reply(554, "5.7.1", "No LMTP from your network")
LOOP = Reply(554, "5.4.6", "Too many hops: mail loop")
# RFC 5321 §4.1.1.11: what EHLO did not say here, now, is not recognized.
NOT_OFFERED = Reply(555, "5.5.4", "Parameter is not offered here")
BAD_HOLD = Reply(501, "5.5.4", "Release time is past, or too far in the future")  # RFC 4865 §4.2
HOLD_PAST_BY = Reply(501, "5.5.4", "Release time is after the time to deliver by")
BY_TOO_SOON = Reply(555, "5.5.4", "Delivery within so short a time is not promised")  # RFC 2852 §3
NEEDS_SMTPUTF8 = Reply(553, "5.6.7", "Recipient address needs SMTPUTF8")

# ── the server's own state ───────────────────────────────────────────────────────────────────

STORAGE_UNAVAILABLE = Reply(451, "4.3.0", "Temporary failure, try again later")
FAILED = Reply(421, "4.3.0", "Internal failure, closing")
SHUTTING_DOWN = Reply(421, "4.3.2", "Server is shutting down")
TOO_MANY_SESSIONS = Reply(421, "4.3.2", "Too many connections, try again later")
TOO_MANY_ERRORS = Reply(421, "4.7.0", "Too many errors")
TIMED_OUT = Reply(421, "4.4.2", "Timed out")
