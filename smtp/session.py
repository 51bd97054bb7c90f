"""The commands of a session: aiosmtpd's SMTP, with the way of a message made to run inline.

MAIL, RCPT, DATA, BDAT, the bytes of a message and the small verbs are executed at once, as they lie
in the input, EHLO and HELO by aiosmtpd's own coroutines; AUTH, and what has to ask the directory,
runs to its end before the next command is looked at. What mail means at this door, its Service
says.

Invariants: between MAIL and its end there is one Envelope; EHLO, RSET, STARTTLS, the end of the
message and the end of the connection all forget it (RFC 5321 §4.1.4). The octets of a chunk are
never executed, also where the chunk is refused.
"""

import base64
import ssl
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import Any, ClassVar

from aiosmtpd.smtp import Envelope as PeerEnvelope

from mailserver.errors import MailError, StorageUnavailable
from mailserver.logs import logger
from smtp import grammar, policy, replies
from smtp.authentication import Unanswered, response
from smtp.chunking import ChunkFramer, parse_chunk
from smtp.connection import Connection, Work
from smtp.data import Bare, DataFramer
from smtp.grammar import Body
from smtp.policy import Stage
from smtp.reception import ChunkReception, Reception
from smtp.recipients import Envelope
from smtp.replies import Reply
from smtp.service import Answer

PROGRESS = 1024  # octets of a message that must come within data_timeout

# A browser, or a script in one, that was led to a mail port.
_HTTP = frozenset((b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"CONNECT", b"OPTIONS", b"PATCH"))
_TLS_RECORD = 0x16  # RFC 8446 §5.1: handshake
# A PROXY header, of which version 2 has a line with NUL only: from where none is believed.
_PROXY, _PROXY_2 = b"PROXY", b"\0"
_FOREIGN = _HTTP | {_PROXY}

log = logger("smtp")

# A reply, or how to get it (it gives None when the replies are written already); None: there is
# none yet.
Outcome = Answer | Callable[[], Any] | None


