"""THREAD and UID THREAD (RFC 5256 §3)."""

import asyncio

from imap.commands.search import ROWS_AT_ONCE, Found, find, read_facts
from imap.messages.envelope import read_envelope
from imap.messages.header_fields import chosen
from imap.progress import Progress
from imap.protocol.search import Search
from imap.protocol.thread import Algorithm, Threading, encode_thread
from imap.searching.sort_values import sent, subject
from imap.searching.tree import Facts
from imap.session import Answer, Session
from mailserver.mail.headers import field_value
from mailserver.mail.threads import Letter, by_references, message_ids, ordered_subject

_ALGORITHMS = {
    Algorithm.ORDEREDSUBJECT: ordered_subject,
    Algorithm.REFERENCES: by_references,
}


async def thread(session: Session, command: Threading) -> Answer:
    """RFC 5256 §3; a message that is gone meanwhile is in no thread."""
    found = await find(session, command.search, whole=True)
    if isinstance(found, Answer):
        return found
    letters = await _letters(session, command.search, found)
    # For mail that was made to be slow this takes seconds; others go on meanwhile.
    threads = await asyncio.to_thread(_ALGORITHMS[command.algorithm], letters)
    await session.write(await asyncio.to_thread(encode_thread, threads))
    return Answer.ok("THREAD completed")


async def _letters(session: Session, command: Search, found: Found) -> list[Letter]:
    numbers = found.picked.uids if command.by_uid else found.picked.numbers
    letters: list[Letter] = []
    progress = Progress(session, len(found.places))
    for start in range(0, len(found.places), ROWS_AT_ONCE):
        await progress.tell(start)
        places = found.places[start : start + ROWS_AT_ONCE]
        facts = await read_facts(session, found.picked, places)
        letters += [_letter(numbers[one.place], one) for one in facts]
        await asyncio.sleep(0)
    return letters


def _letter(number: int, facts: Facts) -> Letter:
    envelope = read_envelope(facts.row.static)
    # RFC 5256 §3: an id that is none is as good as absent; the first of several counts.
    own = message_ids(envelope.message_id)[:1]
    header = facts.header if facts.row.fields is None else facts.row.fields
    references = [
        one
        for raw in chosen(header or b"", (b"references",))
        for one in message_ids(field_value(raw))
    ]
    # RFC 5256 §3, step 1: In-Reply-To counts where References says nothing.
    references = references or message_ids(envelope.in_reply_to)[:1]
    return Letter(number, sent(facts.row), subject(envelope), own[0] if own else None, references)
