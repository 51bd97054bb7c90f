"""Senders hear what they asked for, and nothing else (RFC 3461 §5.2, RFC 2852 §4.1)."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from delivery.notices import owed
from delivery.outcome import Category, Failure, Outcome, failed
from delivery.worker import Worker
from mailserver.mail.terms import (
    NEVER,
    Action,
    Asked,
    ByMode,
    DeliverBy,
    Hold,
    Notify,
    Return,
    Terms,
)
from mailserver.node import Node
from mailserver.settings import Delivery
from mailserver.storage import queue
from mailserver.storage.queue import State
from tests.support.dns_server import DnsServer
from tests.support.node import ALICE, BOB, inbox, open_node, settings_for
from tests.support.outbound import (
    CONTENT,
    MX,
    bounces,
    deferred,
    finished,
    states,
    status_fields,
    submit,
    working,
)
from tests.support.remote_mx import remote_mx

CAROL = "carol@remote.test"
SUCCESS = Asked(Notify.SUCCESS, "rfc822;carol+2Bold@remote.test")
NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
BEFORE, AFTER = NOW - timedelta(seconds=1), NOW + timedelta(seconds=1)


def delivered(action: Action | None, *, traced: bool = False) -> Outcome:
    return Outcome(
        State.DELIVERED, Category.NONE, "2.0.0", "mx", "250 ok", action=action, traced=traced
    )


@pytest.mark.parametrize(
    ("outcome", "notify", "expected"),
    [
        (failed(Failure.NULL_MX), None, Action.FAILED),
        (failed(Failure.NULL_MX), Notify.FAILURE, Action.FAILED),
        (failed(Failure.NULL_MX), Notify.SUCCESS | Notify.DELAY, None),
        (failed(Failure.NULL_MX), NEVER, None),
        (failed(Failure.LOST), None, Action.DELAYED),
        (failed(Failure.LOST), Notify.DELAY, Action.DELAYED),
        (failed(Failure.LOST), Notify.FAILURE | Notify.SUCCESS, None),
        (delivered(Action.DELIVERED), None, None),
        (delivered(Action.DELIVERED), Notify.SUCCESS, Action.DELIVERED),
        (delivered(Action.EXPANDED), Notify.SUCCESS, Action.EXPANDED),
        (delivered(Action.RELAYED), Notify.FAILURE, None),
        (delivered(None), Notify.SUCCESS, None),
        (delivered(Action.RELAYED, traced=True), None, Action.RELAYED),
        (delivered(Action.RELAYED, traced=True), Notify.FAILURE, Action.RELAYED),
        (delivered(Action.RELAYED, traced=True), NEVER, None),
    ],
)
def test_what_is_owed(outcome: Outcome, notify: Notify | None, expected: Action | None) -> None:
    assert owed(outcome, Asked(notify), (BEFORE,), now=NOW, told_at=None) is expected


@pytest.mark.parametrize(
    ("notices", "told_at", "expected"),
    [
        ((AFTER,), None, None),
        ((NOW,), None, Action.DELAYED),
        ((BEFORE,), NOW, None),
        ((BEFORE, NOW), BEFORE, Action.DELAYED),
        ((BEFORE, AFTER), BEFORE, None),
    ],
)
def test_of_each_delay_he_hears_once(
    notices: tuple[datetime, ...], told_at: datetime | None, expected: Action | None
) -> None:
    lost = failed(Failure.LOST)
    assert owed(lost, Asked(), notices, now=NOW, told_at=told_at) is expected


async def test_relayed_to_a_host_without_dsn_is_reported(
    node: Node, worker: Worker, dns_server: DnsServer, smtp_port: int
) -> None:
    dns_server.add(MX)
    with remote_mx("127.0.0.2", smtp_port) as mx:
        terms = Terms(Return.FULL, "QQ+20314")
        queue_id = await submit(
            node, CAROL, "dave@remote.test", terms=terms, asked={CAROL: SUCCESS}
        )
        await finished(node, queue_id)
        assert mx.parameters == {CAROL: [], "dave@remote.test": []}
    (report,) = await bounces(node)
    assert report["Return-Path"] == "<>"
    about, recipient = status_fields(report)
    assert about["Original-Envelope-Id"] == "QQ 314"
    assert recipient["Original-Recipient"] == "rfc822;carol+old@remote.test"
    assert recipient["Final-Recipient"] == f"rfc822; {CAROL}"
    assert (recipient["Action"], recipient["Status"]) == ("relayed", "2.0.0")
    assert recipient["Remote-MTA"] == "dns; mx.remote.test"
    assert recipient["Diagnostic-Code"] == "smtp; 250 2.0.0 got it"
    # RFC 3461 §4.3: RET=FULL is for failures
    assert "text/rfc822-headers" in [part.get_content_type() for part in report.walk()]


async def test_host_with_dsn_is_told_everything_and_reports_itself(
    node: Node, worker: Worker, dns_server: DnsServer, smtp_port: int
) -> None:
    dns_server.add(MX)
    with remote_mx("127.0.0.2", smtp_port, more=("DSN",)) as mx:
        terms = Terms(Return.HEADERS, "QQ+20314")
        queue_id = await submit(
            node, CAROL, "dave@remote.test", terms=terms, asked={CAROL: SUCCESS}
        )
        await finished(node, queue_id)
        (received,) = mx.received
        assert {"RET=HDRS", "ENVID=QQ+20314"} <= set(received.options)
        assert mx.parameters == {
            CAROL: ["NOTIFY=SUCCESS", "ORCPT=RFC822;CAROL+2BOLD@REMOTE.TEST"],
            "dave@remote.test": [],
        }
    assert await inbox(node, ALICE) == []


async def test_never_means_never(node: Node, worker: Worker) -> None:
    queue_id = await submit(node, "x@gone.test", "y@gone.test", asked={"x@gone.test": Asked(NEVER)})
    assert set((await finished(node, queue_id)).values()) == {"bounced"}
    (report,) = await bounces(node)
    assert [f.get("Final-Recipient") for f in status_fields(report)][1:] == ["rfc822; y@gone.test"]
    assert "x@gone.test" not in report.as_string()


@pytest.mark.parametrize(
    ("terms", "returned"),
    [
        (Terms(Return.FULL), "message/rfc822"),
        (Terms(Return.HEADERS), "text/rfc822-headers"),
        (Terms(Return.FULL, require_tls=True), "text/rfc822-headers"),  # RFC 8689 §5
    ],
)
async def test_ret_says_what_a_failure_brings_back(
    node: Node, worker: Worker, terms: Terms, returned: str
) -> None:
    content = CONTENT + b"x" * 70 + b"\r\n" + (b"y" * 900 + b"\r\n") * 100
    await finished(node, await submit(node, "x@gone.test", terms=terms, content=content))
    (report,) = await bounces(node)
    assert returned in [part.get_content_type() for part in report.walk()]


async def test_delay_is_told_once(
    dsn: str, tmp_path: Path, delivery: Delivery, dns_server: DnsServer, smtp_port: int
) -> None:
    dns_server.add(MX)
    impatient = settings_for(tmp_path, delivery=msgspec.structs.replace(delivery, delay_notice=0.3))
    with remote_mx("127.0.0.2", smtp_port, mail="450 4.7.1 not now") as mx:
        async with open_node(dsn, impatient) as node, working(node):
            queue_id = await submit(
                node, CAROL, "dave@remote.test", asked={"dave@remote.test": SUCCESS}
            )
            (report,) = await bounces(node)
            attempts = mx.commands.count("MAIL")
            mx.mail = ""
            await finished(node, queue_id)
            assert mx.commands.count("MAIL") > attempts
            told = [dict(f) for raw in await bounces(node) for f in status_fields(raw)[1:]]
    about, recipient = status_fields(report)
    assert "Arrival-Date" in about
    assert recipient["Final-Recipient"] == f"rfc822; {CAROL}"
    assert (recipient["Action"], recipient["Status"]) == ("delayed", "4.7.1")
    assert "Will-Retry-Until" in recipient
    assert [one["Action"] for one in told] == ["delayed", "relayed"]


# ── held and in time ────────────────────────────────────────────────────────────────────────


async def test_held_mail_waits_and_is_then_delivered_here_and_there(
    node: Node, worker: Worker, dns_server: DnsServer, smtp_port: int
) -> None:
    dns_server.add(MX)
    until = datetime.now(UTC) + timedelta(seconds=1.5)
    with remote_mx("127.0.0.2", smtp_port) as mx:
        queue_id = await submit(
            node,
            BOB,
            CAROL,
            terms=Terms(hold=Hold(until, "for;1")),
            asked={BOB: Asked(Notify.SUCCESS)},
        )
        assert set((await states(node, queue_id)).values()) == {"queued"}
        async with node.database.connection() as c:
            assert await queue.retry(c, queue_id=queue_id) == 0
            assert {row["held_until"] for row in await queue.listed(c)} == {until}
        assert await inbox(node, BOB) == mx.received == []
        await finished(node, queue_id)
        assert datetime.now(UTC) >= until
        assert mx.recipients == [CAROL]
    (stored,) = await inbox(node, BOB)
    assert stored.startswith(b"Return-Path: <alice@example.test>\r\nDelivered-To: bob@example")
    (report,) = await bounces(node)
    about, recipient = status_fields(report)
    assert about["Future-Release-Request"] == "for;1"
    assert recipient["Action"] == "delivered"
    assert "Remote-MTA" not in recipient


def by(seconds: float, mode: ByMode, *, trace: bool = False) -> Terms:
    return Terms(deliver_by=DeliverBy(datetime.now(UTC) + timedelta(seconds=seconds), mode, trace))


async def test_late_mail_goes_back(
    node: Node, worker: Worker, dns_server: DnsServer, smtp_port: int
) -> None:
    dns_server.add(MX)
    busy = {"mail": "450 4.7.1 not now", "more": ("DELIVERBY",)}
    with remote_mx("127.0.0.2", smtp_port, **busy):
        queue_id = await submit(node, CAROL, terms=by(2.5, ByMode.RETURN))
        await deferred(node, queue_id)
        assert await finished(node, queue_id) == {CAROL: "bounced"}
    (report,) = await bounces(node)
    about, recipient = status_fields(report)
    assert "Deliver-By-Date" in about
    assert (recipient["Action"], recipient["Status"]) == ("failed", "5.4.7")


async def test_what_is_late_already_is_not_attempted_anywhere(
    node: Node, worker: Worker, dns_server: DnsServer, smtp_port: int
) -> None:
    dns_server.add(MX)
    with remote_mx("127.0.0.2", smtp_port) as mx:
        queue_id = await submit(node, CAROL, BOB, terms=by(-1, ByMode.RETURN))
        assert await finished(node, queue_id) == {CAROL: "bounced", BOB: "bounced"}
        assert mx.commands == []
    assert await inbox(node, BOB) == []
    reports = await bounces(node, count=2)  # one by each way
    assert [f["Status"] for one in reports for f in status_fields(one)[1:]] == ["5.4.7", "5.4.7"]


@pytest.mark.parametrize(
    ("more", "status"), [((), "5.3.3"), (("DELIVERBY 600",), "5.4.7")], ids=["unknown", "slow"]
)
async def test_mail_to_be_returned_goes_only_to_who_keeps_the_time(
    node: Node,
    worker: Worker,
    dns_server: DnsServer,
    smtp_port: int,
    more: tuple[str, ...],
    status: str,
) -> None:
    dns_server.add(MX)
    with remote_mx("127.0.0.2", smtp_port, more=more) as mx:
        queue_id = await submit(node, CAROL, terms=by(500, ByMode.RETURN))
        assert await finished(node, queue_id) == {CAROL: "bounced"}
        assert mx.received == []
    (report,) = await bounces(node)
    assert status_fields(report)[1]["Status"] == status


async def test_remaining_time_is_passed_on(
    node: Node, worker: Worker, dns_server: DnsServer, smtp_port: int
) -> None:
    dns_server.add(MX)
    with remote_mx("127.0.0.2", smtp_port, more=("DELIVERBY 60", "DSN")) as mx:
        await finished(node, await submit(node, CAROL, terms=by(500, ByMode.RETURN, trace=True)))
        (option,) = [o for o in mx.received[0].options if o.startswith("BY=")]
    assert option.endswith(";RT")
    assert 480 < int(option[3:-3]) <= 500
    (report,) = await bounces(node)  # RFC 2852 §4.1.4: T, although the host knows DSN
    assert status_fields(report)[1]["Action"] == "relayed"


async def test_lateness_is_told_and_still_tried(
    node: Node, worker: Worker, dns_server: DnsServer, smtp_port: int
) -> None:
    dns_server.add(MX)
    with remote_mx("127.0.0.2", smtp_port, mail="450 4.7.1 not now", more=("DSN",)) as mx:
        queue_id = await submit(node, CAROL, terms=by(-5, ByMode.NOTIFY))
        (report,) = await bounces(node)
        recipient = status_fields(report)[1]
        assert (recipient["Action"], recipient["Status"]) == ("delayed", "4.4.7")
        mx.mail = ""
        assert await finished(node, queue_id) == {CAROL: "delivered"}
        # RFC 2852 §4.1.4.2: who cannot be told of the time is asked to tell of delays
        assert mx.parameters == {CAROL: ["NOTIFY=FAILURE,DELAY"]}
    assert len(await inbox(node, ALICE)) == 1