class Session(Connection):
    """One client at one door."""

    commands: ClassVar[Mapping[bytes, Callable[[Any, bytes], Outcome]]]

    # Of the class until they are needed: an idle session is small.
    _mail_envelope: Envelope | None = None
    _message: Reception | None = None  # of the transaction, once it has begun
    _due: Reception | None = None  # whose octets come now
    _transactions = 0  # MAIL commands that were accepted
    _progress = 0  # octets of the message since the deadline was set

    @property
    def in_data(self) -> bool:
        return self._message is not None or self._due is not None

    def discard(self) -> None:
        self._mail_envelope = self._due = None
        if self._message is not None:
            # What is being stored is closed behind that.
            if not self.storing:
                self._message.close()
            self._message = None

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
        if self._due is not None:
            return self._take_octets(self._due)
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
            command = self.commands.get(verb)
            if command is not None:
                return command(self, argument)
        except MailError as error:
            return replies.WRONG_PROTOCOL if line == _PROXY_2 else replies.refusal(error)
        return replies.WRONG_PROTOCOL if verb in _FOREIGN else replies.UNKNOWN_COMMAND

    def _answer(self, outcome: Outcome) -> Work | bool:
        if isinstance(outcome, Reply):
            self.say(outcome)
            return True
        return True if outcome is None else partial(self._await_answer, outcome)

    async def _await_answer(self, ask: Callable[[], Any]) -> None:
        try:
            reply = await ask()
        except (MailError, StorageUnavailable) as error:
            reply = self._failed(error)
        if reply is not None:
            self.say(reply)

    def _failed(self, error: MailError | StorageUnavailable) -> Reply:
        if isinstance(error, MailError):
            log.info("refused", client=self.client.address, cause=str(error))
            return replies.refusal(error)
        log.error("storage unavailable", client=self.client.address, cause=str(error))
        return replies.STORAGE_UNAVAILABLE

    # ── the transaction ─────────────────────────────────────────────────────────────────────

    def _mail(self, argument: bytes) -> Outcome:
        if refusal := policy.before_mail(self.stage, self.service.rules):
            return refusal
        mail = grammar.mail(argument, extended=self.client.extended_smtp)
        limits = self.service.settings.smtp
        if refusal := policy.declared_size(mail.size, limits.max_message_size):
            return refusal
        if refusal := policy.number_of_transactions(self._transactions, limits.max_transactions):
            return refusal
        envelope = Envelope(mail)
        if mail.options is not None:
            terms = self.service.terms(self.stage, mail.options)
            if isinstance(terms, Reply):
                return terms
            envelope.terms = terms
        answer = self.service.mail(self.client, mail)
        if isinstance(answer, Reply):
            return self._mail_answered(envelope, answer)
        return partial(self._await_mail, envelope, answer)

    async def _await_mail(self, envelope: Envelope, ask: Callable[[], Any]) -> Reply:
        return self._mail_answered(envelope, await ask())

    def _mail_answered(self, envelope: Envelope, reply: Reply) -> Reply:
        if reply.positive:
            self._mail_envelope = envelope
            self._transactions += 1
        return reply

    def _rcpt(self, argument: bytes) -> Outcome:
        envelope = self._mail_envelope
        if envelope is None:
            return replies.NEED_MAIL
        if self._message is not None:
            return replies.IN_CHUNKS
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
        if self._message is not None:
            return replies.IN_CHUNKS
        if envelope.mail.body is Body.BINARY:
            return replies.BINARY_IN_DATA
        if refusal := self.service.before_message(envelope):
            return refusal
        service, limits = self.service, self.service.settings.smtp
        self._message = Reception(
            DataFramer(service.bare), service.ingest.buffer(), limits.max_message_size
        )
        self._expect_octets(self._message)
        return replies.START_DATA

    def _bdat(self, argument: bytes) -> Outcome:
        chunk = parse_chunk(argument)
        if chunk is None:
            return replies.LOST_IN_CHUNKS
        reception = self._chunks()
        if not chunk.valid:
            reception.refuse(replies.BAD_CHUNK)
        if not reception.begin(chunk):
            self.discard()
            return replies.TOO_LARGE_BY_FAR
        if not chunk.size:
            reception.take(b"")  # a CR that was held back is bare when nothing follows
            return self._come_to_its_end(reception)
        self._expect_octets(reception)
        return None

    def _chunks(self) -> ChunkReception:
        """The message that the next chunk belongs to; where it can have none, one to refuse."""
        if isinstance(self._message, ChunkReception):
            return self._message
        envelope = self._mail_envelope
        binary = envelope is not None and envelope.mail.body is Body.BINARY
        framer = ChunkFramer(Bare.KEEP if binary else self.service.bare)
        limit = self.service.settings.smtp.max_message_size
        reception = ChunkReception(framer, self.service.ingest.buffer(), limit)
        if envelope is None:
            reception.refuse(replies.NEED_MAIL)
        elif refusal := self.service.before_message(envelope):
            reception.refuse(refusal)
        else:
            self._message = reception
        return reception

    def _expect_octets(self, reception: Reception) -> None:
        self._due = reception
        self._progress = 0
        self.expect(self.service.settings.smtp.data_timeout)

    def _take_octets(self, reception: Reception) -> Work | bool:
        data = self.lines.take(reception.framer.wanted)
        rest = reception.take(data)
        if rest is None:
            return self._more_octets(reception, len(data))
        self._due = None
        if rest:
            self.lines.feed(rest)
        self.expect(self.service.settings.smtp.command_timeout)
        return self._answer(self._come_to_its_end(reception))

    def _more_octets(self, reception: Reception, octets: int) -> bool:
        if reception.too_long_to_drain:
            self.discard()
            self.say(replies.TOO_LARGE_BY_FAR)
            return True
        self._progress += octets
        if self._progress >= PROGRESS:
            self._progress = 0
            self.expect(self.service.settings.smtp.data_timeout)
        return False

    def _come_to_its_end(self, reception: Reception) -> Outcome:
        """The answer to a message, or to a chunk of one."""
        refusal = reception.refusal
        if isinstance(reception, ChunkReception) and not reception.last:
            return refusal or replies.CHUNK_OK
        envelope = self._mail_envelope
        if envelope is None or reception is not self._message:
            return refusal  # of chunks that belong to no message
        if refusal is None:
            return partial(self._store, envelope, reception)
        for reply in self.service.answers(envelope, refusal):
            self.say(reply)
        self.discard()
        return None

    async def _store(self, envelope: Envelope, reception: Reception) -> None:
        self.storing = True
        try:
            answers = await self.service.message(self.client, envelope, reception.whole)
        except (MailError, StorageUnavailable) as error:
            answers = self.service.answers(envelope, self._failed(error))
        finally:
            self.storing = False
            reception.close()
            self.discard()
        for reply in answers:
            self.say(reply)
            if reply.positive:
                self.client.errors = 0

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
        if name is None:
            return replies.BAD_HOST_NAME
        at_once(self.smtp_EHLO(name))
        return None

    def _helo(self, argument: bytes) -> Outcome:
        name = grammar.host_name(argument)
        if name is None:
            return replies.BAD_HOST_NAME
        at_once(self.smtp_HELO(name))
        return None

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


def at_once(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine of aiosmtpd's to its end: our hooks wait for nothing, so it needs no task."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    raise AssertionError("it waits for something")


Session.commands = {
    b"MAIL": Session._mail,
    b"RCPT": Session._rcpt,
    b"DATA": Session._data,
    b"BDAT": Session._bdat,
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
