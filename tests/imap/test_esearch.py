"""SEARCH with RETURN, the saved result `$`, and messages by age, in a session."""

from datetime import UTC, datetime, timedelta

import pytest

from imap.session import Services
from tests.support.imap_session import Client, message


@pytest.fixture
async def opened(client: Client) -> Client:
    """Six messages; 2, 4 and 6 are flagged."""
    for number in range(1, 7):
        await client.deliver(message(f"number {number}"))
    await client.ok(b"SELECT INBOX")
    await client.ok(b"STORE 2,4,6 +FLAGS.SILENT (\\Flagged)")
    return client


async def test_results_as_they_are_asked_for(opened: Client) -> None:
    # RFC 4731 §3.1
    assert await opened.ok(b"SEARCH RETURN (MIN MAX COUNT ALL) FLAGGED") == [
        b'* ESEARCH (TAG "a") MIN 2 MAX 6 ALL 2,4,6 COUNT 3'
    ]
    assert await opened.ok(b"UID SEARCH RETURN () 1:3") == [b'* ESEARCH (TAG "a") UID ALL 1:3']
    assert await opened.ok(b"SEARCH RETURN (COUNT) BODY morning") == [
        b'* ESEARCH (TAG "a") COUNT 6'
    ]
    assert await opened.ok(b"SEARCH RETURN (MIN ALL) DELETED") == [b'* ESEARCH (TAG "a")']
    assert await opened.ok(b"UID SEARCH RETURN (COUNT MAX) DELETED") == [
        b'* ESEARCH (TAG "a") UID COUNT 0'
    ]
    # RFC 9394 §3.1
    assert await opened.ok(b"UID SEARCH RETURN (PARTIAL -1:-2 COUNT) FLAGGED") == [
        b'* ESEARCH (TAG "a") UID COUNT 3 PARTIAL (-1:-2 4,6)'
    ]
    assert await opened.ok(b"SEARCH RETURN (PARTIAL 4:9) FLAGGED") == [
        b'* ESEARCH (TAG "a") PARTIAL (4:9 NIL)'
    ]


async def test_a_saved_result_stands_for_its_messages(opened: Client) -> None:
    # RFC 5182 §2.1
    assert await opened.ok(b"SEARCH RETURN (SAVE) FLAGGED") == []
    assert await opened.ok(b"FETCH $ UID") == [b"* %d FETCH (UID %d)" % (n, n) for n in (2, 4, 6)]
    assert len(await opened.ok(b"UID FETCH $ FLAGS")) == 3
    assert await opened.ok(b"SEARCH $ 1:4") == [b"* SEARCH 2 4"]
    assert await opened.ok(b"SEARCH UID $ NOT 4") == [b"* SEARCH 2 6"]
    assert await opened.ok(b"UID SEARCH NOT $") == [b"* SEARCH 1 3 5"]
    assert await opened.ok(b"SORT (REVERSE ARRIVAL REVERSE SUBJECT) UTF-8 $") == [b"* SORT 6 4 2"]
    assert len(await opened.ok(b"STORE $ +FLAGS (\\Seen)")) == 3
    assert b" 2,4,6 1:3] " in (await opened.do(b"COPY $ Archive"))[-1]
    assert b" 2,4,6 4:6] " in (await opened.do(b"UID COPY $ Archive"))[-1]
    first, *gone = await opened.ok(b"MOVE $ Trash")
    assert b" 2,4,6 1:3] " in first
    assert gone == [b"* 6 EXPUNGE", b"* 4 EXPUNGE", b"* 2 EXPUNGE"]


async def test_a_search_can_refine_the_result_that_it_replaces(opened: Client) -> None:
    await opened.ok(b"SEARCH RETURN (SAVE) FLAGGED")
    assert await opened.ok(b"SEARCH RETURN (SAVE COUNT) $ 1:4") == [b'* ESEARCH (TAG "a") COUNT 2']
    assert await opened.ok(b"SEARCH $") == [b"* SEARCH 2 4"]
    # RFC 5182 §2.4: MIN and MAX save what they tell.
    assert await opened.ok(b"SEARCH RETURN (SAVE MIN MAX) ALL") == [
        b'* ESEARCH (TAG "a") MIN 1 MAX 6'
    ]
    assert await opened.ok(b"SEARCH $") == [b"* SEARCH 1 6"]
    await opened.ok(b"SEARCH RETURN (SAVE PARTIAL 2:3) ALL")
    assert await opened.ok(b"SEARCH $") == [b"* SEARCH 2 3"]


