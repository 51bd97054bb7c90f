"""APPEND, COPY and EXPUNGE, beside Dovecot with the same mail."""

from collections.abc import Iterator

import uvloop

from benchmarks.imap_load import ImapClient
from benchmarks.imap_pair import Pair, figures, pair
from benchmarks.imap_talk import Talk, rate
from benchmarks.messages import message
from benchmarks.report import Figure, in_turn

APPENDED = {1: 500, 20: 4_000}  # connections → messages of 4 kB
COPIED = 1_000
BODY = message(1, 4_000)


def run() -> Iterator[Figure]:
    """The figures of this scenario; none when Dovecot is missing."""
    with pair(users=20, workers=2) as both:
        if both is None:
            return
        yield from figures("IMAP APPEND,", "msg/s", _appending(both))
        both.fill(COPIED, lambda number: message(number, 4_000))
        for client in (both.ours(), both.theirs()):
            client.command("CREATE Copies")
            client.close()
        yield from figures("IMAP", "ms", both.compare(_moving), less_is_better=True)


def _appending(both: Pair) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    def measure(port: int) -> dict[str, float]:
        return {
            f"{clients} connections": uvloop.run(_append(port, clients, count))
            for clients, count in APPENDED.items()
        }

    return in_turn(lambda: measure(both.server.ports["imaps"]), lambda: measure(both.peer.imaps))


async def _append(port: int, clients: int, count: int) -> float:
    talks = [await Talk.open(port) for _ in range(clients)]
    for user, talk in enumerate(talks):
        await talk.login(user)
    each = count // clients

    async def several(talk: Talk) -> None:
        for _ in range(each):
            await talk.command("APPEND INBOX", BODY)

    result = await rate(each * clients, [several(talk) for talk in talks])
    for talk in talks:
        talk.close()
    return result


def _moving(client: ImapClient) -> dict[str, float]:
    client.command("SELECT INBOX")
    copy = client.seconds(f"COPY 1:{COPIED} Copies")
    client.command("SELECT Copies")
    client.command(f"STORE 1:{COPIED} +FLAGS.SILENT (\\Deleted)")
    return {"COPY 1,000": 1e3 * copy, "EXPUNGE 1,000": 1e3 * client.seconds("EXPUNGE")}
