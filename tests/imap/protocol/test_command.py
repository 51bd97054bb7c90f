"""Commands as RFC 3501 shows them, as the extensions add to them, and as they must not be."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from imap.protocol.append import Append, AppendMessage
from imap.protocol.catenate import Text
from imap.protocol.command import Command, Request, parse_command
from imap.protocol.copy import Copy, Move
from imap.protocol.errors import ParseError
from imap.protocol.events import Frame
from imap.protocol.fetch import BodyItem, Fetch, FetchAttribute
from imap.protocol.mailbox import Create, Delete, Rename, Subscribe, Unsubscribe
from imap.protocol.mailbox_name import encode_mailbox_name
from imap.protocol.search import (
    AndKey,
    DateField,
    DateKey,
    FlagKey,
    HeaderKey,
    NotKey,
    Order,
    Search,
)
from imap.protocol.section import Section, SectionKind
from imap.protocol.select import Check, Close, Expunge, Select, Unselect
from imap.protocol.sequence import STAR, SequenceSet
from imap.protocol.session import (
    Authenticate,
    Capability,
    Enable,
    Id,
    Idle,
    Login,
    Logout,
    Namespace,
    Noop,
    StartTls,
)
from imap.protocol.status import Status, StatusItem
from imap.protocol.store import Store, StoreMode

Parse = Callable[[bytes], Command]


def numbers(*ranges: tuple[int, int]) -> SequenceSet:
    return SequenceSet(ranges)


RFC_3501 = [
    # §6.1
    (b"abcd CAPABILITY", Capability()),
    (b"a002 NOOP", Noop()),
    (b"A023 LOGOUT", Logout()),
    # §6.2
    (b"a002 STARTTLS", StartTls()),
    (b"A001 AUTHENTICATE GSSAPI", Authenticate("GSSAPI")),
    (b"a001 LOGIN SMITH SESAME", Login(b"SMITH", b"SESAME")),
    # §6.3
    (b"A142 SELECT INBOX", Select("INBOX", read_only=False)),
    (b"A932 EXAMINE blurdybloop", Select("blurdybloop", read_only=True)),
    (b"A003 CREATE owatagusiam/", Create("owatagusiam")),
    (b"A004 CREATE owatagusiam/blurdybloop", Create("owatagusiam/blurdybloop")),
    (b"A683 DELETE blurdybloop", Delete("blurdybloop")),
    (b"A683 RENAME blurdybloop sarasoop", Rename("blurdybloop", "sarasoop")),
    (b"Z432 RENAME INBOX old-mail", Rename("INBOX", "old-mail")),
    (b"A002 SUBSCRIBE #news.comp.mail.mime", Subscribe("#news.comp.mail.mime")),
    (b"A002 UNSUBSCRIBE #news.comp.mail.mime", Unsubscribe("#news.comp.mail.mime")),
    (
        b"A042 STATUS blurdybloop (UIDNEXT MESSAGES)",
        Status("blurdybloop", (StatusItem.UIDNEXT, StatusItem.MESSAGES)),
    ),
    (
        b"A003 APPEND saved-messages (\\Seen) {3}\r\nabc",
        Append("saved-messages", (AppendMessage(("\\Seen",), None, (Text(b"abc"),)),)),
    ),
    # §6.4
    (b"FXXZ CHECK", Check()),
    (b"A341 CLOSE", Close()),
    (b"A202 EXPUNGE", Expunge()),
    (
        b'A282 SEARCH FLAGGED SINCE 1-Feb-1994 NOT FROM "Smith"',
        Search(
            AndKey(
                (
                    FlagKey("\\Flagged"),
                    DateKey(DateField.INTERNAL, Order.NOT_LESS, date(1994, 2, 1)),
                    NotKey(HeaderKey(b"FROM", b"Smith")),
                )
            )
        ),
    ),
    (
        b"A654 FETCH 2:4 (FLAGS BODY[HEADER.FIELDS (DATE FROM)])",
        Fetch(
            numbers((2, 4)),
            (
                FetchAttribute.FLAGS,
                BodyItem(Section((), SectionKind.HEADER_FIELDS, (b"DATE", b"FROM"))),
            ),
        ),
    ),
    (
        b"A003 STORE 2:4 +FLAGS (\\Deleted)",
        Store(numbers((2, 4)), StoreMode.ADD, silent=False, flags=("\\Deleted",)),
    ),
    (b"A003 COPY 2:4 MEETING", Copy(numbers((2, 4)), "MEETING")),
    (
        b"A999 UID FETCH 4827313:4828442 FLAGS",
        Fetch(numbers((4827313, 4828442)), (FetchAttribute.FLAGS,), by_uid=True),
    ),
    # §8
    (b"a001 login mrc secret", Login(b"mrc", b"secret")),
    (b"a002 select inbox", Select("INBOX", read_only=False)),
    (
        b"a003 fetch 12 full",
        Fetch(
            numbers((12, 12)),
            (
                FetchAttribute.FLAGS,
                FetchAttribute.INTERNALDATE,
                FetchAttribute.RFC822_SIZE,
                FetchAttribute.ENVELOPE,
                FetchAttribute.BODY,
            ),
        ),
    ),
    (
        b"a004 fetch 12 body[header]",
        Fetch(numbers((12, 12)), (BodyItem(Section(kind=SectionKind.HEADER)),)),
    ),
    (
        b"a005 store 12 +flags \\deleted",
        Store(numbers((12, 12)), StoreMode.ADD, silent=False, flags=("\\Deleted",)),
    ),
    (b"a006 logout", Logout()),
]

EXTENSIONS = [
    # RFC 4959
    (b"A01 AUTHENTICATE PLAIN dGVzdAB0ZXN0AHRlc3Q=", Authenticate("PLAIN", b"test\0test\0test")),
    (b"A01 AUTHENTICATE external =", Authenticate("EXTERNAL", b"")),
    # RFC 2177, RFC 2342, RFC 3691
    (b"A002 IDLE", Idle()),
    (b"A001 NAMESPACE", Namespace()),
    (b"A1 UNSELECT", Unselect()),
    # RFC 4315, RFC 6851
    (b"A003 UID EXPUNGE 3000:3002", Expunge(numbers((3000, 3002)))),
    (b"a UID MOVE 42:69 foo", Move(numbers((42, 69)), "foo", by_uid=True)),
    (b"a MOVE 1:* foo", Move(numbers((1, STAR)), "foo")),
    # RFC 5161
    (b"t1 ENABLE condstore X-GOOD-IDEA", Enable(("CONDSTORE", "X-GOOD-IDEA"))),
    # RFC 2971
    (b"a023 ID NIL", Id(())),
    (
        b'a023 ID ("name" "sodr" "Version" "19.34" "vendor" NIL)',
        Id(((b"name", b"sodr"), (b"version", b"19.34"), (b"vendor", None))),
    ),
    # RFC 6154
    (b"t1 CREATE MySpecial (USE (\\Drafts \\sent))", Create("MySpecial", ("\\Drafts", "\\Sent"))),
    (b"t1 CREATE Everything (USE (\\Other))", Create("Everything", ("\\Other",))),
]


@pytest.mark.parametrize(("line", "command"), [*RFC_3501, *EXTENSIONS])
def test_known_commands(
    request_of: Callable[[bytes], Request], line: bytes, command: Command
) -> None:
    request = request_of(line)
    assert request.tag == line.split(b" ")[0]
    assert request.command == command


def test_append_takes_flags_date_and_several_messages(parse: Parse) -> None:
    west = timezone(timedelta(hours=-7))
    line = (
        b'APPEND "Sent" (\\Seen foo) "17-Jul-1996 02:44:25 -0700" {3}\r\nabc'
        b" ~{2+}\r\n\0\0 () {0}\r\n"
    )
    assert parse(line) == Append(
        "Sent",
        (
            AppendMessage(
                ("\\Seen", "foo"), datetime(1996, 7, 17, 2, 44, 25, tzinfo=west), (Text(b"abc"),)
            ),
            AppendMessage((), None, (Text(b"\0\0", binary=True),)),
            AppendMessage((), None, (Text(b""),)),
        ),
    )
    assert parse(b'APPEND x " 1-Jan-2020 00:00:00 +0000" {1}\r\nx') == Append(
        "x", (AppendMessage((), datetime(2020, 1, 1, tzinfo=UTC), (Text(b"x"),)),)
    )


@pytest.mark.parametrize(
    ("line", "login"),
    [
        (b'"alice" "se cret"', Login(b"alice", b"se cret")),
        (b'"al\\"i\\\\ce" ""', Login(b'al"i\\ce', b"")),
        (b"{5}\r\nalice {6+}\r\nse\r\nct", Login(b"alice", b"se\r\nct")),
        (b"alice@example.test p]w", Login(b"alice@example.test", b"p]w")),
        (b"NIL nil", Login(b"NIL", b"nil")),
    ],
)
def test_strings_come_as_atoms_quoted_or_literals(parse: Parse, line: bytes, login: Login) -> None:
    assert parse(b"LOGIN " + line) == login


@pytest.mark.parametrize(
    ("item", "mode", "silent"),
    [
        (b"FLAGS", StoreMode.REPLACE, False),
        (b"FLAGS.SILENT", StoreMode.REPLACE, True),
        (b"+flags.silent", StoreMode.ADD, True),
        (b"-FLAGS", StoreMode.REMOVE, False),
    ],
)
def test_store_items(parse: Parse, item: bytes, mode: StoreMode, silent: bool) -> None:
    expected = Store(numbers((1, 1)), mode, silent, ("\\Seen", "$Junk"), by_uid=True)
    assert parse(b"UID STORE 1 " + item + b" (\\SEEN $Junk)") == expected
    assert parse(b"UID STORE 1 " + item + b" \\SEEN $Junk") == expected


def test_store_can_take_all_flags_away(parse: Parse) -> None:
    assert parse(b"STORE 1 FLAGS ()") == Store(numbers((1, 1)), StoreMode.REPLACE, False, ())


# Real clients' habits, as QUIRKS.md lists them.
QUIRKS = [
    # spaces before the end of the line
    (b"NOOP ", Noop()),
    (b"SELECT INBOX  ", Select("INBOX", read_only=False)),
    (b"AUTHENTICATE PLAIN ", Authenticate("PLAIN")),
    (b"SEARCH UNSEEN ", Search(FlagKey("\\Seen", present=False))),
    # more than one space, and spaces inside of parentheses
    (b"LOGIN  alice   secret", Login(b"alice", b"secret")),
    (
        b"FETCH 1 ( FLAGS  UID )",
        Fetch(numbers((1, 1)), (FetchAttribute.FLAGS, FetchAttribute.UID)),
    ),
    (b"STORE 1 FLAGS ( )", Store(numbers((1, 1)), StoreMode.REPLACE, False, ())),
    # 8-bit strings without a literal
    ("LOGIN alice pässword".encode(), Login(b"alice", "pässword".encode())),
    ('LOGIN "ålice" "pässword"'.encode(), Login("ålice".encode(), "pässword".encode())),
    ('SEARCH SUBJECT "åäö"'.encode(), Search(HeaderKey(b"SUBJECT", "åäö".encode()))),
    # an empty list instead of NIL
    (b"ID ()", Id(())),
    # a system flag as a keyword
    (b"SEARCH KEYWORD \\Seen", Search(FlagKey("\\Seen"))),
]


@pytest.mark.parametrize(("line", "command"), QUIRKS)
def test_quirks_of_real_clients_are_understood(parse: Parse, line: bytes, command: Command) -> None:
    assert parse(line) == command


BROKEN = [
    (b"", None, 0),
    (b" NOOP", None, 0),
    (b"+a NOOP", None, 0),
    (b"(a NOOP", None, 0),
    (b"a\xff NOOP", b"a", 1),
    (b"a1", b"a1", 2),
    (b"a1 ", b"a1", 3),
    (b"a1 XYZZY", b"a1", 3),
    (b"a1 NOOP x", b"a1", 7),
    (b"a1 NO\0OP", b"a1", 3),
    (b"a1\tNOOP", b"a1", 2),
    (b"a1 NOOP\r", b"a1", 7),
    (b"a1 UID", b"a1", 6),
    (b"a1 UID NOOP", b"a1", 7),
    (b"a1 LOGIN alice", b"a1", 14),
    (b'a1 LOGIN alice "secret', b"a1", 15),
    (b'a1 LOGIN alice "sec\\ret"', b"a1", 15),
    (b'a1 LOGIN alice "a"b', b"a1", 18),
    (b"a1 LOGIN alice a\0b", b"a1", 16),
    (b"a1 LOGIN alice {3}\r\na\0b", b"a1", 15),
    (b"a1 LOGIN alice ~{1}\r\na", b"a1", 16),
    (b"a1 LOGIN alice{1}\r\na", b"a1", 14),
    (b'a1 LOGIN alice "{1}\r\na"', b"a1", 15),
    (b"a1 AUTHENTICATE PLAIN abc", b"a1", 22),
    (b"a1 AUTHENTICATE PLAIN ab=c", b"a1", 22),
    (b"a1 SELECT caf\xc3\xa9", b"a1", 13),
    (b'a1 SELECT "caf\xc3\xa9"', b"a1", 10),
    (b"a1 SELECT R&D", b"a1", 11),
    (b"a1 SELECT x*", b"a1", 11),
    (b"a1 CREATE x (USED (\\Sent))", b"a1", 13),
    (b"a1 STATUS x ()", b"a1", 13),
    (b"a1 STATUS x (FOO)", b"a1", 13),
    (b"a1 APPEND x", b"a1", 11),
    (b'a1 APPEND x "message"', b"a1", 12),
    (b'a1 APPEND x "31-Feb-2020 00:00:00 +0000" {1}\r\nx', b"a1", 12),
    (b"a1 FETCH 0 FLAGS", b"a1", 9),
    (b"a1 FETCH 1,0 FLAGS", b"a1", 11),
    (b"a1 FETCH 1 ()", b"a1", 12),
    (b"a1 FETCH 1 FLAGS UID", b"a1", 16),
    (b"a1 FETCH 1 (FLAGS", b"a1", 17),
    (b"a1 FETCH 1 (ALL)", b"a1", 12),
    (b"a1 STORE 1 FLAGZ (a)", b"a1", 11),
    (b"a1 STORE 1 FLAGS (a", b"a1", 19),
    (b"a1 STORE 1 FLAGS (\\*)", b"a1", 18),
    (b"a1 COPY 1", b"a1", 9),
    (b"a1 UID EXPUNGE", b"a1", 14),
    (b"a1 ENABLE", b"a1", 9),
    (b'a1 ID ("name")', b"a1", 13),
    (b'a1 ID "name"', b"a1", 6),
    (b"a1 ID (" + b'"a" "b" ' * 31 + b")", b"a1", 6),
    (b'a1 ID ("name" "' + b"x" * 1025 + b'")', b"a1", 7),
]


@pytest.mark.parametrize(("line", "tag", "position"), BROKEN)
def test_errors_carry_the_tag_and_the_place(
    request_of: Callable[[bytes], Request], line: bytes, tag: bytes | None, position: int
) -> None:
    with pytest.raises(ParseError) as error:
        request_of(line)
    assert (error.value.tag, error.value.position) == (tag, position)
    assert error.value.text.isascii()
    assert error.value.text.isprintable()


@pytest.mark.parametrize("line", [b"LOGIN alice secret", b"AUTHENTICATE PLAIN c2VjcmV0"])
def test_a_printed_command_shows_no_password(parse: Parse, line: bytes) -> None:
    assert "secret" not in repr(parse(line))


@pytest.mark.parametrize("utf8", [False, True])
def test_names_are_made_nfc_and_what_was_said_is_known(
    frame_of: Callable[[bytes], Frame], utf8: bool
) -> None:
    said, normal = "e\u0301te\u0301", "été"
    name = encode_mailbox_name(said, utf8=utf8)
    frame = frame_of(b'a1 RENAME "%b" "new"\r\n' % name)
    assert parse_command(frame, utf8=utf8) == Request(b"a1", Rename(normal, "new"), {normal: said})
    frame = frame_of(b'a1 RENAME "%b" "new"\r\n' % encode_mailbox_name(normal, utf8=utf8))
    assert parse_command(frame, utf8=utf8) == Request(b"a1", Rename(normal, "new"))


def test_a_long_run_of_marks_is_not_put_in_order(frame_of: Callable[[bytes], Frame]) -> None:
    name = "e" + "\u0301\u0323" * 15_000
    frame = frame_of(b'a1 SELECT "%b"\r\n' % name.encode())
    assert parse_command(frame, utf8=True).said == {}
