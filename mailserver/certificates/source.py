"""Where certificates come from: files now; whatever answers these two questions can be one.

A source is asked inside a handshake, which the event loop waits for. So it answers from this host,
in microseconds; what lies in a database has to be brought here before.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


@dataclass(slots=True)
class Pair:
    """A certificate chain, leaf first, and its private key without a passphrase, both PEM."""

    chain: bytes
    key: bytes = field(repr=False)


class Source(Protocol):
    """Certificates by name: lower case, A-labels, no trailing dot; "*." begins a wildcard's."""

    def version(self, name: str) -> object:
        """Equal as long as `find` would give the same; None: nothing is there."""

    def find(self, name: str) -> Pair | None:
        """The certificate of `name`; OSError when it cannot be read."""


@dataclass(slots=True)
class Files:
    """One pair in two files, which may be the same, for whatever name."""

    chain: Path
    key: Path

    def version(self, name: str) -> object:
        chain = _version(self.chain)
        return None if chain is None else (chain, _version(self.key))

    def find(self, name: str) -> Pair | None:
        return Pair(self.chain.read_bytes(), self.key.read_bytes())


@dataclass(slots=True)
class Folder:
    """Pairs NAME/fullchain.pem and NAME/privkey.pem."""

    directory: Path

    def version(self, name: str) -> object:
        return self._files(name).version(name)

    def find(self, name: str) -> Pair | None:
        return self._files(name).find(name)

    def _files(self, name: str) -> Files:
        folder = self.directory / name
        return Files(folder / "fullchain.pem", folder / "privkey.pem")


def _version(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
