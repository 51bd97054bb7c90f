"""Where an address leads, decided without I/O: aliases and groups across domains, loops, limits.

`expand` yields the addresses it must know of, all of one depth at once, and is sent what the
directory has for them; its return value is the answer.
"""

from collections.abc import Generator, Iterable
from dataclasses import dataclass, field

from mailserver.accounts.values import Account, Group, Resolution
from mailserver.errors import MailError
from mailserver.mail.addresses import AddressError, parse_address
from mailserver.storage.directory.domains import DomainState
from mailserver.storage.directory.entries import Entry, Kind, Posting
from mailserver.storage.directory.spelling import split_key

MAX_DEPTH = 10  # aliases and groups behind one another
MAX_ADDRESSES = 1000  # in the whole expansion of one address


@dataclass(slots=True)
class Expansion:
    """The answer, the domains it was made from, and whether the address leads back to itself."""

    resolution: Resolution
    domains: frozenset[str]
    returns: bool = False


Expanding = Generator[dict[str, str], dict[str, Entry], Expansion]


def expand(key: str, written: str, *, postmaster: str = "") -> Expanding:
    """Follow the address with this key to accounts and addresses elsewhere, each given once.

    It yields key → address as written. `postmaster` ("": nobody) answers for postmaster and abuse
    of all domains that name nobody. A loop adds nothing, so it is left where it closes; a branch
    that leads to no one is dropped. Raises MailError (451 4.3.5) when it goes deeper or wider than
    the limits: mail is rather kept waiting than lost to some of its recipients.
    """
    walk = _Walk(key, postmaster)
    first = (yield {key: written}).get(key)
    if first is None or not first.domain_state.serves:
        suspended = first is not None and first.domain_state is DomainState.SUSPENDED
        elsewhere = Resolution(False, "", 0, (), (), suspended)
        return Expansion(elsewhere, frozenset(walk.domains))
    frontier = walk.begin(first)
    depth = 0
    while frontier:
        depth += 1
        if depth > MAX_DEPTH:
            raise _too_far(key)
        found = yield {target: step.written for target, step in frontier.items()}
        frontier = {
            following: step
            for target, passed in frontier.items()
            for following, step in walk.arrive(target, passed, found.get(target)).items()
        }
    return Expansion(walk.resolution(first), frozenset(walk.domains), walk.returns)


@dataclass(slots=True)
class _Step:
    """A target on the way: as it was written, and the group that led there ("": none did)."""

    written: str
    group: str


@dataclass(slots=True)
class _Reached:
    """Whom one group reaches, or no group."""

    posting: Posting = Posting.ANYONE
    organization_id: int = 0
    accounts: dict[int, Account] = field(default_factory=dict)
    forwards: dict[str, None] = field(default_factory=dict)


class _Walk:
    """What has been seen so far."""

    def __init__(self, key: str, postmaster: str) -> None:
        self._key = key
        self._postmaster = postmaster
        self._seen = {key}
        self._accounts: set[int] = set()
        self._reached: dict[str, _Reached] = {"": _Reached()}
        self._suspended = False
        self._open = False  # groups behind the address are for everybody
        self.domains = {split_key(key)[1]}
        self.returns = False

    def begin(self, first: Entry) -> dict[str, _Step]:
        """Take note of the address itself; gives its targets."""
        # Bounces and complaints reach whoever answers, whatever a group on the way asks of posters.
        self._open = first.kind is Kind.OWNERS or (first.role and first.kind is not Kind.GROUP)
        return self._follow(self._key, first, "")

    def arrive(self, key: str, step: _Step, entry: Entry | None) -> dict[str, _Step]:
        """Take note of a target; gives the targets behind it."""
        self.domains.add(split_key(key)[1])
        if entry is not None and entry.domain_state is DomainState.SUSPENDED:
            self._suspended = True
            return {}
        if entry is None or not entry.domain_state.serves:
            # A domain that is not live here yet still lives where its MX says.
            self._reached[step.group].forwards[step.written] = None
            return {}
        return self._follow(key, entry, step.group)

    def _follow(self, key: str, entry: Entry, group: str) -> dict[str, _Step]:
        self.domains.add(entry.domain)
        match entry.kind:
            case Kind.ACCOUNT:
                self._arrive_at(entry, group)
                return {}
            case Kind.GROUP:
                return self._unseen(entry.targets, group or self._enter(entry))
            case Kind.OWNERS if not entry.targets:
                return self._unseen([f"postmaster@{entry.domain}"], group)
            case None:
                return self._unseen(self._stand_in(entry), group)
        return self._unseen(entry.targets, group)

    def _arrive_at(self, entry: Entry, group: str) -> None:
        account_id = entry.account_id
        if account_id is None or not entry.account_active:
            self._suspended = True
        elif account_id not in self._accounts:
            self._accounts.add(account_id)
            self._reached[group].accounts[account_id] = _account(account_id, entry)

    def _enter(self, entry: Entry) -> str:
        """The group that its members are reached by: the first one on the way decides."""
        if self._open:
            return ""
        if entry.address not in self._reached:
            posting = entry.posting or Posting.OWNERS
            self._reached[entry.address] = _Reached(posting, entry.organization_id)
        return entry.address

    def _stand_in(self, entry: Entry) -> tuple[str, ...]:
        """Who answers where nothing matches: somebody for postmaster and abuse, else nobody."""
        chosen = entry.contact or self._postmaster or entry.first_account
        return (chosen,) if entry.role and chosen else ()

    def _unseen(self, targets: Iterable[str], group: str) -> dict[str, _Step]:
        new: dict[str, _Step] = {}
        for target in targets:
            key = _key(target)
            self.returns = self.returns or key == self._key
            if key is not None and key not in self._seen:
                self._seen.add(key)
                new[key] = _Step(target, group)
        if len(self._seen) > MAX_ADDRESSES:
            raise _too_far(self._key)
        return new

    def resolution(self, first: Entry) -> Resolution:
        direct = self._reached.pop("")
        groups = tuple(
            Group(
                address,
                reached.organization_id,
                reached.posting,
                tuple(reached.accounts.values()),
                tuple(reached.forwards),
            )
            for address, reached in self._reached.items()
            if reached.accounts or reached.forwards
        )
        accounts, forwards = tuple(direct.accounts.values()), tuple(direct.forwards)
        return Resolution(
            local=True,
            organization=first.organization,
            organization_id=first.organization_id,
            accounts=accounts,
            forwards=forwards,
            suspended=self._suspended and not (accounts or forwards or groups),
            groups=groups,
            role=_stood_in(first),
        )


def _stood_in(first: Entry) -> bool:
    """True when whoever answers does so for want of another, or for many."""
    if first.kind is Kind.OWNERS:
        return not first.targets
    return first.role and first.kind is not Kind.ACCOUNT


def _account(account_id: int, entry: Entry) -> Account:
    return Account(
        id=account_id,
        organization_id=entry.organization_id,
        organization=entry.organization,
        domain_id=entry.domain_id,
        domain=entry.domain,
        address=entry.address,
        quota_bytes=entry.quota_bytes,
        active=True,
        quota_messages=entry.quota_messages,
    )


def _key(target: str) -> str | None:
    try:
        return parse_address(target, smtputf8=True).key
    except AddressError:  # written past the checks of `alias add`: it leads to no one
        return None


def _too_far(key: str) -> MailError:
    # RFC 3463 §3.4: X.3.5, system incorrectly configured.
    return MailError(451, "4.3.5", "Alias expands too far", f"alias {key}")
