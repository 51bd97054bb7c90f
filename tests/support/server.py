"""A real `mailserver serve` of a test's own, on free ports."""

import contextlib
import json
import os
import queue
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil

DOORS = ("smtp", "submission", "submissions", "imap", "imaps", "http", "lmtp")
COMMAND = str(Path(sys.executable).with_name("mailserver"))

_READY = 60.0  # seconds
_STOP = 40.0


def free_ports(count: int) -> list[int]:
    """Ports nobody has; below the range from which the kernel takes ports of clients."""
    found: list[int] = []
    while len(found) < count:
        port = random.randint(15000, 32000)
        with socket.socket() as sock, contextlib.suppress(OSError):
            sock.bind(("127.0.0.1", port))
            found.append(port)
    return found


class Server:
    """Starts, stops, kills; `output` is every line it printed."""

    def __init__(
        self,
        data: Path,
        *,
        roles: Sequence[str] = (),
        workers: int = 2,
        command: Sequence[str] = (COMMAND,),
        **settings: str,
    ) -> None:
        self.data = data
        self.command = command  # how `mailserver` is run
        self.ports = dict(zip(DOORS, free_ports(len(DOORS)), strict=True))
        self.roles = roles
        self.environment = {
            **{key: value for key, value in os.environ.items() if "MAILSERVER" not in key},
            "MAILSERVER_DATA_DIR": str(data),
            "MAILSERVER__WORKERS": str(workers),
            "MAILSERVER__DRAIN_TIMEOUT": "5.0",
            **{f"MAILSERVER__LISTEN__{door.upper()}": str(p) for door, p in self.ports.items()},
            **settings,
        }
        self.output: list[str] = []
        self.process: subprocess.Popen[str] | None = None
        self._lines: queue.Queue[str | None] = queue.Queue()

    # ── its life ────────────────────────────────────────────────────────────────────────────

    def start(self) -> None:
        """Return when it says that it is ready; AssertionError with its output when it does not."""
        self.launch()
        deadline = time.monotonic() + _READY
        while "mailserver ready" not in self.output:
            try:
                line = self._lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                line = None
            if line is None:
                self.kill_tree()
                raise AssertionError("not ready:\n" + "\n".join(self.output))

    def launch(self) -> None:
        """Start it and do not wait."""
        self.output.clear()
        self._lines = queue.Queue()
        roles = ["--role", ",".join(self.roles)] if self.roles else []
        self.process = subprocess.Popen(
            [*self.command, "serve", *roles],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        threading.Thread(target=self._read, args=(self.process, self._lines), daemon=True).start()

    def _read(self, process: subprocess.Popen[str], lines: queue.Queue[str | None]) -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                self.output.append(line.rstrip("\n"))
                lines.put(line)
        lines.put(None)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Ask it to end and wait; gives its exit status."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        """Wait for its end; gives its exit status."""
        assert self.process is not None
        try:
            return self.process.wait(_STOP)
        except subprocess.TimeoutExpired:
            self.kill_tree()
            raise AssertionError("it does not end:\n" + "\n".join(self.output)) from None

    def kill_tree(self) -> None:
        """kill -9 of the parent, the workers and Postgres, parents first."""
        assert self.process is not None
        for process in self.tree():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.wait()

    # ── what it is made of ──────────────────────────────────────────────────────────────────

    def tree(self) -> list[psutil.Process]:
        """The parent and everything below it."""
        assert self.process is not None
        with contextlib.suppress(psutil.NoSuchProcess):
            parent = psutil.Process(self.process.pid)
            return [parent, *parent.children(recursive=True)]
        return []

    def workers(self) -> list[psutil.Process]:
        return [
            process
            for process in self.tree()
            if any("mailserver.processes.worker" in word for word in _words(process))
        ]

    @property
    def logins(self) -> dict[str, str]:
        """Passwords by address, as printed."""
        words = [line.split() for line in self.output if line.startswith("login ")]
        return {address: password for _, address, password in words}

    # ── its command line ────────────────────────────────────────────────────────────────────

    def cli(self, *arguments: str, input: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run `mailserver ARGUMENTS` with this server's settings."""
        return subprocess.run(
            [*self.command, *arguments],
            env=self.environment,
            input=input,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def json(self, *arguments: str) -> Any:
        """What a reading command prints with --json; it must succeed."""
        done = self.cli(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


def _words(process: psutil.Process) -> list[str]:
    with contextlib.suppress(psutil.NoSuchProcess):
        return list(process.cmdline())
    return []


@contextlib.contextmanager
def running(data: Path, **options: Any) -> Iterator[Server]:
    """A server that is ready; killed at the end if the test did not stop it."""
    server = Server(data, **options)
    try:
        server.start()
        yield server
    finally:
        if server.process is not None and server.process.poll() is None:
            server.kill_tree()
