"""What the documents say is so: RFC.md, QUIRKS.md, and where links lead."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, pairwise
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("mailserver", "smtp", "imap", "delivery")
NOTHING = "—"

# "RFC 3501 §6.4.5", "RFC 3464 and 6522", "RFC 5258, 5819, 6154"; a line may end behind "RFC".
_CITATION = re.compile(r"\bRFC[\s#-]+(\d+)(?: §[\d.]*\d)?((?:(?:,| and) \d{4}\b)*)")
_CELL_END = re.compile(r"(?<!\\)\|")
_CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\]\(<?([^)>\s]+)>?\)")


@dataclass(slots=True)
class Rfc:
    """A row of RFC.md; `where` is a path in the tree, or NOTHING."""

    group: str
    number: int
    title: str
    support: str
    where: str
    deviation: str


def rfcs() -> list[Rfc]:
    return [
        Rfc(group, int(number), title, support, where, deviation)
        for group, (number, title, support, where, deviation) in rows("RFC.md")
    ]


def rows(document: str) -> Iterator[tuple[str, list[str]]]:
    """(heading, cells) of each row of a document's tables, without their heads."""
    heading, head = "", True
    for line in (ROOT / document).read_text().splitlines():
        if line.startswith("#"):
            heading = line.lstrip("# ")
        if not line.startswith("|"):
            head = True
        elif line.startswith("|---"):
            head = False
        elif not head:
            cells = [cell.strip().removeprefix("`") for cell in _CELL_END.split(line)[1:-1]]
            yield heading, [cell.removesuffix("`") for cell in cells]


def sources() -> dict[str, str]:
    """path → text of everything that runs."""
    found = chain.from_iterable((ROOT / package).rglob("*") for package in PACKAGES)
    return {
        str(path.relative_to(ROOT)): path.read_text()
        for path in found
        if path.suffix in (".py", ".sql")
    }


def cited(text: str) -> set[int]:
    """The RFCs that `text` names."""
    numbers: set[int] = set()
    for first, more in _CITATION.findall(text):
        numbers |= {int(first), *map(int, re.findall(r"\d+", more))}
    return numbers


def documents() -> list[Path]:
    patterns = ("*.md", "docs/**/*.md", "benchmarks/README.md")
    return sorted(chain.from_iterable(map(ROOT.glob, patterns)))


# ── RFC.md ───────────────────────────────────────────────────────────────────────────────────


def test_citations_are_found_however_they_are_written() -> None:
    assert cited("RFC 5321 §4.2.1; RFC 3464 and 6522, or RFC 5258, 5819, 6154") == {
        *(5321, 3464, 6522, 5258, 5819, 6154)
    }
    assert cited("(RFC\n3501 §6.2.1) # as in RFC\n    # 2045 §5.1, 2183, 2231") == {
        *(3501, 2045, 2183, 2231)
    }
    assert cited("RFC822.SIZE, _RFC5322, RFC 5322 §4.3: 00-49 are 2000-2049") == {5322}


def test_every_rfc_the_code_cites_is_in_the_table() -> None:
    told = {rfc.number for rfc in rfcs() if rfc.support in ("Yes", "Partial")}
    missing = defaultdict(list)
    for path, text in sources().items():
        for number in cited(text) - told:
            missing[number].append(path)
    assert dict(missing) == {}


def test_where_is_a_file_that_cites_the_rfc() -> None:
    citing = {path: cited(text) for path, text in sources().items()}
    wrong = [
        (rfc.number, rfc.where)
        for rfc in rfcs()
        if rfc.support != "No" and rfc.number not in citing.get(rfc.where, set())
    ]
    assert wrong == []


def test_support_is_one_of_three_words() -> None:
    assert {rfc.support for rfc in rfcs()} == {"Yes", "Partial", "No"}


def test_what_is_not_there_is_nowhere_and_what_is_missing_is_told() -> None:
    found = rfcs()
    assert [
        rfc.number for rfc in found if (rfc.support == "No") is not (rfc.where == NOTHING)
    ] == []
    untold = [r.number for r in found if r.support != "Yes" and r.deviation in ("", NOTHING)]
    assert untold == []
    assert [rfc.number for rfc in found if not (rfc.title and rfc.deviation)] == []


def test_rfcs_stand_in_order_and_once() -> None:
    found = rfcs()
    out_of_order = [
        (above.number, below.number)
        for above, below in pairwise(found)
        if above.group == below.group and above.number >= below.number
    ]
    assert out_of_order == []
    assert [n for n, times in Counter(rfc.number for rfc in found).items() if times > 1] == []


# ── QUIRKS.md ────────────────────────────────────────────────────────────────────────────────


def test_each_quirk_has_its_line_and_each_line_its_quirk() -> None:
    told = Counter(where for _, (_protocol, _symptom, _answer, where) in rows("QUIRKS.md"))
    marked = Counter({path: text.count("QUIRKS:") for path, text in sources().items()})
    assert told == +marked


# ── links ────────────────────────────────────────────────────────────────────────────────────


def test_relative_links_lead_somewhere() -> None:
    found = documents()
    assert ROOT / "README.md" in found
    lost = [
        (str(path.relative_to(ROOT)), link)
        for path in found
        for link in _LINK.findall(_CODE.sub("", path.read_text()))
        if not re.match(r"[a-z]+:|#", link) and not _leads_somewhere(path.parent, link)
    ]
    assert lost == []


def _leads_somewhere(folder: Path, link: str) -> bool:
    target = (folder / link.partition("#")[0]).resolve()
    return target.exists() and target.is_relative_to(ROOT)
