"""The commands about the session itself: RFC 3501 §6.1, STARTTLS, ENABLE, ID, NAMESPACE."""

from imap.capabilities import ENABLABLE, capabilities, spelled
from imap.commands import metadata_changes, resync
from imap.protocol import responses
from imap.protocol.compression import Compress
from imap.protocol.namespace import encode_namespace
from imap.protocol.responses import Condition
from imap.protocol.session import (
    Capability,
    Enable,
    Id,
    Logout,
    Namespace,
    Noop,
    StartTls,
    Unauthenticate,
    encode_id,
)
from imap.session import After, Answer, Session
from mailserver.logs import logger

log = logger("imap")


def known_capabilities(session: Session) -> tuple[str, ...]:
    """What this session can do now."""
    return capabilities(
        session.node.logins.mechanisms,
        session.node.settings.imap,
        authenticated=session.account is not None,
        secure=session.secure,
        compressed=session.compressed,
        hidden=session.hidden,
    )


async def capability(session: Session, _command: Capability) -> Answer:
    """RFC 3501 §6.1.1"""
    await session.write(responses.capability(known_capabilities(session)))
    return Answer.ok("CAPABILITY completed")


async def noop(_session: Session, _command: Noop) -> Answer:
    """RFC 3501 §6.1.2: the dispatcher tells what is new, as after every command."""
    return Answer.ok("NOOP completed")


async def logout(session: Session, _command: Logout) -> Answer:
    """RFC 3501 §6.1.3: the connection leaves the mailbox when it ends."""
    await session.write(responses.untagged(Condition.BYE, "Logging out"))
    return Answer(Condition.OK, "LOGOUT completed", after=After.CLOSE)


async def starttls(session: Session, _command: StartTls) -> Answer:
    """RFC 3501 §6.2.1"""
    if session.secure:
        return Answer.bad("TLS is on already")
    return Answer(Condition.OK, "Begin TLS negotiation now", after=After.START_TLS)


async def unauthenticate(session: Session, _command: Unauthenticate) -> Answer:
    """RFC 8437 §2: as a connection that has just come, within its TLS."""
    await session.unselect()
    log.info("session given back", peer=session.peer, account=session.user().address)
    return Answer(Condition.OK, "UNAUTHENTICATE completed", after=After.UNAUTHENTICATE)


async def compress(session: Session, _command: Compress) -> Answer:
    """RFC 4978 §3"""
    if session.compressed:
        return Answer.no("Compression is on already", responses.COMPRESSIONACTIVE)
    return Answer(Condition.OK, "Compressed from here on", after=After.COMPRESS)


async def enable(session: Session, command: Enable) -> Answer:
    """RFC 5161 §3.1: unknown names are ignored, told is what this command turned on."""
    wanted = [name for name in command.capabilities if name in ENABLABLE - session.hidden]
    new = [name for name in dict.fromkeys(wanted) if name not in session.enabled]
    await metadata_changes.watch(session, new)
    await session.write(responses.enabled(map(spelled, new)))
    await resync.enable(session, new)
    # RFC 6855 §3, RFC 9051 §5.1: mailbox names are UTF-8 from the answer on.
    session.utf8 = session.utf8_accept or session.rev2
    if session.rev2 and session.selected is not None:
        session.selected.view.forget_recent()
    return Answer.ok("ENABLE completed")


async def id_(session: Session, command: Id) -> Answer:
    """RFC 2971 §3.1"""
    said = {name.decode("ascii", "replace"): value for name, value in command.fields}
    client, version = said.get("name") or b"", said.get("version") or b""
    log.debug("client says it is", peer=session.peer, client=client, version=version)
    hidden = await session.node.hiding.from_client(_text(client), _text(version))
    await session.write(encode_id({"name": "mailserver"}))
    if not hidden <= session.hidden:
        session.hidden |= hidden
        # RFC 3501 §7.2.1: unasked, since what was told so far is not true for this client.
        await session.write(responses.capability(known_capabilities(session)))
    return Answer.ok("ID completed")


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")


async def namespace(session: Session, _command: Namespace) -> Answer:
    """RFC 2342 §5"""
    await session.write(encode_namespace())
    return Answer.ok("NAMESPACE completed")
