"""The commands of a session: aiosmtpd's SMTP, with the way of a message made to run inline.

MAIL, RCPT, DATA, the bytes of a message and the small verbs are executed at once, as they lie in
the input; EHLO and HELO are aiosmtpd's own coroutines, each run to its end before the next command
is looked at, as AUTH is. What mail means at this door, its Service says.

Invariant: between MAIL and its end there is one Envelope; EHLO, RSET, STARTTLS, the end of the
message and the end of the connection all forget it (RFC 5321 §4.1.4).
"""

import base64
import ssl
from collections.abc import Callable
from functools import partial
from typing import Any

from aiosmtpd.smtp import Envelope as PeerEnvelope

from mailserver.errors import MailError, StorageUnavailable
from mailserver.logs import logger
from mailserver.objects import MessageBuffer
from smtp import grammar, policy, replies
from smtp.authentication import Unanswered, response
from smtp.connection import Connection, Work
from smtp.data import DataFramer
from smtp.grammar import Mail
from smtp.policy import Stage
from smtp.recipients import Envelope
from smtp.replies import Reply
from smtp.service import Answer
from smtp.transaction import Message

PROGRESS = 1024  # octets of a message that must come within data_timeout
DRAIN_FACTOR = 2  # a message is read to its end up to this multiple of the size limit

# A browser, or a script in one, that was led to a mail port.
_HTTP = frozenset((b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"CONNECT", b"OPTIONS", b"PATCH"))
_TLS_RECORD = 0x16  # RFC 8446 §5.1: handshake

log = logger("smtp")

# A reply, or how to get it; it gives None when the replies are written already.
Outcome = Answer | Callable[[], Any]


