"""IMAP capabilities that are hidden from an account, or from programs by what ID says of them.

For the program that asks for what it then cannot do. The rules are few: each process keeps all of
them until it is told that they have changed.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from mailserver.accounts.accounts import existing
from mailserver.errors import Refused
from mailserver.storage.database import Database
from mailserver.storage.directory import hidden_capabilities as rows
from mailserver.storage.directory.cache import DirectoryCache
from mailserver.storage.directory.hidden_capabilities import HiddenCapability

ANY = "*"  # matches also a program that tells no version
_MAX_PATTERN = 100  # characters
_ALL = "all"  # the one key of the cache
_NOTHING: frozenset[str] = frozenset()


@dataclass(slots=True)
class Rules:
    """What is hidden from whom; patterns are in small letters."""

    accounts: dict[int, frozenset[str]] = field(default_factory=dict)
    clients: dict[tuple[str, str], frozenset[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, hidden: Sequence[HiddenCapability]) -> "Rules":
        rules = cls()
        for one in hidden:
            names = frozenset((one.capability,))
            if one.account_id is not None:
                rules.accounts[one.account_id] = names | rules.accounts.get(
                    one.account_id, _NOTHING
                )
            elif one.client is not None and one.version is not None:
                patterns = one.client, one.version
                rules.clients[patterns] = names | rules.clients.get(patterns, _NOTHING)
        return rules

    def from_client(self, name: str, version: str) -> frozenset[str]:
        """All that is hidden from a program; "": it does not tell."""
        name, version = name.lower(), version.lower()
        return _NOTHING.union(
            *(
                names
                for (client, of_version), names in self.clients.items()
                if fnmatchcase(name, client) and fnmatchcase(version, of_version)
            )
        )


class Hiding:
    """One process's view of the rules, and what operators do to them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._rules: DirectoryCache[Rules] = DirectoryCache(1)

    def invalidate(self, domain: str) -> None:
        """Take what is told on channel "directory": "" means that the rules may have changed."""
        self._rules.invalidate(domain)

    async def from_account(self, account_id: int) -> frozenset[str]:
        """What is not announced to who is logged in so. Raises StorageUnavailable."""
        return (await self._known()).accounts.get(account_id, _NOTHING)

    async def from_client(self, name: str, version: str) -> frozenset[str]:
        """What is not announced to such a program. Raises StorageUnavailable."""
        return (await self._known()).from_client(name, version)

    async def _known(self) -> Rules:
        remembered = self._rules.get(_ALL)
        if remembered is not None:
            return remembered
        generation = self._rules.generation
        rules = Rules.of(await self.list())
        self._rules.put(_ALL, rules, (), generation=generation)
        return rules

    # ── what operators do ───────────────────────────────────────────────────────────────────

    async def hide_from_account(self, address: str, capabilities: Collection[str]) -> None:
        """From its next login on the account is not told of them, on any node."""
        async with self._database.transaction() as c:
            row = await existing(c, address)
            await rows.hide_from_account(c, row.id, capabilities)

    async def hide_from_client(
        self, client: str, version: str, capabilities: Collection[str]
    ) -> None:
        """From its next ID on a program that matches is not told of them, on any node."""
        patterns = _pattern(client, "client"), _pattern(version, "version")
        async with self._database.transaction() as c:
            await rows.hide_from_client(c, *patterns, capabilities)

    async def show_account(
        self, address: str, capabilities: Collection[str] | None
    ) -> Sequence[str]:
        """Hide them no longer, None: anything; gives what was hidden."""
        async with self._database.transaction() as c:
            row = await existing(c, address)
            shown = await rows.show_account(c, row.id, capabilities)
            _all_shown(shown, capabilities, address)
        return shown

    async def show_client(
        self, client: str, version: str, capabilities: Collection[str] | None
    ) -> Sequence[str]:
        """Hide them no longer, None: anything; gives what was hidden."""
        patterns = _pattern(client, "client"), _pattern(version, "version")
        async with self._database.transaction() as c:
            shown = await rows.show_client(c, *patterns, capabilities)
            _all_shown(shown, capabilities, f"{client} version {version}")
        return shown

    async def list(self) -> Sequence[HiddenCapability]:
        """All that is hidden, accounts first."""
        async with self._database.connection() as c:
            return await rows.listing(c)


def _pattern(text: str, what: str) -> str:
    if not 1 <= len(text) <= _MAX_PATTERN or not text.isprintable():
        raise Refused(f"the pattern of a {what} has 1 to {_MAX_PATTERN} printable characters", what)
    return text.lower()


def _all_shown(shown: Sequence[str], wanted: Collection[str] | None, whom: str) -> None:
    missing = sorted(set(wanted or ()).difference(shown))
    if missing:
        raise Refused(f"not hidden from {whom}: {' '.join(missing)}", "capability")
    if not shown:
        raise Refused(f"nothing is hidden from {whom}", "capability")
