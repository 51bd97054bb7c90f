"""The log: one line per event on stderr, as text or JSON; event words first, ids as keywords.

Secrets never become a keyword. What a peer sent can never break a line: values are quoted and
control characters escaped. An event below the level costs the call only (about 1 µs).
"""

import asyncio
import atexit
import contextlib
import logging
import re
import sys
from collections.abc import Callable, MutableMapping
from datetime import UTC, datetime
from typing import Any, cast

import msgspec
import structlog
from structlog.typing import FilteringBoundLogger as BoundLogger

from mailserver.settings import Logs

__all__ = ["BoundLogger", "configure", "logger"]

# What stands in a line as it is: ASCII without space, quote, equals sign, backslash.
_PLAIN = re.compile(r"[!#-<>-\[\]-~]+").fullmatch
_SPECIAL = frozenset(' "=\\')

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}

Event = MutableMapping[str, Any]


def logger(name: str) -> BoundLogger:
    """The log of one part of the server, such as "smtp"; made once per module."""
    return cast(BoundLogger, structlog.get_logger(part=name))


def configure(logs: Logs, *, role: str) -> None:
    """Set level and form for this process; `role` ("serve", "worker-1", "cli") is on each line.

    Libraries that use `logging` are heard from "warning" up, through the same lines.
    """
    _configure(_LEVELS[logs.level], _json if logs.format == "json" else _text, role)
    bridge = logging.getLogger()
    bridge.handlers = [_Bridge()]
    bridge.setLevel(max(logging.WARNING, _LEVELS[logs.level]))
    logging.captureWarnings(True)


def _configure(level: int, render: Callable[[str, str, Event], str], role: str) -> None:
    # One processor instead of structlog's usual chain: a line per message is on the hot path.
    def line(_: object, method: str, event: Event) -> str:
        event = structlog.processors.format_exc_info(None, method, event)
        event.setdefault("role", role)
        return render(datetime.now(UTC).isoformat(timespec="milliseconds"), method, event)

    structlog.configure(
        processors=[line],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: _OUTPUT,
        cache_logger_on_first_use=True,
    )


def _json(time: str, level: str, event: Event) -> str:
    text = {key: _decoded(value) for key, value in event.items()}
    return msgspec.json.encode({"time": time, "level": level, **text}, enc_hook=str).decode()


def _text(time: str, level: str, event: Event) -> str:
    head = f"{time} {level} {event.pop('role')} {event.pop('part', '-')}"
    words = _printable(str(event.pop("event")))
    trace = event.pop("exception", "")
    pairs = "".join([f" {key}={_quoted(value)}" for key, value in event.items()])
    line = f"{head} {words}{pairs}"
    return f"{line}\n{trace}" if trace else line


def _decoded(value: object) -> object:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _quoted(value: object) -> str:
    text = str(_decoded(value))
    if _PLAIN(text):
        return text
    if text and text.isprintable() and _SPECIAL.isdisjoint(text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{_printable(escaped)}"'


def _printable(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def unraisable(found: "sys.UnraisableHookArgs") -> None:
    """For sys.unraisablehook: one line. A stranger causes some, as by a name in TLS's SNI."""
    logger("python").warning(
        "exception ignored", cause=repr(found.exc_value), in_=repr(found.object)[:200]
    )


class _Output:
    """stderr, as it is at the moment of writing; that nobody reads it any more breaks no mail.

    What is logged in one turn of the event loop leaves in one write at its end.
    """

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._loop: asyncio.AbstractEventLoop | None = None  # where a flush is due

    def line(self, text: str) -> None:
        self._lines.append(text)
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.flush()
            return
        if loop is not self._loop:
            self._loop = loop
            loop.call_soon(self.flush)

    # structlog calls the method that is named as the level.
    debug = info = warning = error = critical = line

    def flush(self) -> None:
        self._loop = None
        lines, self._lines = self._lines, []
        if lines:
            with contextlib.suppress(OSError):
                sys.stderr.write("\n".join(lines) + "\n")
                sys.stderr.flush()


_OUTPUT = _Output()
atexit.register(_OUTPUT.flush)


class _Bridge(logging.Handler):
    """What libraries log by `logging`, in our lines."""

    def emit(self, record: logging.LogRecord) -> None:
        log = logger(record.name)
        log.log(record.levelno, record.getMessage().strip(), exc_info=record.exc_info or None)


# Before `configure` (in tests, in a tool that imports a module) only what goes wrong is said.
_configure(_LEVELS["warning"], _text, "-")
structlog.configure(cache_logger_on_first_use=False)