class Session(Connection):
    """One client at one door."""

    # Of the class until they are needed: an idle session is small.
    _mail_envelope: Envelope | None = None
    _framer: DataFramer | None = None
    _buffer: MessageBuffer | None = None
    _progress = 0  # octets of the message since the deadline was set

    @property
    def in_data(self) -> bool:
        return self._framer is not None

    def discard(self) -> None:
        self._mail_envelope = None
        self._framer = None
        if not self.storing:
            self._close_buffer()

    @property
    def stage(self) -> Stage:
        """How far this session has come."""
        client = self.client
        return Stage(
            hello=client.host_name is not None,
            extended=client.extended_smtp,
            tls=client.cipher is not None,
            logged_in=client.account is not None,
            in_mail=self._mail_envelope is not None,
        )

    # ── from input to commands ──────────────────────────────────────────────────────────────

    def execute_one(self) -> Work | bool:
        if self._framer is not None:
            return self._take_data(self._framer)
        if self.lines.starts_with(_TLS_RECORD):
            return self._answer(replies.WRONG_PROTOCOL)
        line = self.lines.next()
        if line is None:
            return False
        self.expect(self.service.settings.smtp.command_timeout)
        return self._answer(line if isinstance(line, Reply) else self._command(line))

    def _command(self, line: bytes) -> Outcome:
        if not line:
            return replies.EMPTY_LINE
        try:
            verb, argument = grammar.command(line)
            command = _COMMANDS.get(verb)
            if command is not None:
                return command(self, argument)
        except MailError as error:
            return replies.refusal(error)
        return replies.WRONG_PROTOCOL if verb in _HTTP else replies.UNKNOWN_COMMAND

    def _answer(self, outcome: Outcome) -> Work | bool:
        if isinstance(outcome, Reply):
            self.say(outcome)
            return True
        return partial(self._await_answer, outcome)

    async def _await_answer(self, ask: Callable[[], Any]) -> None:
        try:
            reply = await ask()
        except MailError as error:
            log.info("refused", client=self.client.address, cause=str(error))
            reply = replies.refusal(error)
        except StorageUnavailable as error:
            log.error("storage unavailable", client=self.client.address, cause=str(error))
            reply = replies.STORAGE_UNAVAILABLE
        if reply is not None:
            self.say(reply)

    # ── the transaction ─────────────────────────────────────────────────────────────────────

    def _mail(self, argument: bytes) -> Outcome:
        if refusal := policy.before_mail(self.stage, self.service.rules):
            return refusal
        mail = grammar.mail(argument, extended=self.client.extended_smtp)
        limit = self.service.settings.smtp.max_message_size
        if refusal := policy.declared_size(mail.size, limit):
            return refusal
        answer = self.service.mail(self.client, mail)
        if isinstance(answer, Reply):
            return self._mail_answered(mail, answer)
        return partial(self._await_mail, mail, answer)

    async def _await_mail(self, mail: Mail, ask: Callable[[], Any]) -> Reply:
        return self._mail_answered(mail, await ask())

    def _mail_answered(self, mail: Mail, reply: Reply) -> Reply:
        if reply.positive:
            self._mail_envelope = Envelope(mail)
        return reply

    def _rcpt(self, argument: bytes) -> Outcome:
        envelope = self._mail_envelope
        if envelope is None:
            return replies.NEED_MAIL
        envelope.named += 1
        rcpt = grammar.rcpt(
            argument, extended=self.client.extended_smtp, smtputf8=envelope.mail.smtputf8
        )
        return self.service.rcpt(self.client, envelope, rcpt)

    def _rset(self, argument: bytes) -> Outcome:
        if argument:
            return replies.NO_PARAMETERS
        self.discard()
        return replies.OK

    # ── the message ─────────────────────────────────────────────────────────────────────────

    def _data(self, argument: bytes) -> Outcome:
        if argument:
            return replies.NO_PARAMETERS
        envelope = self._mail_envelope
        if envelope is None:
            return replies.NEED_MAIL
        if refusal := policy.before_data(named=envelope.named, accepted=len(envelope.recipients)):
            return refusal
        settings = self.service.settings
        self._framer = DataFramer()
        self._buffer = MessageBuffer(self.service.spool, settings.objects.inline_limit)
        self._progress = 0
        self.expect(settings.smtp.data_timeout)
        return replies.START_DATA

    def _take_data(self, framer: DataFramer) -> Work | bool:
        content, rest = framer.feed(self.lines.take())
        limits = self.service.settings.smtp
        if framer.bare or framer.size > limits.max_message_size:
            self._close_buffer()  # it will be refused: only its end is of interest
        elif self._buffer is not None:
            self._buffer.write(content)
        if rest is None:
            return self._more_data(framer, len(content))
        self._framer = None
        self.lines.feed(rest)
        self.expect(limits.command_timeout)
        refusal = policy.framing(framer.size, limits.max_message_size, bare=framer.bare)
        if refusal:
            self.discard()
            return self._answer(refusal)
        return self._answer(partial(self._store, framer.eight_bit))

    def _more_data(self, framer: DataFramer, octets: int) -> bool:
        limits = self.service.settings.smtp
        if framer.size > DRAIN_FACTOR * limits.max_message_size:
            self.discard()
            self.say(replies.TOO_LARGE_BY_FAR)
            return True
        self._progress += octets
        if self._progress >= PROGRESS:
            self._progress = 0
            self.expect(limits.data_timeout)
        return False

    async def _store(self, eight_bit: bool) -> Reply:
        envelope, buffer = self._mail_envelope, self._buffer
        assert envelope is not None
        assert buffer is not None
        self.storing = True
        try:
            message = Message(buffer.content(), eight_bit)
            reply = await self.service.message(self.client, envelope, message)
        finally:
            self.storing = False
            self.discard()
        if reply.positive:
            self.client.errors = 0
        return reply

    def _close_buffer(self) -> None:
        if self._buffer is not None:
            self._buffer.close()
            self._buffer = None

    # ── the small verbs ─────────────────────────────────────────────────────────────────────

    def _noop(self, _argument: bytes) -> Outcome:
        return replies.OK  # RFC 5321 §4.1.1.9: a parameter string is ignored

    def _quit(self, argument: bytes) -> Outcome:
        return replies.NO_PARAMETERS if argument else replies.BYE

    def _vrfy(self, argument: bytes) -> Outcome:
        return replies.VERIFY if argument else replies.NEEDS_PARAMETER

    def _help(self, _argument: bytes) -> Outcome:
        return replies.HELP

    def _expn(self, _argument: bytes) -> Outcome:
        return replies.NOT_IMPLEMENTED

    def _starttls(self, argument: bytes) -> Outcome:
        if argument:
            return replies.NO_PARAMETERS  # RFC 3207 §4: 501
        if self.client.cipher is not None:
            return replies.IN_TLS
        return self.start_tls()

    # ── aiosmtpd's coroutines ───────────────────────────────────────────────────────────────

    def _ehlo(self, argument: bytes) -> Outcome:
        name = grammar.host_name(argument)
        return replies.BAD_HOST_NAME if name is None else partial(self.smtp_EHLO, name)

    def _helo(self, argument: bytes) -> Outcome:
        name = grammar.host_name(argument)
        return replies.BAD_HOST_NAME if name is None else partial(self.smtp_HELO, name)

    def _set_rset_state(self) -> None:
        """EHLO and HELO reset the transaction (RFC 5321 §4.1.4)."""
        self.discard()

    def _create_envelope(self) -> PeerEnvelope:
        raise AssertionError("the transaction is ours, not aiosmtpd's")

    # ── logging in ──────────────────────────────────────────────────────────────────────────────

    def _auth(self, argument: bytes) -> Outcome:
        if refusal := policy.before_auth(self.stage, self.service.rules):
            return refusal
        words = argument.decode("ascii", "replace").split()
        if not 1 <= len(words) <= 2:
            return replies.NEEDS_PARAMETER
        # QUIRKS: clients name the mechanism in small letters; RFC 4422 §3.1 has them in capitals.
        mechanism = words[0].upper()
        if mechanism not in self.service.mechanisms:
            return replies.BAD_MECHANISM
        return partial(self.service.authenticate, self, mechanism, words[1:])

    async def challenge(self, challenge: bytes) -> bytes:
        """The client's response to a 334. Raises Unanswered."""
        self._output.append(b"334 " + base64.b64encode(challenge) + b"\r\n")
        line = await self.read_line()
        if isinstance(line, Reply):
            raise Unanswered(replies.AUTH_TOO_LONG if line is replies.LINE_TOO_LONG else line)
        return response(line)

    @property
    def ssl_object(self) -> ssl.SSLObject | None:
        """The TLS of this connection."""
        if self.transport is None:
            return None
        found: ssl.SSLObject | None = self.transport.get_extra_info("ssl_object")
        return found


_COMMANDS: dict[bytes, Callable[[Session, bytes], Outcome]] = {
    b"MAIL": Session._mail,
    b"RCPT": Session._rcpt,
    b"DATA": Session._data,
    b"RSET": Session._rset,
    b"NOOP": Session._noop,
    b"QUIT": Session._quit,
    b"VRFY": Session._vrfy,
    b"HELP": Session._help,
    b"EXPN": Session._expn,
    b"EHLO": Session._ehlo,
    b"HELO": Session._helo,
    b"AUTH": Session._auth,
    b"STARTTLS": Session._starttls,
}
