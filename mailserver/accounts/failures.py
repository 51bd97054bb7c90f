"""Failed logins, counted by client network and by account on all nodes together.

Invariants: written only when a login fails, read only when somebody's did in the last time.
Exempt networks are never counted nor limited, and a wrong password counts once however often it is
brought. An account under attack still lets its owner in from a network that was logged in from
lately; the network's own limit holds for it too.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from mailserver.accounts import throttle
from mailserver.accounts.repeats import Repeats
from mailserver.accounts.values import Account
from mailserver.mail.addresses import AddressError, parse_address
from mailserver.mail.networks import networks, within
from mailserver.settings import Limits
from mailserver.storage.database import Database
from mailserver.storage.directory import login_failures, login_networks
from mailserver.storage.directory.spelling import split_key

HOME = timedelta(days=30)  # how long a network counts as the owner's after a login from there
_TRUSTED = 1.0  # seconds that "nobody fails" is believed, and then read again
_MAX_SEEN = 50_000  # pairs of account and network


@dataclass(slots=True)
class Price:
    """What a failure costs: seconds of delay, and whether it was one too many."""

    delay: float = 0.0
    limited: bool = False


class Failures:
    """One process's view of them; `clock` is monotonic, in seconds."""

    def __init__(self, database: Database, limits: Limits, clock: Callable[[], float]) -> None:
        self._database = database
        self._limits = limits
        self._clock = clock
        self._exempt = networks(limits.exempt_networks)
        self._quiet_until = float("-inf")
        self._repeats = Repeats(limits.failed_login_window, clock)
        self._seen: OrderedDict[tuple[int, str], date] = OrderedDict()

    async def admitted(self, client: str, name: str) -> bool:
        """May this client (its IP address) try to log in as `name` now?"""
        if within(client, self._exempt) or self._clock() < self._quiet_until:
            return True
        network, account = throttle.network_of(client), _address(name)
        rates = self._rates(network, account)
        if not rates:
            return True
        async with self._database.connection() as c:
            levels = await login_failures.levels(c, rates)
        if not levels.any:
            self._quiet_until = self._clock() + _TRUSTED
        if self._full(network, levels.by_subject):
            return False
        return not self._full(account, levels.by_subject) or await self._is_home(account, network)

    async def failed(self, client: str, name: str, password: str = "") -> Price:
        """Count a failure; `name` "" is nobody's account, `password` "" is not known."""
        if within(client, self._exempt):
            return Price()
        network, account = throttle.network_of(client), _address(name)
        rates = self._rates(network, account)
        if not rates or (password and self._repeats.again(account or name, password)):
            return Price(self._limits.failed_login_delay)
        self._quiet_until = float("-inf")
        async with self._database.connection() as c:
            levels = await login_failures.record(c, rates)
        # With this one they are over the limit: others have failed at the same time.
        before = {subject: level - 1 for subject, level in levels.items()}
        return Price(
            throttle.delay(max(levels.values()), self._limits.failed_login_delay),
            any(self._full(subject, before) for subject in before),
        )

    async def succeeded(self, client: str, account: Account) -> None:
        """Remember where the owner of the account is: one row a day and network at most."""
        network = throttle.network_of(client)
        if not network or within(client, self._exempt):
            return
        key, today = (account.id, network), datetime.now(UTC).date()
        if self._seen.get(key) == today:
            return
        async with self._database.connection() as c:
            await login_networks.remember(c, account.id, network)
        self._seen[key] = today
        self._seen.move_to_end(key)
        if len(self._seen) > _MAX_SEEN:
            self._seen.popitem(last=False)

    async def _is_home(self, account: str, network: str) -> bool:
        if not network:
            return False
        local_part, domain = split_key(account)
        async with self._database.connection() as c:
            return await login_networks.known(c, domain, local_part, network)

    def _full(self, subject: str, levels: dict[str, float]) -> bool:
        limit = throttle.limit_of(subject, self._limits)
        return throttle.full(levels.get(subject, 0.0), limit)

    def _rates(self, *subjects: str) -> dict[str, float]:
        return {one: throttle.rate_of(one, self._limits) for one in subjects if one}


def _address(name: str) -> str:
    """The directory's spelling of a name that may be an account's; "" for what cannot be one."""
    try:
        return parse_address(name, smtputf8=True).key
    except AddressError:
        return ""
