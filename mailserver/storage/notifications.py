"""One LISTEN connection per process: what other processes changed.

Notifications are hints, never facts: they say where to look. After each (re)connection every
subscriber is called with "" since anything may have changed meanwhile.
"""

import asyncio
import secrets
from collections.abc import Callable, Iterable, Iterator

import asyncpg

from mailserver.logs import logger
from mailserver.storage.board import Board

MAILBOX = "mailbox"  # payload "origin:id,id,…"
RIGHTS = "rights"  # the same, of mailboxes whose access control lists changed
ANNOTATION = "annotation"  # the same, of `annotations_of`
DIRECTORY = "directory"  # payload: a domain's name
QUEUE = "queue"  # payload "": something is due

_CHANNELS = (MAILBOX, RIGHTS, ANNOTATION, DIRECTORY, QUEUE)
_PAYLOAD = 7_900  # bytes; Postgres takes less than 8,000

_KEEPALIVE = 20.0  # seconds between proofs that the connection lives
_RETRY_FIRST, _RETRY_MOST = 0.1, 5.0  # seconds

Version = tuple[bytes, bytes]
"""Of a mailbox, as the processes of this node and those of others changed it."""

log = logger("storage")


class Listener:
    """Calls subscribers, in this process's loop, for each notification; `run()` does the work."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._subscribers: dict[str, list[Callable[[str], None]]] = {}
        self.connected = False

    def subscribe(self, channel: str, callback: Callable[[str], None]) -> None:
        """Call `callback(payload)` from now on."""
        self._subscribers.setdefault(channel, []).append(callback)

    async def run(self) -> None:
        """Listen for ever; reconnects by itself, with backoff."""
        pause = _RETRY_FIRST
        while True:
            try:
                connection = await asyncpg.connect(self._dsn, timeout=10.0)
            except (OSError, TimeoutError, asyncpg.PostgresError) as error:
                log.warning("notifications are away", cause=str(error))
                await asyncio.sleep(pause)
                pause = min(pause * 2, _RETRY_MOST)
                continue
            pause = _RETRY_FIRST
            await self._listen(connection)

    async def _listen(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        try:
            for channel in _CHANNELS:
                await connection.add_listener(channel, self._notified)
            self.connected = True
            for channel in _CHANNELS:
                self._tell(channel, "")
            while True:
                await asyncio.sleep(_KEEPALIVE)
                await connection.fetchval("SELECT 1", timeout=_KEEPALIVE)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            log.warning("notifications are away", cause=str(error))
        finally:
            self.connected = False
            connection.terminate()

    def _notified(self, _connection: object, _pid: int, channel: str, payload: object) -> None:
        self._tell(channel, str(payload))

    def _tell(self, channel: str, payload: str) -> None:
        for callback in self._subscribers.get(channel, ()):
            callback(payload)


def names_of(account_id: int) -> int:
    """What stands among the ids of mailboxes when names or subscriptions of an account changed."""
    return -account_id


def annotations_of(account_id: int, organization_id: int = 0) -> list[int]:
    """What stands for the annotations of an account's mailboxes and of its organization's server.

    0: nothing of that kind.
    """
    return [one for one in (account_id, -organization_id) if one]


class MailboxChanges:
    """Who wants to know that a mailbox changed, in this process or in another.

    A change made here is told at once by `changed()`; the notification that the same commit sent
    to everybody carries this process's `origin` and is not told twice. Who does not wait to be
    told compares `version()` with what it was.
    """

    def __init__(self, board: Board | None = None) -> None:
        """`board` is shared with the other processes of this node."""
        self._board = board or Board()
        self._others = Board()  # what was heard of other nodes
        self.origin = f"{self._board.node}.{secrets.token_hex(6)}"
        self.count = 0  # grows with whatever is told
        self._watchers: dict[int, list[Callable[[], None]]] = {}
        self._listeners: dict[int, list[Callable[[int], None]]] = {}

    def watch(self, mailbox_id: int, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback()` after changes; gives the function that ends it."""
        callbacks = self._watchers.setdefault(mailbox_id, [])
        callbacks.append(callback)

        def unwatch() -> None:
            callbacks.remove(callback)
            if not callbacks and self._watchers.get(mailbox_id) is callbacks:
                del self._watchers[mailbox_id]

        return unwatch

    def watch_all(
        self, mailbox_ids: Iterable[int], callback: Callable[[int], None]
    ) -> Callable[[], None]:
        """Call `callback(mailbox_id)` after changes of any; gives the function that ends it."""
        watched = list(mailbox_ids)
        for mailbox_id in watched:
            self._listeners.setdefault(mailbox_id, []).append(callback)

        def unwatch() -> None:
            for mailbox_id in watched:
                callbacks = self._listeners[mailbox_id]
                callbacks.remove(callback)
                if not callbacks:
                    del self._listeners[mailbox_id]

        return unwatch

    def version(self, mailbox_id: int) -> Version:
        """Differs from what it was before once the mailbox has changed, wherever that happened.

        What another process of this node has answered for is seen at once, what happens on
        another node when its notification has come.
        """
        return self._board.version(mailbox_id), self._others.version(mailbox_id)

    def written(self, mailbox_id: int, known: Version) -> Version:
        """After a commit of a change that this process's state of the mailbox has already.

        Gives what `known`, the version of that state, is now.
        """
        self._board.mark(mailbox_id)
        return self._board.after_mark(known[0]), known[1]

    def changed(self, mailbox_ids: Iterable[int]) -> None:
        """Tell everybody on this node; call it after the commit, before anything is answered."""
        mailbox_ids = list(mailbox_ids)
        for mailbox_id in mailbox_ids:
            self._board.mark(mailbox_id)
        self._tell(mailbox_ids)

    def _tell(self, mailbox_ids: Iterable[int]) -> None:
        self.count += 1
        for mailbox_id in mailbox_ids:
            for callback in list(self._watchers.get(mailbox_id, ())):
                callback()
            for listener in list(self._listeners.get(mailbox_id, ())):
                listener(mailbox_id)

    def heard(self, payload: str) -> None:
        """Take a notification of the channel; "" means that any may have changed."""
        origin, _, ids = payload.partition(":")
        if not payload:
            self._others.mark_all()
            self._tell({*self._watchers, *self._listeners})
        elif origin != self.origin:
            told = list(map(int, ids.split(",")))
            if not origin.startswith(self._board.node):  # what did is on the board, or soon will be
                for mailbox_id in told:
                    self._others.mark(mailbox_id)
            self._tell(told)

    def payloads(self, mailbox_ids: Iterable[int]) -> Iterator[str]:
        """The notifications that tell other processes of `mailbox_ids`."""
        words: list[str] = []
        length = 0
        for word in map(str, mailbox_ids):
            if length + len(word) > _PAYLOAD - 32:
                yield f"{self.origin}:{','.join(words)}"
                words, length = [], 0
            words.append(word)
            length += len(word) + 1
        if words:
            yield f"{self.origin}:{','.join(words)}"
