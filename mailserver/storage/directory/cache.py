"""What a process remembers of the directory until a domain is told to have changed.

Invariant: an answer asked for before an invalidation and given after it is never remembered. So
whoever looks something up takes `generation` first and hands it to `put`.
"""

from collections import OrderedDict
from collections.abc import Iterable
from typing import Generic, TypeVar

V = TypeVar("V")


class DirectoryCache(Generic[V]):
    """Key → value, at most `size` of them; the one not asked for the longest goes first.

    Each value is tagged with the domains it was made from.
    """

    def __init__(self, size: int) -> None:
        self.generation = 0  # of the directory, as far as this process was told
        self._size = size
        self._values: OrderedDict[str, tuple[V, tuple[str, ...]]] = OrderedDict()
        self._keys: dict[str, set[str]] = {}  # domain → keys tagged with it

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: str) -> V | None:
        found = self._values.get(key)
        if found is None:
            return None
        self._values.move_to_end(key)
        return found[0]

    def put(self, key: str, value: V, domains: Iterable[str], *, generation: int) -> None:
        """Remember `value`, unless anything was invalidated since `generation`."""
        if generation != self.generation:
            return
        self._forget(key)
        tags = tuple(domains)
        self._values[key] = (value, tags)
        for domain in tags:
            self._keys.setdefault(domain, set()).add(key)
        if len(self._values) > self._size:
            self._forget(next(iter(self._values)))

    def invalidate(self, domain: str) -> None:
        """Forget what was made from `domain`; everything when it is ""."""
        self.generation += 1
        if not domain:
            self._values.clear()
            self._keys.clear()
            return
        for key in tuple(self._keys.get(domain, ())):
            self._forget(key)

    def _forget(self, key: str) -> None:
        found = self._values.pop(key, None)
        if found is None:
            return
        for domain in found[1]:
            keys = self._keys[domain]
            keys.discard(key)
            if not keys:
                del self._keys[domain]
