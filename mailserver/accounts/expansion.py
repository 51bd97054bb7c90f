"""Where an address leads, decided without I/O: alias chains across domains, loops, limits.

`expand` yields the addresses it must know of, all of one depth at once, and is sent what the
directory has for them; its return value is the answer.
"""

from collections.abc import Generator
from dataclasses import dataclass

from mailserver.accounts.values import Account, Resolution
from mailserver.errors import MailError
from mailserver.mail.addresses import AddressError, parse_address
from mailserver.storage.directory.addresses import Entry
from mailserver.storage.directory.domains import DomainState
from mailserver.storage.directory.spelling import split_key

MAX_DEPTH = 10  # aliases behind one another
MAX_ADDRESSES = 1000  # in the whole expansion of one address


@dataclass(slots=True)
class Expansion:
    """The answer and the domains it was made from."""

    resolution: Resolution
    domains: frozenset[str]


Expanding = Generator[list[str], dict[str, Entry], Expansion]


def expand(key: str) -> Expanding:
    """Follow the address with this key to accounts and addresses elsewhere, each given once.

    A loop adds nothing, so it is left where it closes; a branch that leads to no one is dropped.
    Raises MailError (451 4.3.5) when an alias goes deeper or wider than the limits: mail is
    rather kept waiting than lost to some of its recipients.
    """
    walk = _Walk(key)
    first = (yield [key]).get(key)
    if first is None or not first.domain_state.serves:
        suspended = first is not None and first.domain_state is DomainState.SUSPENDED
        elsewhere = Resolution(False, "", 0, (), (), suspended)
        return Expansion(elsewhere, frozenset(walk.domains))
    frontier = walk.follow(key, first)
    depth = 0
    while frontier:
        depth += 1
        if depth > MAX_DEPTH:
            raise _too_far(key)
        found = yield list(frontier)
        frontier = {
            following: written
            for target, spelling in frontier.items()
            for following, written in walk.arrive(target, spelling, found.get(target)).items()
        }
    return Expansion(walk.resolution(first), frozenset(walk.domains))


class _Walk:
    """What has been seen so far."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._seen = {key}
        self._accounts: dict[int, Account] = {}
        self._forwards: dict[str, None] = {}
        self._suspended = False
        self.domains = {split_key(key)[1]}

    def arrive(self, key: str, written: str, entry: Entry | None) -> dict[str, str]:
        """Take note of a target; gives the targets behind it, as `follow` does."""
        self.domains.add(split_key(key)[1])
        if entry is not None and entry.domain_state is DomainState.SUSPENDED:
            self._suspended = True
            return {}
        if entry is None or not entry.domain_state.serves:
            # A domain that is not live here yet still lives where its MX says.
            self._forwards[written] = None
            return {}
        return self.follow(key, entry)

    def follow(self, key: str, entry: Entry) -> dict[str, str]:
        """Take note of what a live address of ours is; gives key → spelling of its new targets."""
        if entry.account_id is None:
            return self._unseen(entry.targets)
        if entry.account_active:
            self._accounts[entry.account_id] = _account(entry.account_id, split_key(key)[1], entry)
        else:
            self._suspended = True
        return {}

    def _unseen(self, targets: tuple[str, ...]) -> dict[str, str]:
        new: dict[str, str] = {}
        for target in targets:
            key = _key(target)
            if key is not None and key not in self._seen:
                self._seen.add(key)
                new[key] = target
        if len(self._seen) > MAX_ADDRESSES:
            raise _too_far(self._key)
        return new

    def resolution(self, first: Entry) -> Resolution:
        accounts, forwards = tuple(self._accounts.values()), tuple(self._forwards)
        return Resolution(
            local=True,
            organization=first.organization,
            organization_id=first.organization_id,
            accounts=accounts,
            forwards=forwards,
            suspended=self._suspended and not accounts and not forwards,
        )


def _account(account_id: int, domain: str, entry: Entry) -> Account:
    return Account(
        id=account_id,
        organization_id=entry.organization_id,
        organization=entry.organization,
        domain_id=entry.domain_id,
        domain=domain,
        address=f"{entry.matched}@{domain}",
        quota_bytes=entry.quota_bytes,
        active=True,
    )


def _key(target: str) -> str | None:
    try:
        return parse_address(target, smtputf8=True).key
    except AddressError:  # written past the checks of `alias add`: it leads to no one
        return None


def _too_far(key: str) -> MailError:
    # RFC 3463 §3.4: X.3.5, system incorrectly configured.
    return MailError(451, "4.3.5", "Alias expands too far", f"alias {key}")
