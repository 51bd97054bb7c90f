"""mutt and NeoMutt on a terminal: a day's work in one mailbox."""

from pathlib import Path

import pytest

from tests.support.letters import await_one, parsed
from tests.support.mutt import configure
from tests.support.owner import Owner, word_of
from tests.support.programs import eventually, require
from tests.support.terminal import terminal


@pytest.mark.parametrize("program", ["mutt", "neomutt"])
def test_opens_flags_moves_deletes_and_sends(owner: Owner, tmp_path: Path, program: str) -> None:
    require(program, "tmux")
    kept, moved, deleted = owner.letters(3)
    config = configure(tmp_path, owner.server, owner.address, owner.password)
    # A text is written by a program; mutt asks about one that did not change it.
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nsleep 1\nprintf "written here\\n" >>"$1"\n')
    editor.chmod(0o755)
    if program == "neomutt":  # of SCRAM its SMTP does not know
        config.write_text(config.read_text().replace("scram-sha-256", "plain"))
    with config.open("a") as file:
        file.write(f'set editor = "{editor}"\nset include = no\n')
    with terminal(tmp_path, program, "-n", "-F", config) as screen:
        screen.wait_for(kept.word, moved.word, deleted.word)
        screen.type("1", "Enter", "F")  # flag
        screen.wait_for("Flag:1")
        screen.type("2", "Enter", "s")
        screen.wait_for("Save to mailbox")
        screen.type("C-u", "=Archive", "Enter")
        eventually(lambda: len(owner.read("Archive")) == 1)
        screen.type("3", "Enter", "d", "$")
        eventually(lambda: len(owner.read()) == 1)
        screen.type("1", "Enter", "Enter")
        screen.wait_for("Grüße aus Köln")
        screen.type("q", "m")
        screen.wait_for("To:")
        screen.type(owner.address, "Enter")
        screen.wait_for("Subject:")
        screen.type(f"sent-by-{program}", "Enter")
        screen.wait_for("y:Send")
        screen.type("y")
        sent = await_one(
            owner.server, owner.address, "SUBJECT", f"sent-by-{program}", password=owner.password
        )
        screen.type("q")
        assert screen.status() == 0
    body = parsed(sent).get_body()
    assert body is not None
    assert body.get_content() == "written here\r\n"
    assert [word_of(message) for message in owner.read("Archive")] == [moved.word]
    assert owner.flags()[kept.word] == {"\\Flagged", "\\Seen"}
    assert len(owner.read("Sent")) == 1
