"""config/mailserver.example.toml shows every key with its default, each with its reason."""

import itertools
import re
import tomllib
from pathlib import Path

import msgspec

from mailserver.settings import Settings, load

EXAMPLE = Path(__file__).parents[2] / "config" / "mailserver.example.toml"


def test_example_holds_every_key_with_its_default() -> None:
    shown = tomllib.loads(EXAMPLE.read_text())
    # By way of JSON, where a tuple is an array as it is in TOML.
    assert shown == msgspec.json.decode(msgspec.json.encode(Settings()))


def test_example_loads_as_the_embedded_default() -> None:
    assert load(str(EXAMPLE), {}) == Settings()


def test_every_key_has_a_comment() -> None:
    lines = EXAMPLE.read_text().splitlines()
    bare = []
    for above, line in itertools.pairwise(lines):
        if re.match(r"\w+ = ", line) and not above.startswith("#"):
            bare.append(line)
    # A key and its secret are one matter, under one comment.
    assert bare == ['secret_key = ""']
