"""What a FETCH tells of each message, as its command asks for it, and where it is made of."""

from dataclasses import dataclass, field

from imap.messages import static
from imap.messages.sections import is_cached
from imap.protocol.fetch import BodyItem, Fetch, FetchAttribute, SectionItem
from imap.session import Session
from mailserver.storage.messages import Column

COLUMNS = {
    **dict.fromkeys(static.ATTRIBUTES, Column.STATIC),
    FetchAttribute.BODY: Column.BODY,
    FetchAttribute.BODYSTRUCTURE: Column.BODYSTRUCTURE,
    FetchAttribute.THREADID: Column.THREAD,
}


_UID_AND_MODSEQ = (FetchAttribute.UID, FetchAttribute.MODSEQ)
_OF_MAILBOX = frozenset(
    (
        *_UID_AND_MODSEQ,
        *(FetchAttribute.EMAILID, FetchAttribute.SAVEDATE),
    )
)


def modseq_items(session: Session) -> list[FetchAttribute]:
    """What RFC 7162 §3.2.4 adds to responses; all is in the mailbox's columns."""
    # RFC 9586 §3: UIDFETCH tells the UID anyway.
    return [FetchAttribute.MODSEQ] if session.uid_only else [*_UID_AND_MODSEQ]


@dataclass(slots=True)
class Items:
    """What is told of each message; the items without FLAGS keep the client's order."""

    attributes: list[FetchAttribute]
    flags: bool = False
    sections: list[SectionItem] = field(default_factory=list)
    sets_seen: bool = False
    cached: list[bool] = field(init=False)  # of `sections`: can be made of what the row keeps
    columns: frozenset[Column] = field(init=False)  # that the attributes are made of

    def __post_init__(self) -> None:
        self.cached = [
            isinstance(item, BodyItem) and is_cached(item.section) for item in self.sections
        ]
        self.columns = frozenset(COLUMNS[item] for item in self.attributes if item in COLUMNS)

    @classmethod
    def of(cls, session: Session, command: Fetch) -> "Items":
        # RFC 3501 §6.4.8: UID is in every response to a UID command, asked for or not;
        # RFC 9586 §3: but in UIDFETCH, which begins with it.
        asked = [FetchAttribute.UID] if command.by_uid and not session.uid_only else []
        if command.modifiers.changed_since is not None:
            asked.append(FetchAttribute.MODSEQ)  # RFC 7162 §3.1.4.1
        sections = [item for item in command.items if not isinstance(item, FetchAttribute)]
        # RFC 3501 §6.4.5: only BODY.PEEK leaves \Seen alone, and so does EXAMINE (§6.3.2).
        # RFC 3516 §4.2: BINARY.PEEK and BINARY.SIZE do too. RFC 4314 §4: without `s` all do.
        selected = session.mailbox()
        read_only = selected.view.read_only or not selected.access.may("s")
        sets_seen = not read_only and any(not item.peek for item in sections)
        if sets_seen and session.condstore:
            asked += modseq_items(session)  # RFC 7162 §3.2.4
        items = [*asked, *command.items]
        attributes = [item for item in items if isinstance(item, FetchAttribute)]
        return cls(
            [item for item in dict.fromkeys(attributes) if item is not FetchAttribute.FLAGS],
            FetchAttribute.FLAGS in attributes,
            [item for place, item in enumerate(sections) if item not in sections[:place]],
            sets_seen,
        )

    @property
    def static(self) -> frozenset[FetchAttribute]:
        """Which of the ready-made static items are told."""
        return frozenset(self.attributes).intersection(static.ATTRIBUTES)

    @property
    def needs_rows(self) -> bool:
        """True if the mailbox's columns are not enough."""
        return bool(self.sections) or not _OF_MAILBOX.issuperset(self.attributes)

    @property
    def in_columns(self) -> bool:
        """True if columns of ready-made bytes are enough, as far as they are kept."""
        return all(self.cached) and FetchAttribute.PREVIEW not in self.attributes
