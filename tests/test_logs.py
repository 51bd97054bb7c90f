"""A log line is one line, whatever a peer sent."""

import json
import logging
import subprocess
import sys

CODE = """
import logging
from mailserver import logs
from mailserver.settings import Logs
log = logs.logger("smtp")
logs.configure(Logs(level="info", format={form!r}), role="worker-1")
log.debug("not heard", secret="x")
log.info("message accepted", queue_id=7, sender="a\\r\\nb c", raw=b"\\xff\\x00")
logging.getLogger("library").warning("spoke %s", "up")
logging.getLogger("library").info("not heard")
"""


def lines(form: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", CODE.format(form=form)], capture_output=True, text=True, check=True
    )
    assert done.stdout == ""
    return done.stderr.splitlines()


def test_text_is_quoted_and_escaped() -> None:
    accepted, library = lines("text")
    assert accepted.endswith(
        r' info worker-1 smtp message accepted queue_id=7 sender="a\r\nb c" raw="' + "�" + r'\x00"'
    )
    assert library.endswith(" warning worker-1 library spoke up")


def test_json_is_one_object_a_line() -> None:
    accepted, library = map(json.loads, lines("json"))
    assert list(accepted)[:2] == ["time", "level"]
    assert accepted["event"] == "message accepted"
    assert (accepted["queue_id"], accepted["sender"]) == (7, "a\r\nb c")
    assert library["level"] == logging.getLevelName(logging.WARNING).lower()