async def test_a_sorted_result_is_saved_too(opened: Client) -> None:
    await opened.ok(b"UID SORT RETURN (SAVE MIN) (REVERSE SUBJECT) UTF-8 1:5")
    assert await opened.ok(b"SEARCH $") == [b"* SEARCH 5"]


async def test_a_saved_result_loses_what_is_expunged_and_wins_nothing(
    shared: Services, opened: Client
) -> None:
    await opened.ok(b"SEARCH RETURN (SAVE) ALL")
    other = await Client.login(shared)
    await other.ok(b"SELECT INBOX")
    await other.ok(b"STORE 1,6 +FLAGS.SILENT (\\Deleted)")
    await other.ok(b"EXPUNGE")
    await opened.deliver(message("new"))
    await opened.ok(b"NOOP")
    assert await opened.ok(b"UID SEARCH $") == [b"* SEARCH 2 3 4 5"]
    await opened.ok(b"STORE $ +FLAGS.SILENT (\\Deleted)")
    await opened.ok(b"UID EXPUNGE $")
    assert await opened.ok(b"UID SEARCH ALL") == [b"* SEARCH 7"]


async def test_an_empty_result_is_no_error(opened: Client) -> None:
    # RFC 5182 §2.1: before the first SAVE, and after one that found nothing
    for _ in range(2):
        assert await opened.do(b"FETCH $ FLAGS") == [b"a OK FETCH completed"]
        assert await opened.do(b"STORE $ FLAGS ()") == [b"a OK STORE completed"]
        assert await opened.do(b"COPY $ Archive") == [b"a OK COPY completed"]
        assert await opened.do(b"MOVE $ Archive") == [b"a OK MOVE completed"]
        assert await opened.ok(b"SEARCH $") == [b"* SEARCH"]
        await opened.ok(b"SEARCH RETURN (SAVE) DELETED")


async def test_a_search_that_fails_leaves_nothing_saved(opened: Client) -> None:
    # RFC 5182 §2.1
    for failing in (
        b"SEARCH RETURN (SAVE) CHARSET X-UNKNOWN ALL",
        b"SEARCH RETURN (SAVE) CHARSET UTF-8 SUBJECT {1}\r\n\xff",
        b"SORT RETURN (SAVE) (DATE) X-UNKNOWN ALL",
    ):
        await opened.ok(b"SEARCH RETURN (SAVE) ALL")
        assert (await opened.do(failing))[0].startswith(b"a NO ")
        assert await opened.ok(b"SEARCH $") == [b"* SEARCH"]
    # One without SAVE leaves it alone.
    await opened.ok(b"SEARCH RETURN (SAVE) 3")
    assert (await opened.do(b"SEARCH CHARSET X-UNKNOWN ALL"))[0].startswith(b"a NO [BADCHARSET")
    await opened.ok(b"SEARCH RETURN (ALL) 4")
    assert await opened.ok(b"SEARCH $") == [b"* SEARCH 3"]


async def test_another_selection_has_no_saved_result(opened: Client) -> None:
    # RFC 5182 §2.1
    await opened.ok(b"SEARCH RETURN (SAVE) ALL")
    await opened.ok(b"SELECT INBOX")
    assert await opened.ok(b"SEARCH $") == [b"* SEARCH"]


async def test_messages_by_age(client: Client) -> None:
    # RFC 5032 §3: by INTERNALDATE, whatever Date says
    now = datetime.now(UTC)
    for hours in (1, 5, 50):
        await client.deliver(message(f"{hours} hours"), date=now - timedelta(hours=hours))
    await client.ok(b"SELECT INBOX")
    assert await client.ok(b"SEARCH YOUNGER 7200") == [b"* SEARCH 1"]
    assert await client.ok(b"SEARCH YOUNGER 86400") == [b"* SEARCH 1 2"]
    assert await client.ok(b"SEARCH OLDER 7200") == [b"* SEARCH 2 3"]
    assert await client.ok(b"SEARCH OLDER 7200 YOUNGER 86400") == [b"* SEARCH 2"]
    assert await client.ok(b"SEARCH NOT OLDER 7200") == [b"* SEARCH 1"]
    assert await client.ok(b"SEARCH YOUNGER 4294967295") == [b"* SEARCH 1 2 3"]
