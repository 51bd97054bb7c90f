"""A program on a terminal: tmux draws the screen, the test reads it and types."""

import os
import shlex
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.support.programs import eventually, run, succeed

WIDTH, HEIGHT = 160, 50


class Terminal:
    """A running program in a tmux server of its own."""

    def __init__(self, socket: Path, ended: Path) -> None:
        self._tmux = ("tmux", "-S", str(socket), "-f", os.devnull)
        self._ended = ended  # here its exit status is written

    def start(self, command: Sequence[str | Path]) -> None:
        line = shlex.join(str(word) for word in command)
        line += f"; echo $? >{shlex.quote(str(self._ended))}"
        size = ("-x", str(WIDTH), "-y", str(HEIGHT))
        succeed(*self._tmux, "new-session", "-d", *size, line, TERM="xterm", TMUX="")

    def stop(self) -> None:
        run(*self._tmux, "kill-server")

    def screen(self) -> str:
        """What stands on it now."""
        return succeed(*self._tmux, "capture-pane", "-p")

    def type(self, *keys: str) -> None:
        """Press keys; tmux's names (Enter, Escape), or text."""
        succeed(*self._tmux, "send-keys", *keys)

    def status(self) -> int:
        """Wait for the program's end; gives its exit status."""
        return int(eventually(lambda: self._ended.exists() and self._ended.read_text()))

    def wait_for(self, *texts: str, seconds: float = 20.0) -> str:
        """The screen as soon as all `texts` are on it."""
        shown = ""

        def look() -> str:
            nonlocal shown
            shown = self.screen()
            return shown if all(text in shown for text in texts) else ""

        try:
            return eventually(look, seconds)
        except AssertionError:
            raise AssertionError(f"no {texts} on the screen:\n{shown}") from None


@contextmanager
def terminal(folder: Path, *command: str | Path) -> Iterator[Terminal]:
    """`command` on a screen; killed at the end."""
    # The path of a Unix socket is short: not below pytest's folders.
    socket = Path("/tmp") / f"screen-{uuid.uuid4().hex[:12]}"
    opened = Terminal(socket, folder / "ended")
    try:
        opened.start(command)
        yield opened
    finally:
        opened.stop()
        socket.unlink(missing_ok=True)
