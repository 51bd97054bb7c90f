"""What COPY and MOVE take along: the messages of one mailbox as columns for another. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from imap.mailboxes.columns import SEEN
from imap.mailboxes.state import MailboxState
from imap.mailboxes.writing import Span
from mailserver.storage.keywords import SYSTEM_BITS, SYSTEM_MASK, keyword_mask


@dataclass(slots=True)
class Copied:
    """What COPYUID says (RFC 4315): pairs of UIDs, both ascending."""

    uid_validity: int
    sources: list[int]
    targets: list[int]
    modseq: int = 0  # of the removal, when they were moved


@dataclass(slots=True)
class Copies:
    """The messages, in order; `flags` are masks with the keywords of `table`."""

    sources: list[int]  # UIDs
    message_ids: list[int]
    flags: list[int]
    table: list[str]

    @property
    def unseen(self) -> int:
        """How many lack \\Seen."""
        return sum(not flags & SEEN for flags in self.flags)

    @property
    def words(self) -> list[str]:
        """The keywords that they have."""
        used = 0
        for flags in self.flags:
            used |= flags
        return [word for k, word in enumerate(self.table) if used >> (SYSTEM_BITS + k) & 1]

    def translate(self, table: list[str]) -> None:
        """Make the masks ones with the keywords of `table`; what it lacks is left out."""
        bits = [keyword_mask(table, [word]) for word in self.table]
        self.flags = [
            flags & SYSTEM_MASK
            | sum(bit for k, bit in enumerate(bits) if flags >> (SYSTEM_BITS + k) & 1)
            for flags in self.flags
        ]
        self.table = table


def pick_copies(state: MailboxState, spans: Sequence[Span], keep: int) -> Copies:
    """The messages of the index ranges `spans` with those of their flags that are in `keep`."""
    columns = state.columns
    system = bytes(value & keep & SYSTEM_MASK for value in range(256))
    copies = Copies([], [], [], state.keywords)
    for start, end in spans:
        copies.sources += columns.uids[start:end]
        copies.message_ids += columns.message_ids[start:end]
        flags: Sequence[int] = columns.system[start:end].translate(system)
        if columns.keywords is not None:
            words = columns.keywords[start:end]
            kept = keep >> SYSTEM_BITS
            flags = [f | (w & kept) << SYSTEM_BITS for f, w in zip(flags, words, strict=True)]
        copies.flags += flags
    return copies
